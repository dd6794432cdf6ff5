"""TensorFlow Serving's messages, there and back, against the signatures of an exported model."""

import base64
import io
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import serving
import tensorflow as tf
from doc_blocks import block
from PIL import Image

from tf_twostage import recipes
from tf_twostage.models import export
from tf_twostage.models.two_stage import TwoStageVAE

SHAPE, KAPPA = (16, 16, 1), 10  # the built-in images', which the page's requests are for
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(2, 3, *SHAPE)).astype("float32")

DRAW = {"count": np.int32(3), "seed": np.array([7, 0], np.int32)}
INPUTS = {
    "serving_default": DRAW,
    "generate": DRAW,
    "generate_stage1": DRAW,
    "generate_latents": DRAW,
    "generate_png": DRAW,
    "encode": {"images": IMAGES[0]},
    "reconstruct": {"images": IMAGES[0]},
    "interpolate": {"first": IMAGES[0], "second": IMAGES[1], "steps": np.int32(4)},
    "decode": {"latents": RNG.normal(size=(3, KAPPA)).astype("float32")},
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=KAPPA, stage2_width=8)
    model = TwoStageVAE(recipe, SHAPE, seed=0)
    model.trained = {1, 2}
    return export.export_saved_model(model, tmp_path_factory.mktemp("served") / "1")


@pytest.fixture(scope="module")
def served(path):
    loaded = serving.Served(path)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def expected(path):
    """What each signature gives in Python, for `INPUTS`."""
    functions = tf.saved_model.load(path).signatures
    return {
        name: {key: value.numpy() for key, value in functions[name](**as_tensors(inputs)).items()}
        for name, inputs in INPUTS.items()
    }


def as_tensors(inputs):
    return {name: tf.constant(value) for name, value in inputs.items()}


def test_every_signature_is_tried(served):
    assert set(served.signatures) == set(INPUTS)


def same(found, wanted):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        if value.dtype == object:  # strings
            np.testing.assert_array_equal(found[name], value)
        else:
            assert found[name].dtype == value.dtype
            np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", INPUTS)
def test_grpc_messages_there_and_back(served, expected, name):
    predict_pb2 = pytest.importorskip(
        "tensorflow_serving.apis.predict_pb2", reason="needs the extra test-serving"
    )
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "twostage", name
    for key, value in INPUTS[name].items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
    request = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    assert request.model_spec.signature_name == name
    serving.check(request.inputs, served.signatures[name])
    arrays = {key: tf.make_ndarray(proto) for key, proto in request.inputs.items()}

    response = predict_pb2.PredictResponse()
    for key, value in served.run(name, arrays).items():
        response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
    response = predict_pb2.PredictResponse.FromString(response.SerializeToString())
    same({key: tf.make_ndarray(proto) for key, proto in response.outputs.items()}, expected[name])


def rest(served, name, body):
    """The answer to a body, both sent as JSON."""
    body = json.loads(json.dumps({"signature_name": name, **body}))
    inputs = serving.tensors_of(body, served.signatures[name])
    serving.check(inputs, served.signatures[name])
    arrays = {key: tf.make_ndarray(proto) for key, proto in inputs.items()}
    return json.loads(json.dumps(serving.answer_to(body, served.run(name, arrays))))


@pytest.mark.parametrize("name", INPUTS)
def test_rest_by_columns(served, expected, name):
    inputs = {key: value.tolist() for key, value in INPUTS[name].items()}
    found = rest(served, name, {"inputs": inputs})["outputs"]
    wanted = expected[name]
    if name == "generate_png":
        found = np.array([base64.b64decode(item["b64"]) for item in found], object)
    if len(wanted) == 1:  # the server leaves the name of a single output out
        found = {next(iter(wanted)): found}
    same({key: np.asarray(found[key], value.dtype) for key, value in wanted.items()}, wanted)


@pytest.mark.parametrize("name", ["encode", "reconstruct", "decode"])
def test_rest_by_rows(served, expected, name):
    (values,) = INPUTS[name].values()
    found = rest(served, name, {"instances": values.tolist()})["predictions"]
    wanted = expected[name]
    if len(wanted) == 1:
        found = [{next(iter(wanted)): row} for row in found]
    columns = {key: np.array([row[key] for row in found], np.float32) for key in wanted}
    same(columns, wanted)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("generate", {"count": np.int32(-1)}, "count must be in 0..1000"),
        ("encode", {"images": np.full((1, *SHAPE), 255, np.float32)}, "images must be float"),
        ("decode", {"latents": np.full((1, KAPPA), np.nan, np.float32)}, "must be finite"),
    ],
)
def test_the_server_is_told_what_was_wrong(served, expected, name, change, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served.run(name, change if len(INPUTS[name]) == 1 else INPUTS[name] | change)
    same(served.run(name, INPUTS[name]), expected[name])


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_the_curl_commands_of_the_page(served, tmp_path):
    commands = block("docs/tensorflow_serving.md", "sh", "curl").code
    assert set(re.findall(r'"signature_name": "(\w+)"', commands)) == set(INPUTS) - {
        "serving_default"
    }
    with serving.rest_server(served) as port:
        script = "set -euo pipefail\n" + commands.replace("localhost:8501", f"localhost:{port}")
        script = script.replace("curl ", "curl --silent --fail ")
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (png,) = tmp_path.glob("*.png")
    drawn = np.asarray(Image.open(png)) / 255
    images = served.run("generate", {"count": 1, "seed": [7, 0]})["images"]
    np.testing.assert_allclose(drawn, images[0, ..., 0], atol=0.51 / 255)


def test_the_python_client_of_the_page(served, capsys):
    pytest.importorskip("tensorflow_serving", reason="needs the extra test-serving")
    client = block("docs/tensorflow_serving.md", "python", "PredictionServiceStub").code
    names = set(re.findall(r'predict\("(\w+)"', client))
    assert names == set(INPUTS) - {"serving_default"}
    with serving.grpc_server(served) as port:
        found = {}
        exec(client.replace("localhost:8500", f"localhost:{port}"), found)
    drawn = served.run("generate", {"count": 16, "seed": [7, 0]})["images"]
    np.testing.assert_allclose(found["samples"], drawn, rtol=1e-5, atol=1e-6)
    again = served.run("reconstruct", {"images": drawn})["images"]
    np.testing.assert_allclose(found["again"], again, rtol=1e-4, atol=1e-5)
    assert np.asarray(Image.open(io.BytesIO(found["files"][0]))).shape == SHAPE[:2]
