"""A tiny run of a model of each family, end to end: files, numbers, serving, stopping and going on.

FIDs are measured on a small graph with the real one's node names.
"""

import json
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_images
from fid_graph import SmallInception

import tf_twostage
from tf_twostage import TwoStageVAE
from tf_twostage.errors import InputError
from tf_twostage.experiment import best_checkpoint, sweep
from tf_twostage.experiment.options import Options
from tf_twostage.run_folder import RunFolder

TINY = {"batch_size": 10, "latent_dim": 4, "stage1_epochs": 4, "fid_every": 2}
VAE = {"stage1_halve_every": 2, "stage2_epochs": 4, "stage2_halve_every": 2, "stage2_width": 8}
MODELS = {
    "ns_gan": {},
    "wgan_gp": {},
    "wae_gan": {"adversary_width": 8},
    "joint": VAE,
    "autoencoder": VAE,
}
SLOW = (
    "joint",
    "wgan_gp",
    "wae_gan",
    "autoencoder",
)  # to stop and go on: the same code as the others

pytestmark = pytest.mark.filterwarnings("ignore:the Inception graph")


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    graph = folder / "graph.pb"
    graph.write_bytes(SmallInception().graph_def().SerializeToString())
    return {
        "dataset": str(tiny_images.write(folder, 60, 70)),
        "jit_compile": False,
        "fid": "on",
        "inception": str(graph),
        "fid_dims": 64,
    }


def options(arguments, output_dir, model, **values):
    overrides = TINY | MODELS[model] | values.pop("overrides", {})
    chosen = {"model": (model,), "output_dir": str(output_dir), "overrides": overrides}
    return Options(**arguments | chosen | values)


def run(arguments, output_dir, model):
    """The run folder of a finished tiny run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(output_dir / "cache"))
        sweep.run(options(arguments, output_dir, model))
    (config,) = output_dir.rglob("config.json")
    return RunFolder(config.parent)


FAST = ("ns_gan", "joint")


@pytest.fixture(
    scope="module",
    params=[m if m in FAST else pytest.param(m, marks=pytest.mark.slow) for m in MODELS],
)
def finished(request, arguments, tmp_path_factory):
    return request.param, run(arguments, tmp_path_factory.mktemp(request.param), request.param)


def test_numbers_pictures_and_page(finished):
    model, folder = finished
    metrics = folder.read_metrics()
    gan, two = "gan" in model and model != "wae_gan", model in ("joint", "autoencoder")
    assert metrics["stages"] == ([1, 2] if two else [1])
    assert ("reconstruction_mse" in metrics) is ("lambda" in metrics) is not gan
    assert ("gamma" in metrics) is two
    assert 0 <= metrics["near_duplicates"]["stage1"] <= 1
    last = "stage2" if two else "stage1"
    fids = metrics["fid"]["protocols"]["plain"]
    assert set(fids) == {"stage1", last} | (set() if gan else {"reconstruction"})
    names = {path.name for path in folder.images.glob("*.png")}
    assert f"samples_{last}.png" in names
    assert ("reconstructions.png" in names) is not gan
    page = folder.report.read_text().partition("The whole recipe")[0]
    assert "is missing" not in page
    assert "not recorded" not in page
    assert model in page


def test_the_best_checkpoint_stands_beside_the_last(finished):
    model, folder = finished
    (row,) = folder.read_fids(before=5)  # epoch 2; epoch 4 is the end
    assert row["epoch"] == 2
    metrics = folder.read_metrics()
    best, protocol = metrics["fid"]["best"], metrics["fid"]["protocol"]
    last = metrics["fid"]["protocols"][protocol][f"stage{metrics['stages'][-1]}"]
    assert best["checkpoints"] == 2
    assert best["protocols"][protocol] == min(row[protocol], last)
    trained = 2 if model == "autoencoder" else 1
    assert folder.best_weights(trained).exists() is (best["epoch"] == 2)


def test_the_model_loads_and_is_served(finished):
    kind, folder = finished
    model = tf_twostage.load(folder.path)
    images = model.sample(3, seed=5)
    np.testing.assert_array_equal(images, tf_twostage.load(folder.path).sample(3, seed=5))
    assert images.shape == (3, 8, 8, 1)
    assert images.min() >= 0
    assert images.max() <= 1
    served = tf.saved_model.load(str(folder.saved_model)).signatures
    expected = {"generate", "generate_latents", "generate_png", "decode"}
    expected |= {"encode", "reconstruct", "interpolate"} if model.has_encoder else set()
    expected |= {"generate_stage1"} if model.last_stage == 2 else set()
    assert set(served) == {"serving_default", *expected}
    card = (folder.saved_model / "README.md").read_text()
    assert set(re.findall(r'call\["(\w+)"\]', card)) == expected
    again = served["generate"](count=tf.constant(3), seed=tf.constant([5, 0]))["images"]
    np.testing.assert_allclose(again, images, atol=1e-6)
    z = model.sample_latents(3, seed=1)
    decoded = served["decode"](latents=tf.constant(z))["images"]
    np.testing.assert_allclose(decoded, model.decode(z), atol=1e-6)
    if kind == "ns_gan":
        z = model.sample_latents(4_000)
        assert np.abs(z).max() < 1
        assert np.var(z) == pytest.approx(1 / 3, rel=0.05)  # U(-1, 1)
        with pytest.raises(InputError, match="ns_gan has no encoder"):
            model.encode(images)
        with pytest.raises(InputError, match="holds a ns_gan: use tf_twostage.load"):
            TwoStageVAE.load(folder.path)


def test_a_finished_run_is_not_touched(finished, arguments, capsys):
    model, folder = finished
    before = folder.metrics.stat().st_mtime_ns
    sweep.run(options(arguments, folder.path.parents[2], model))
    assert "finished, nothing to do" in capsys.readouterr().out
    assert folder.metrics.stat().st_mtime_ns == before


class Kill(keras.callbacks.Callback):
    """Leaves `fit` in the middle of an epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch == 2:
            raise KeyboardInterrupt


