"""Arrays in files against the same arrays in memory."""

import math
import os

import numpy as np
import pytest

from tf_twostage.data import aligned_npz, batches, npz_images, storage
from tf_twostage.errors import InputError
from tf_twostage.evaluation import diagnostics

IMAGES = np.random.default_rng(0).integers(0, 256, (230, 4, 4, 3), dtype=np.uint8)


def in_file(array, folder):
    rows = storage.Storage(0, folder).empty(array.shape, array.dtype)
    assert isinstance(rows, storage.FileRows)
    rows[:] = array
    return rows


@pytest.fixture
def rows(tmp_path):
    return in_file(IMAGES, tmp_path)


@pytest.mark.parametrize(
    "index",
    [0, -1, 229, slice(None), slice(3, 9), slice(220, 999), slice(9, 3), slice(0, 50, 7)]
    + [slice(None, None, -1), [5, 5, 0, -2], np.array([229, 1]), np.array([], int)],
    ids=str,
)
def test_reading_is_what_numpy_does(rows, index):
    found = rows[index]
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, IMAGES[index])


def test_the_whole_of_it(rows):
    assert (len(rows), rows.shape, rows.ndim, rows.size) == (230, IMAGES.shape, 4, IMAGES.size)
    np.testing.assert_array_equal(np.asarray(rows), IMAGES)
    np.testing.assert_array_equal(list(rows), IMAGES)


@pytest.mark.parametrize("index", [230, -231, [0, 230]])
def test_rows_beyond_the_end_are_an_error(rows, index):
    with pytest.raises(IndexError):
        rows[index]


def test_writing_rows_and_slices(rows):
    expected = IMAGES.copy()
    for array in (rows, expected):
        array[7] = 1
        array[-1] = IMAGES[0]
        array[10:20] = IMAGES[30:40][::-1]
    np.testing.assert_array_equal(rows[:], expected)


def test_a_file_cut_short_is_an_error(tmp_path):
    (tmp_path / "short").write_bytes(bytes(100))
    with open(tmp_path / "short", "rb") as file, pytest.raises(OSError, match="ends too early"):
        storage.FileRows(file, (10, 20), np.uint8)[:]


def test_files_have_no_name_and_the_limit_is_for_all_arrays(tmp_path, capsys):
    store = storage.Storage(100, tmp_path)
    kinds = [type(store.empty((size,))) for size in (60, 60, 40)]
    assert kinds == [np.ndarray, storage.FileRows, np.ndarray]
    assert os.listdir(tmp_path) == []
    assert "--memory_gb" in capsys.readouterr().out


def test_too_little_room_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"has only .* GB left .* --memory_gb") as caught:
        storage.Storage(0, tmp_path).empty((10**15,))
    assert "\n" not in str(caught.value)


def test_half_of_memory_is_that_of_the_container(tmp_path, monkeypatch):
    whole = storage.half_of_memory()
    assert 1e8 < whole < math.inf
    for text, expected in (("2000000\n", 1e6), ("max\n", whole)):
        (tmp_path / "memory.max").write_text(text)
        limits = (str(tmp_path / "memory.max"), str(tmp_path / "absent"))
        monkeypatch.setattr(storage, "_CONTAINER_LIMITS", limits)
        assert storage.half_of_memory() == expected


@pytest.mark.parametrize("limit", [0, 10**6])
def test_npy_files(tmp_path, rows, limit):
    path = tmp_path / "a.npy"
    values = np.random.default_rng(1).normal(size=(50, 3)).astype("float32")
    storage.write_npy(path, values)
    np.testing.assert_array_equal(np.load(path), values)
    found = storage.Storage(limit, tmp_path).read_npy(path)
    assert isinstance(found, np.ndarray) == bool(limit)
    np.testing.assert_array_equal(found[:], values)
    storage.write_npy(path, rows)
    np.testing.assert_array_equal(np.load(path), IMAGES)


def test_rows_without_bytes_are_damage(tmp_path):
    array = np.zeros((3, 0), "float32")  # so small a file can claim any number of rows
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", train=array)
    with pytest.raises(InputError, match="is damaged: delete it, it is made again"):
        storage.Storage().read_npy(tmp_path / "a.npy")
    with pytest.raises(ValueError, match="train has another size than its header says"):
        aligned_npz.mapped(tmp_path / "a.npz", "train")


def test_batches_from_a_file_are_those_from_memory(rows, tmp_path):
    mean = np.random.default_rng(2).normal(size=(230, 5)).astype("float32")
    stddev = np.abs(mean) + 1
    files = [in_file(array, tmp_path) for array in (mean, stddev)]
    pairs = [
        (batches.ImageBatches(IMAGES, 50, 5, 3), batches.ImageBatches(rows, 50, 5, 3)),
        (batches.LatentBatches(mean, stddev, 50, 3), batches.LatentBatches(*files, 50, 3)),
    ]
    for memory, file in pairs:
        memory, file = memory.stream(), file.stream()
        assert file.element_spec == memory.element_spec
        for one, other in zip(memory.take(9), file.take(9), strict=True):  # two epochs and more
            np.testing.assert_array_equal(one["x"], other["x"])
            np.testing.assert_array_equal(one["noise"], other["noise"])


@pytest.mark.parametrize("fortran", [False, True])
def test_npz_images_in_pieces(tmp_path, monkeypatch, fortran):
    monkeypatch.setattr(npz_images, "PIECE", 7 * IMAGES[0].size)
    path = tmp_path / "images.npz"
    np.savez_compressed(path, images=np.asfortranarray(IMAGES) if fortran else IMAGES)
    memory, file = (
        npz_images.Npz(path).load(storage.Storage(limit, tmp_path)) for limit in (None, 0)
    )
    for one, other in zip(memory[:2], file[:2], strict=True):
        np.testing.assert_array_equal(one, other[:])
    assert memory.version == file.version
    assert (len(file.train), len(file.test)) == (207, 23)
    both = {image.tobytes() for split in memory[:2] for image in split}
    assert both == {image.tobytes() for image in IMAGES}


def test_npz_files_are_written_as_numpy_does(tmp_path, rows):
    aligned_npz.write(tmp_path / "a.npz", {"train": rows, "test": IMAGES[:3]})
    with np.load(tmp_path / "a.npz") as found:
        np.testing.assert_array_equal(found["train"], IMAGES)
        np.testing.assert_array_equal(found["test"], IMAGES[:3])


def test_eigenvalues_of_a_file(tmp_path):
    stddev = np.random.default_rng(3).uniform(size=(1000, 6)).astype("float32")
    found = diagnostics.eigenvalues(in_file(stddev, tmp_path))
    np.testing.assert_allclose(found, np.mean(stddev.astype(float) ** 2, axis=0), rtol=1e-12)
