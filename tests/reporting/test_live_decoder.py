import base64
import json
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
import varied_models

from tf_twostage.models.layers import Dense, DenseResidualBlock
from tf_twostage.models.networks import ImageDecoder
from tf_twostage.reporting import live_decoder, report
from tf_twostage.run_folder import RunFolder

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LAMBDA = [0.9, 0.02, 1.0, 0.5]


@pytest.fixture(scope="module", params=["infogan", "gan"])
def live(request, tmp_path_factory):
    """A model, and the run folder with its live decoder."""
    model = varied_models.build(request.param)
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    live_decoder.write(folder, model, seed=0)
    folder.write(folder.metrics, {"lambda": LAMBDA if model.has_encoder else None})
    return model, folder


def array(text, dtype):
    return np.frombuffer(base64.b64decode(text, validate=True), dtype)


def data_of(folder):
    """What the page has for the script."""
    source = report.write_report(folder).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="live-data">(.*?)</script>', source)[1])


def deconvolution(x, kernel, stride):
    """x [H, W, m] with kernel [k, k, n, m]: patches of k x k added up, then cut."""
    height, width, _ = x.shape
    k, _, n, _ = kernel.shape
    y = np.zeros((stride * height + k, stride * width + k, n), np.float32)
    for i, j in np.ndindex(height, width):
        y[stride * i : stride * i + k, stride * j : stride * j + k] += kernel @ x[i, j]
    cut = (k - stride) // 2
    return y[cut : cut + stride * height, cut : cut + stride * width]


def decoded(data, z):
    """One image [H, W, C] from the weights of the page, as the script computes it."""
    x = z
    for layer in data["layers"]:
        kernel = array(layer["kernel"], np.int8).reshape(layer["shape"]).astype("float32")
        if layer["stride"]:
            x = deconvolution(x.reshape(*layer["size"], -1), kernel, layer["stride"])
        else:
            x = x.reshape(-1) @ kernel
        x = x * array(layer["scale"], "<f4") + array(layer["bias"], "<f4")
        x = np.where(x > 0, x, layer["slope"] * x)
    return 1 / (1 + np.exp(-x))


def test_eight_bits_give_the_images_of_the_model(live):
    model, folder = live
    data, z = data_of(folder), varied_models.latents(model, 8)
    wanted = model.decode(z)
    found = np.stack([decoded(data, row) for row in z])
    assert wanted.std(axis=0).max() > 0.02
    assert np.abs(found - wanted).max() < 0.03
    assert np.abs(found - wanted).mean() < 0.005


def test_buttons_draw_what_the_model_samples(live):
    model, folder = live
    buttons = {b["name"]: array(b["latents"], "<f4") for b in data_of(folder)["draws"]}
    names = {"a new draw of both stages": 2, "a new draw of stage 1": 1}
    names = names if model.last_stage == 2 else {"a new draw": 1}
    assert list(buttons) == list(names)
    for name, stage in names.items():
        wanted = model.sample_latents(live_decoder.DRAWS, 0, stage)
        np.testing.assert_array_equal(buttons[name].reshape(wanted.shape), wanted)


def test_sliders_stand_in_the_order_of_lambda(live):
    model, folder = live
    data = data_of(folder)
    if model.has_encoder:
        assert data["order"] == [1, 3, 0, 2]
        assert data["labels"] == ["λ = 0.02", "λ = 0.5", "λ = 0.9", "λ = 1"]
    else:
        assert data["labels"] == ["z 1", "z 2", "z 3", "z 4"]


@pytest.mark.parametrize("lambda_", [None, ["x"] * 4, [0.1], float("nan")])
def test_without_a_lambda_for_each_dimension_they_stand_as_they_are(live, lambda_):
    _, folder = live
    assert "z 1" in live_decoder.html(folder, lambda_)


def test_what_stands_in_the_file_cannot_end_the_script(live, tmp_path):
    _, folder = live
    stored = json.loads(folder.live_decoder.read_text())
    evil = RunFolder(tmp_path)
    evil.write(evil.live_decoder, stored | {"more": "</script><b>"})
    assert "<b>" not in live_decoder.html(evil, None)


def test_a_decoder_with_branches_or_too_many_weights_has_a_line_instead(monkeypatch, tmp_path):
    branches = [keras.Input((4,)), Dense(4), DenseResidualBlock(3, {})]
    assert live_decoder.layers_of(ImageDecoder(keras.Sequential(branches))) is None
    assert live_decoder.layers_of(keras.Sequential([Dense(4)])) is None  # a user's
    model, folder = varied_models.build("gan"), RunFolder(tmp_path)
    live_decoder.write(folder, model, seed=0)
    monkeypatch.setattr(live_decoder, "MOST_BYTES", 100_000)
    live_decoder.write(folder, model, seed=0)
    assert not folder.live_decoder.exists()
    page = report.write_report(folder).read_text(encoding="utf-8")
    assert "This page has no live decoder" in page
    assert "<script" not in page


PROBE = """<script>
const data = JSON.parse(document.getElementById("live-data").textContent);
const layers = data.layers.map(LiveDecoder.unpacked);
const canvas = document.querySelector("#live canvas");
const [slider] = document.querySelectorAll("#live input");
const [first, ...buttons] = document.querySelectorAll("#live button");
function pixels() {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return Array.from(data.filter((_, i) => i % 4 === 0));
}
const found = { images: LATENTS.map((z) => Array.from(LiveDecoder.decode(layers, z))) };
found.first = pixels();
slider.value = 1;
slider.dispatchEvent(new Event("input"));
found.moved = pixels();
buttons.pop().click();
found.zero = pixels();
first.click();
found.second = pixels();
const place = document.body.appendChild(document.createElement("pre"));
place.id = "found";
place.textContent = JSON.stringify(found);
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="needs chromium")
def test_the_script_in_a_browser(live, tmp_path):
    model, folder = live
    data, z = data_of(folder), varied_models.latents(model, 3)
    source = folder.report.read_text(encoding="utf-8")
    probe = PROBE.replace("LATENTS", json.dumps(z.tolist()))
    (tmp_path / "page.html").write_text(source.replace("</body>", f"{probe}</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--dump-dom", tmp_path / "page.html"]
    dom = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(re.search(r'<pre id="found">(.*?)</pre>', dom)[1])

    wanted = [decoded(data, row).ravel() for row in z]
    np.testing.assert_allclose(found["images"], wanted, atol=1e-4)
    first, second = array(data["draws"][0]["latents"], "<f4").reshape(-1, len(z[0]))[:2]
    moved = first.copy()
    moved[data["order"][0]] = 1
    states = {"first": first, "moved": moved, "zero": 0 * first, "second": second}
    for name, latents in states.items():
        pixels = 255 * decoded(data, latents).ravel()
        np.testing.assert_allclose(found[name], pixels, atol=0.51)
    assert len({tuple(found[name]) for name in states}) == len(states)