def numbers(folder):
    return {k: v for k, v in folder.read_metrics().items() if k != "seconds"}


@pytest.mark.parametrize(
    "finished",
    ["ns_gan", *(pytest.param(m, marks=pytest.mark.slow) for m in SLOW)],
    indirect=True,
)
def test_a_killed_run_goes_on_to_the_same_end(finished, arguments, tmp_path, monkeypatch):
    """Stopped in epoch 3, after the first FIDs."""
    model, undisturbed = finished
    monkeypatch.setattr(
        best_checkpoint.CheckpointFids, "on_epoch_begin", Kill.on_epoch_begin, raising=False
    )
    monkeypatch.setattr(
        best_checkpoint.CheckpointFids, "on_train_batch_end", Kill.on_train_batch_end, raising=False
    )
    with pytest.raises(KeyboardInterrupt):
        run(arguments, tmp_path, model)
    monkeypatch.undo()
    folder = run(arguments, tmp_path, model)
    assert numbers(folder) == numbers(undisturbed)
    assert folder.fids.read_text() == undisturbed.fids.read_text()
    files = {path.relative_to(folder.path) for path in folder.path.rglob("*")}
    expected = {path.relative_to(undisturbed.path) for path in undisturbed.path.rglob("*")}
    events = "events.out"
    assert {f for f in files if events not in str(f)} == {
        f for f in expected if events not in str(f)
    }


@pytest.mark.slow
def test_a_joint_run_that_lost_a_stage_between_its_files_trains_on(arguments, tmp_path):
    """Stage 1's file is written last, so it alone means that both are there."""
    folder = run(arguments, tmp_path, "joint")
    before = numbers(folder)
    folder.weights(1).unlink()
    folder.metrics.unlink()
    again = run(arguments, tmp_path, "joint")
    assert numbers(again) == before


@pytest.mark.slow
def test_a_search_trains_each_draw_and_then_the_best(arguments, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    chosen = options(arguments, tmp_path, "ns_gan", search=2, trials=2, overrides={"fid_every": 0})
    sweep.run(chosen)
    runs = [RunFolder(path.parent) for path in sorted(tmp_path.rglob("metrics.json"))]
    assert len(runs) == 3
    found = {}
    for one in runs:
        score = one.read_metrics()["fid"]["protocols"]["plain"]["stage1"]
        found.setdefault(one.path.parent, []).append(score)
    best = min(found, key=lambda path: found[path][0])
    assert len(found[best]) == 2
    table = json.loads((tmp_path / "table1.json").read_text())["tables"][0]
    (cell,) = [
        c
        for c in table["cells"]
        if c["row"] == "NS GAN, tuned" and c["protocol"] == "plain"
        if c["dataset"] == "tiny"
    ]
    assert cell["mean"] == pytest.approx(np.mean(found[best]))
    assert "best of 2 random settings" in capfd.readouterr().out
