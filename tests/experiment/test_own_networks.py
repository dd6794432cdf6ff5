"""The example's networks through a whole run: trained, stopped, resumed, loaded and served."""

import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_images

import tf_twostage
from tf_twostage.errors import InputError
from tf_twostage.experiment import sweep
from tf_twostage.experiment.options import Options
from tf_twostage.training.checkpoint import Checkpoint

SETTING = {
    "batch_size": 20,
    "latent_dim": 4,
    "stage1_epochs": 2,
    "stage1_halve_every": 1,
    "stage2_epochs": 2,
    "stage2_halve_every": 1,
    "network": "examples.custom_network:convnext",
    "stage2_network": "examples.custom_network:affine",
}


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    images = tiny_images.write(root, 40, 12)
    return {"dataset": str(images), "overrides": SETTING, "jit_compile": False}


@pytest.fixture(scope="module")
def finished(arguments, tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    sweep.run(Options(**arguments, output_dir=str(root)))
    (metrics,) = root.rglob("metrics.json")
    return metrics.parent


def test_the_run_is_named_and_recorded(finished):
    assert finished.parent.name.startswith("paper-examples.custom_network.convnext-learned")
    recipe = json.loads((finished / "config.json").read_text())["recipe"]
    assert recipe["network"] == SETTING["network"]
    assert recipe["stage2_network"] == SETTING["stage2_network"]
    text = (finished / "report.html").read_text()
    assert "examples.custom_network:convnext" in text


def test_it_loads_and_serves_what_it_samples(finished):
    model = tf_twostage.load(finished)
    images = model.sample(3, seed=5)
    served = tf.saved_model.load(str(finished / "saved_model" / "1")).signatures
    found = served["generate"](count=tf.constant(3), seed=tf.constant([5, 0]))["images"]
    np.testing.assert_allclose(found, images, atol=1e-6)
    assert np.isfinite(images).all()


@pytest.mark.slow
def test_a_stopped_run_goes_on_to_the_same_weights(arguments, finished, tmp_path, monkeypatch):
    def stop(self, epoch, logs=None):
        saved(self, epoch, logs)
        raise KeyboardInterrupt

    saved = Checkpoint.on_epoch_end
    options = Options(**arguments, output_dir=str(tmp_path))
    monkeypatch.setattr(Checkpoint, "on_epoch_end", stop)
    with pytest.raises(KeyboardInterrupt):
        sweep.run(options)
    monkeypatch.undo()
    sweep.run(options)
    (metrics,) = tmp_path.rglob("metrics.json")
    whole, resumed = tf_twostage.load(finished), tf_twostage.load(metrics.parent)
    for stage in (1, 2):
        pairs = zip(
            whole.stage(stage).get_weights(), resumed.stage(stage).get_weights(), strict=True
        )
        assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_function_that_is_not_there_is_one_line_before_anything_is_made(arguments, tmp_path):
    overrides = SETTING | {"network": "examples.nothing:here"}
    with pytest.raises(InputError, match="there is no module 'examples.nothing'"):
        sweep.run(Options(**arguments | {"overrides": overrides}, output_dir=str(tmp_path / "x")))
    assert not (tmp_path / "x").exists()
