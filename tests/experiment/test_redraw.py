"""`--report` and `--export`: a finished run drawn and served again, from its folder alone."""

import json
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tiny_images

from tf_twostage import TwoStageVAE
from tf_twostage.errors import InputError
from tf_twostage.experiment import redraw, served, sweep
from tf_twostage.experiment.options import Options
from tf_twostage.reporting import figures

DRAWS = True  # see conftest.py
TINY = {
    "batch_size": 20,
    "latent_dim": 4,
    "stage2_width": 16,
    "stage1_epochs": 1,
    "stage1_halve_every": 1,
    "stage2_epochs": 1,
    "stage2_halve_every": 1,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The run folder of one finished tiny run."""
    root = tmp_path_factory.mktemp("run")
    images = tiny_images.write(root, 40, 12)
    sweep.run(Options(str(images), output_dir=str(root), overrides=TINY, jit_compile=False))
    (config,) = root.rglob("config.json")
    shutil.move(images, root / "gone.npz")  # the images are not needed again
    return config.parent


def files_of(run):
    """The bytes of everything that is drawn."""
    drawn = [*run.glob("figures/*"), *run.glob("images/*.png"), run / "report.html"]
    return {str(path.relative_to(run)): path.read_bytes() for path in drawn}


@pytest.fixture
def copied(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "copied"))


def test_a_finished_run_is_drawn_again_bit_for_bit(finished, copied):
    expected = files_of(finished)
    assert len(expected) == 3 * 7 + 3 + 1
    shutil.rmtree(copied / "figures")
    (copied / "report.html").unlink()
    assert redraw.run(str(copied)) == copied / "report.html"
    found = files_of(copied)
    assert [name for name in expected if found.get(name) != expected[name]] == []


@pytest.mark.parametrize(
    ("missing", "kept"),
    [
        ("images/reconstructions.png", {"reconstructions", "noise_directions"}),
        (
            "checkpoints/posterior_mean.npy",
            {"reconstructions", "noise_directions", "lambda", "singular_values"},
        ),
    ],
)
def test_figures_that_lack_what_they_need_stay(copied, capsys, monkeypatch, missing, kept):
    monkeypatch.setattr(figures, "write", lambda path, *_: path.write_bytes(b"new"))
    (copied / missing).unlink()
    for path in copied.glob("figures/*.png"):
        path.write_bytes(b"old")
    redraw.run(str(copied))
    assert {p.stem for p in copied.glob("figures/*.png") if p.read_bytes() == b"old"} == kept
    assert f"{missing} is missing" in capsys.readouterr().out


def test_a_damaged_posterior_is_not_drawn(copied, capsys, monkeypatch):
    path = copied / "checkpoints" / "posterior_stddev.npy"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    drawn = []
    monkeypatch.setattr(figures, "write", lambda path, *_: drawn.append(path.stem))
    redraw.run(str(copied))
    assert f"{path} is damaged" in capsys.readouterr().out
    assert "lambda" not in drawn


def test_a_run_that_has_not_finished_is_not_drawn(copied):
    (copied / "metrics.json").unlink()
    with pytest.raises(InputError, match="has not finished"):
        redraw.run(str(copied))
    with pytest.raises(InputError, match="holds no run"):
        redraw.run(str(copied / "figures"))


CLIENT = """
import sys
sys.modules["tf_twostage"] = None  # an import of it fails
import numpy as np
import tensorflow as tf

call = tf.saved_model.load(sys.argv[1]).signatures
one = tf.constant(np.load(sys.argv[2]))
drawn = {"count": tf.constant(2), "seed": tf.constant([7, 0])}
given = {
    **{name: drawn for name in ("generate", "generate_stage1", "generate_latents", "generate_png")},
    "decode": {"latents": tf.ones([2, 4])},
    "encode": {"images": one},
    "reconstruct": {"images": one},
    "interpolate": {"first": one, "second": 1 - one, "steps": tf.constant(3)},
}
assert set(given) == set(call) - {"serving_default"}
found = {f"{n}/{k}": v for n in given for k, v in call[n](**given[n]).items()}
np.savez(sys.argv[3], **{key.replace("/", "."): value.numpy() for key, value in found.items()})
"""


def test_an_exported_run_serves_alone_what_the_model_gives(copied, tmp_path):
    shutil.rmtree(copied / "saved_model")
    (path,) = served.run(str(copied), str(tmp_path / "models"))
    assert path == tmp_path / "models" / "1"
    model, one = TwoStageVAE.load(copied), np.random.default_rng(0).uniform(size=(1, 8, 8, 1))
    np.save(tmp_path / "one.npy", one.astype("float32"))
    command = [sys.executable, "-I", "-c", CLIENT, path, tmp_path / "one.npy", tmp_path / "out.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "out.npz")
    mean, stddev = model.encode(one)
    expected = {
        "generate.images": model.sample(2, seed=7),
        "generate_stage1.images": model.sample(2, seed=7, stage=1),
        "generate_latents.latents": model.sample_latents(2, seed=7),
        "decode.images": model.decode(np.ones((2, 4), "float32")),
        "encode.mean": mean,
        "encode.stddev": stddev,
        "reconstruct.images": model.decode(mean),
        "interpolate.images": model.interpolate(one, 1 - one, 3),
    }
    assert set(found) == {*expected, "generate_png.png_bytes"}
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


def test_a_card_and_the_numbers_lie_beside_the_model(copied):
    (path,) = served.run(str(copied))
    assert path == copied / "saved_model" / "1"
    assert "# Two-stage VAE on tiny" in (path / "README.md").read_text()
    run = json.loads((path / "assets.extra" / "run.json").read_text())
    assert run["metrics"] == json.loads((copied / "metrics.json").read_text())
    assert run["recipe"]["latent_dim"] == 4
    assert "environment" not in run  # it tells paths of the machine


@pytest.mark.parametrize("missing", ["metrics.json", "checkpoints/stage1.weights.h5"])
def test_a_run_that_has_not_finished_is_not_exported(copied, tmp_path, missing):
    (copied / missing).unlink()
    with pytest.raises(InputError, match=r"has not finished|is missing"):
        served.run(str(copied), str(tmp_path / "models"))
    assert not (tmp_path / "models").exists()


def test_the_keras_files_of_a_run_hold_its_weights(copied):
    (decoder,) = (p for p in served.run(str(copied), formats=["keras"]) if p.stem == "decoder")
    assert decoder == copied / "keras" / "decoder.keras"
    z = np.ones((2, 4), "float32")
    images = keras.models.load_model(decoder)(z)
    np.testing.assert_allclose(images, TwoStageVAE.load(copied).decode(z), rtol=1e-5, atol=1e-6)


def test_without_tf2onnx_nothing_is_exported(copied, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(InputError, match="pip install"):
        served.run(str(copied), str(tmp_path / "models"), ["saved_model", "keras", "onnx"])
    assert not (tmp_path / "models").exists()
