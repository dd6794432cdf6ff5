"""`--report`: a finished run drawn again, from its folder alone."""

import pathlib
import shutil

import pytest
import tiny_images

from tf_twostage.errors import InputError
from tf_twostage.experiment import redraw, sweep
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


def test_a_run_that_has_not_finished_is_not_drawn(copied):
    (copied / "metrics.json").unlink()
    with pytest.raises(InputError, match="has not finished"):
        redraw.run(str(copied))
    with pytest.raises(InputError, match="holds no run"):
        redraw.run(str(copied / "figures"))
