"""Every endpoint: the right answer, and one line of JSON where there is none."""

import base64
import io
import json

import image_cases
import numpy as np
import pytest
import tiny_served
from PIL import Image

pytest.importorskip("starlette", reason="needs the extra `serve`")

from starlette.testclient import TestClient

from tf_twostage.reporting import grids
from tf_twostage.serving.app import make_app
from tf_twostage.serving.limits import Limits

LIMITS = Limits(body_bytes=100_000, image_pixels=10_000, rows=40, samples=30)
PREDICT = "/v1/models/tiny:predict"
SEED = np.array([7, 0], np.int32)


@pytest.fixture(scope="module")
def client(model):
    with TestClient(make_app(model, "tiny", LIMITS), raise_server_exceptions=False) as client:
        yield client


def predict(client, signature, inputs, path=PREDICT):
    answer = client.post(path, json={"signature_name": signature, "inputs": inputs})
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


def generated(model, count, name="generate"):
    return model.call(name, {"count": np.int32(count), "seed": SEED})["images"]


def png(array):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG")
    return stream.getvalue()


def opened(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def error(answer, status):
    """The line of an answer that is none."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.count("\n") == 1
    assert set(answer.json()) == {"error"}
    return answer.json()["error"]


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found, np.float32), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["serving_default", "generate", "generate_stage1"])
def test_predict_generates_what_the_signature_does(client, model, name):
    found = predict(client, name, {"count": 3, "seed": SEED.tolist()})
    close(found, generated(model, 3, name))


def test_predict_with_several_outputs_by_row_and_by_column(client, model):
    images = np.random.default_rng(0).uniform(size=(3, *tiny_served.SHAPE)).astype(np.float32)
    expected = model.call("encode", {"images": images})
    by_row = {"signature_name": "encode", "instances": images.tolist()}
    rows = client.post(PREDICT, json=by_row).json()["predictions"]
    columns = predict(client, "encode", {"images": images.tolist()})
    for key in ("mean", "stddev"):
        close([row[key] for row in rows], expected[key])
        close(columns[key], expected[key])


def test_predict_interpolates_and_sends_png_in_base64(client, model):
    ends = generated(model, 2)
    inputs = {"first": ends[:1].tolist(), "second": ends[1:].tolist(), "steps": 4}
    steps = predict(client, "interpolate", inputs)
    reconstructions = model.call("reconstruct", {"images": ends})["images"]
    close([steps[0][0], steps[0][-1]], reconstructions)
    (coded,) = predict(client, "generate_png", {"count": 1, "seed": SEED.tolist()})
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(coded["b64"]))))
    np.testing.assert_array_equal(pixels, np.rint(255 * generated(model, 1)[0, ..., 0]))


def test_status_and_metadata_are_tensorflow_servings(client):
    for place in ("/v1/models/tiny", "/v1/models/tiny/versions/3"):
        (version,) = client.get(place).json()["model_version_status"]
        assert version["version"] == "3"
        assert version["state"] == "AVAILABLE"
        assert version["status"] == {"error_code": "OK", "error_message": ""}
        found = client.get(f"{place}/metadata").json()
        assert found["model_spec"] == {"name": "tiny", "signature_name": "", "version": "3"}
        decode = found["metadata"]["signature_def"]["signature_def"]["decode"]
        assert decode["method_name"] == "tensorflow/serving/predict"
        latents = decode["inputs"]["latents"]
        assert latents["dtype"] == "DT_FLOAT"
        assert [size["size"] for size in latents["tensor_shape"]["dim"]] == ["-1", "4"]
    latents = predict(client, "decode", [[0] * 4], "/v1/models/tiny/versions/3:predict")
    assert np.shape(latents) == (1, *tiny_served.SHAPE)


def test_samples_are_a_grid_of_those_of_the_seed(client, model):
    for query, name in (("", "generate"), ("&stage=1", "generate_stage1")):
        picture = opened(client.get(f"/samples?count=5&seed=7{query}"))
        expected = grids.mosaic(grids.tiles_of(generated(model, 5, name)), 3, grids.GUTTER)
        np.testing.assert_allclose(picture, expected, atol=1)


def test_decode_draws_images_side_by_side(client, model):
    latents = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
    picture = opened(client.post("/decode", json={"instances": latents.tolist()}))
    images = model.call("decode", {"latents": latents})["images"]
    expected = np.rint(255 * np.concatenate(list(images), axis=1))
    np.testing.assert_allclose(picture[..., :1], expected, atol=1)


def test_an_upload_is_cut_resized_and_encoded(client, model):
    pixels = np.random.default_rng(2).integers(0, 256, (8, 12), np.uint8)
    middle = (pixels[:, 2:10, None] / 255).astype(np.float32)[None]
    expected = model.call("encode", {"images": middle})
    forms = {"body": {"content": png(pixels)}, "form": {"files": {"image": png(pixels)}}}
    for form in forms.values():
        found = client.post("/encode", **form).json()
        close(found["mean"], expected["mean"][0])
        close(found["stddev"], expected["stddev"][0])
        seen, again = np.split(opened(client.post("/reconstruct", **form))[..., 0], 2, axis=1)
        np.testing.assert_array_equal(seen, pixels[:, 2:10])
        images = model.call("reconstruct", {"images": middle})["images"]
        np.testing.assert_allclose(again, np.rint(255 * images[0, ..., 0]), atol=1)


def test_every_kind_of_file_is_read_as_the_data_pipeline_does(client, tmp_path):
    (tmp_path / "sound").mkdir()
    (tmp_path / "refused").mkdir()
    for name in image_cases.write_sound(tmp_path / "sound"):
        content = (tmp_path / "sound" / name).read_bytes()
        assert client.post("/encode", content=content).status_code == 200, name
    for name, reason in image_cases.write_refused(tmp_path / "refused").items():
        path = tmp_path / "refused" / name
        if path.exists():
            text = error(client.post("/encode", content=path.read_bytes()), 400)
            assert reason in text
            assert str(tmp_path) not in text


def test_the_page_is_whole_and_needs_nothing_else(client):
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<title>Two-stage VAE</title>" in answer.text
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_about_orders_the_directions(client):
    about = client.get("/about").json()
    assert [one["index"] for one in about["directions"]] == [3, 1, 0, 2]
    assert about["directions"][0] == {"index": 3, "variance": 0.001, "active": True}
    assert about["stages"] == [1, 2]
    assert about["image_shape"] == [8, 8, 1]
    assert (about["dataset"], about["gamma"], about["encodes"]) == ("ellipses", 0.01, True)


def test_health_readiness_and_metrics(client):
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").text == "ready\n"
    client.get("/nowhere/at/all")
    text = client.get("/metrics").text
    assert 'twostage_requests_total{endpoint="readyz",status="200"}' in text
    assert 'twostage_requests_total{endpoint="none",status="404"}' in text
    assert 'twostage_batch_rows_count{signature="decode"}' in text
    assert "process_resident_memory_bytes" in text


BAD = {
    "count must be an integer in 1..30, not '31'": ("GET", "/samples?count=31", {}),
    "count must be an integer in 1..30, not '0'": ("GET", "/samples?count=0", {}),
    "count must be an integer in 1..30, not 'x'": ("GET", "/samples?count=x", {}),
    "seed must be an integer in 0..2147483647, not '-1'": ("GET", "/samples?seed=-1", {}),
    "stage must be an integer in 1..2, not '3'": ("GET", "/samples?stage=3", {}),
    "unknown parameter 'cuont': choose from count": ("GET", "/samples?cuont=3", {}),
    "no image: send the file": ("POST", "/encode", {}),
    "no image: send": ("POST", "/encode", {"files": {"image": b""}}),
    "no image of the kinds": ("POST", "/reconstruct", {"content": b"GIF9 or so"}),
    "is 200x100 pixels: shrink it to 10,000": (
        "POST",
        "/encode",
        {"content": png(np.zeros((100, 200), np.uint8))},
    ),
    "latents must be [N, 4], not [1, 3]": ("POST", "/decode", {"json": {"inputs": [[1, 2, 3]]}}),
    "latents must be [N, 4], not []": ("POST", "/decode", {"json": {"inputs": 5}}),
    "latents must be [N, 4], not [0]": ("POST", "/decode", {"json": {"inputs": []}}),
    "at most 30 images: decode fewer": ("POST", "/decode", {"json": {"inputs": [[0] * 4] * 31}}),
    "41 images in one request: ask for at most 40": (
        "POST",
        PREDICT,
        {"json": {"inputs": {"count": 41, "seed": [0, 0]}}},
    ),
    "count must be in 0..1000, not -1": (
        "POST",
        PREDICT,
        {"json": {"inputs": {"count": -1, "seed": [0, 0]}}},
    ),
    "the model has no signature to classify with": ("POST", "/v1/models/tiny:classify", {}),
    "JSON Parse error": ("POST", PREDICT, {"content": b"\xff\x00"}),
    "Boundary": (
        "POST",
        "/encode",
        {"content": b"--x", "headers": {"content-type": "multipart/form-data"}},
    ),
}


@pytest.mark.parametrize("reason", BAD)
def test_bad_requests_are_one_line_that_says_why(client, reason):
    method, path, content = BAD[reason]
    assert reason.lower() in error(client.request(method, path, **content), 400).lower()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/models/other", 404),
        ("GET", "/v1/models/tiny/versions/4", 404),
        ("GET", "/v1/models/tiny/versions/4/metadata", 404),
        ("POST", "/v1/models/other:predict", 404),
        ("GET", PREDICT, 405),
        ("GET", "/v1/models/tiny/versions/3:predict", 405),
        ("POST", "/samples", 405),
        ("POST", "/encode", 413),
    ],
)
def test_other_refusals_have_their_status(client, method, path, status):
    content = b"x" * 100_001 if status == 413 else b"{}"
    error(client.request(method, path, content=content), status)


def test_a_fault_of_ours_shows_no_traceback(client, model, monkeypatch):
    def fail(name, inputs):
        raise RuntimeError("a secret of the machine")

    monkeypatch.setattr(model, "call", fail)
    answer = client.get("/samples")
    assert "fault of the server" in error(answer, 500)
    assert "secret" not in answer.text


def test_requests_at_once_get_what_they_get_alone(client, model):
    """With bad ones among them."""
    from concurrent.futures import ThreadPoolExecutor

    latents = np.random.default_rng(3).normal(size=(24, 1, 4)).astype(np.float32)
    rows = latents.tolist()
    rows[5][0][2] = None
    rows[11] = [[1, 2]]

    def ask(row):
        return client.post(PREDICT, json={"signature_name": "decode", "instances": row})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, rows))
    for index, answer in enumerate(answers):
        if index in (5, 11):
            error(answer, 400)
        else:
            expected = model.call("decode", {"latents": latents[index]})["images"]
            close(json.loads(answer.content)["predictions"], expected)


def test_a_model_without_encoder_and_second_stage(model, monkeypatch):
    kept = {key: one for key, one in model.signatures.items() if key in ("decode", "generate")}
    kept |= {key: model.signatures[key] for key in ("serving_default", "generate_latents")}
    monkeypatch.setattr(model, "signatures", kept)
    with TestClient(make_app(model, "gan", LIMITS)) as client:
        about = client.get("/about").json()
        assert (about["stages"], about["encodes"]) == ([1], False)
        assert opened(client.get("/samples?count=1&stage=1")).size
        assert "no encoder" in error(client.post("/encode", content=b"x"), 404)
        assert "must be an integer in 1..1" in error(client.get("/samples?stage=2"), 400)
