"""Every kind of file on a disk that takes only a part of it: one line, and nothing is left.

The system refuses whatever would make a file longer than a limit (RLIMIT_FSIZE), as a full disk
refuses it, in the middle of a write.
"""

import contextlib
import resource

import numpy as np
import pytest
import varied_models
from matplotlib.figure import Figure

import fid
from tf_twostage.data import aligned_npz
from tf_twostage.errors import WriteError
from tf_twostage.models import export, weights
from tf_twostage.models.export_keras import export_keras
from tf_twostage.reporting import figures, grids

NOISE = np.random.default_rng(0).integers(0, 256, (40, 24, 24, 3), dtype=np.uint8)


@contextlib.contextmanager
def longest_file(size):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def model():
    return varied_models.build("infogan")


def figure(folder, _):
    drawn = Figure(figsize=(3, 2))
    drawn.subplots().plot(NOISE[0, 0])
    drawn.suptitle("".join(map(chr, range(0x3B1, 0x3FF))))  # a PDF holds the glyphs it shows
    figures.write(folder / "figure.png", drawn, {}, dpi=20)  # so that the PDF is the largest file


def grid(folder, _):
    grids.save_grid(folder / "grid.png", NOISE)


def kept_faces(folder, _):
    aligned_npz.write(folder / "faces.npz", {"train": NOISE, "test": NOISE})


def weight_file(folder, model):
    weights.save(model.stage(1), folder / "stage1.weights.h5")


def saved_model(folder, model):
    export.export_saved_model(model, folder / "1")


def keras_files(folder, model):
    export_keras(model, folder)


def statistics(folder, _):
    fid.Statistics(NOISE[0, 0, :, 0] / 255, np.eye(24), 100).save(folder / "statistics.npz")


ALL = (0, 0.1, 0.5, 0.9, 0.99)
WRITERS = {  # and where they are stopped; each SavedModel takes seconds
    figure: ALL,
    grid: ALL,
    kept_faces: ALL,
    weight_file: ALL,
    saved_model: (0.5,),
    keras_files: ALL,
    statistics: ALL,
}


@pytest.mark.parametrize(("write", "shares"), WRITERS.items())
def test_nothing_is_half_written(tmp_path, model, write, shares):
    whole = tmp_path / "whole"
    whole.mkdir()
    write(whole, model)
    sizes = [path.stat().st_size for path in whole.rglob("*") if path.is_file()]
    complete = {path.relative_to(whole) for path in whole.rglob("*")}
    for share in shares:
        folder = tmp_path / f"{share}"
        folder.mkdir()
        with longest_file(int(share * max(sizes))), pytest.raises((WriteError, fid.Error)) as told:
            write(folder, model)
        assert "File too large" in str(told.value)
        assert "\n" not in str(told.value)
        left = {path.relative_to(folder) for path in folder.rglob("*")}
        assert left < complete
        assert not [path for path in left if path.name.startswith(".")]
