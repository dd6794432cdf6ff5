"""`TwoStageVAE.fit`, `save` and `load`, as in a notebook."""

import os
import threading

import graphs
import numpy as np
import pytest

from tf_twostage import TwoStageVAE
from tf_twostage.errors import InputError
from tf_twostage.experiment import lock, plan, sweep
from tf_twostage.experiment.options import Options

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
TINY = {"batch_size": 20, "latent_dim": 4, "stage2_width": 8, "epochs_scale": 1e-9}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    root = tmp_path_factory.mktemp("fit")
    return root, TwoStageVAE.fit(IMAGES, output_dir=str(root), **TINY)


def test_three_lines_give_a_trained_model(fitted):
    _, model = fitted
    assert model.trained == {1, 2}
    assert model.sample(3).shape == (3, 8, 8, 1)
    assert model.encode(IMAGES[:2]).mean.shape == (2, 4)
    assert model.interpolate(IMAGES[:1], IMAGES[1:2], steps=3).shape == (1, 3, 8, 8, 1)
    assert (model.folder.path / "report.html").exists()


def test_the_same_call_loads_what_is_finished(fitted, capsys):
    root, model = fitted
    again = TwoStageVAE.fit(IMAGES, output_dir=str(root), **TINY)
    np.testing.assert_array_equal(again.sample(3), model.sample(3))
    assert "Epoch" not in capsys.readouterr().out
    assert len(list(root.rglob("metrics.json"))) == 1


def holdings():
    """What the process holds: TensorFlow's graphs, open files, threads."""
    return graphs.count(), len(os.listdir("/proc/self/fd")), threading.active_count()


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs Linux")
def test_a_run_leaves_no_graph_file_or_thread_behind(fitted, tmp_path):
    before = holdings()
    TwoStageVAE.fit(IMAGES, output_dir=str(tmp_path), seed=1, **TINY)
    held, files, threads = holdings()
    assert held <= before[0]
    assert files <= before[1]
    assert threads <= before[2]


def test_a_run_that_another_process_works_on_is_one_line(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, images=IMAGES)
    few = {"batch_size": 20}
    (setting,) = plan.make(Options(dataset=str(path), overrides=few, output_dir=str(tmp_path)))
    (trial,) = setting.plans
    with (
        lock.hold(trial.lock, "it"),
        pytest.raises(InputError, match=f"trial_000 is held by process {os.getpid()} on"),
    ):
        sweep.run(setting.options)
    assert not trial.folder.path.exists()


def test_images_that_are_all_equal_train_to_the_end(tmp_path):
    """q(z|x) lies far out there: batch norm divided by almost nothing."""
    images = np.full((40, 8, 8, 1), 90, np.uint8)
    epochs = {"epochs_scale": 1, "stage1_epochs": 20, "stage2_epochs": 2}
    model = TwoStageVAE.fit(images, output_dir=str(tmp_path), **TINY | epochs)
    assert model.encode(images[:1]).stddev.max() > 50
    assert np.isfinite(model.sample(3)).all()


def test_floats_are_the_same_images(fitted):
    root, model = fitted
    again = TwoStageVAE.fit(IMAGES[..., 0] / 255, output_dir=str(root), **TINY)
    assert again.image_shape == model.image_shape == (8, 8, 1)


def test_a_saved_model_loads(fitted, tmp_path):
    _, model = fitted
    model.save(tmp_path / "kept")
    loaded = TwoStageVAE.load(tmp_path / "kept")
    np.testing.assert_array_equal(loaded.sample(3, seed=2), model.sample(3, seed=2))
    model.save(tmp_path / "kept")  # the same setting: written again
    other = TwoStageVAE(model.recipe, (8, 8, 3))
    with pytest.raises(InputError, match="holds a run"):
        other.save(tmp_path / "kept")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0, :, :, 0], "two or more"),
        (IMAGES[:1], "two or more"),
        (IMAGES.astype("int64"), "uint8 in 0..255 or float in 0..1"),
        (IMAGES.astype("float32"), "must lie in 0..1"),
        (np.zeros((4, 8, 8, 2), np.uint8), "C 1 or 3"),
    ],
)
def test_bad_images_are_one_line(images, message, tmp_path):
    with pytest.raises(InputError, match=message):
        TwoStageVAE.fit(images, output_dir=str(tmp_path))


def test_a_wrong_word_is_one_line(tmp_path):
    with pytest.raises(InputError, match="two_stage has no --latent_dims"):
        TwoStageVAE.fit(IMAGES, output_dir=str(tmp_path), latent_dims=3)
