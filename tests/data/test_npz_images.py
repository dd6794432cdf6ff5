""".npz files: which arrays are read, what is held out, what each bad file says."""

import struct
import zipfile

import numpy as np
import pytest
from loading import as_set, describe, load, message, pictures


@pytest.mark.parametrize(
    "keys",
    [
        ("train", "test"),
        ("x_train", "x_test"),
        ("train_images", "test_images"),
        ("X_train", "X_val"),
    ],
)
def test_npz_with_both_splits(tmp_path, keys):
    path = tmp_path / "digits.npz"
    arrays = dict(zip(keys, (pictures(5, (4, 4)), pictures(2, (4, 4, 1), 1)), strict=True))
    np.savez_compressed(path, **arrays, y_train=np.arange(5))
    data = load(path)
    assert data.name == "digits"
    np.testing.assert_array_equal(data.train[..., 0], pictures(5, (4, 4)))
    np.testing.assert_array_equal(data.test, pictures(2, (4, 4, 1), 1))
    assert data.source == describe(path)
    assert "5 training and 2 held-out" in data.source


@pytest.mark.parametrize("key", ["images", "arr_0"])
def test_npz_with_one_array_holds_out_a_tenth(tmp_path, key):
    images = pictures(35, (4, 4, 3))
    path = tmp_path / "one.npz"
    labels = {"labels": np.arange(35)} if key == "images" else {}
    np.savez(path, **{key: images}, **labels)
    data = load(path)
    assert data.train.shape == (31, 4, 4, 3)
    assert data.test.shape == (4, 4, 4, 3)
    assert as_set(data.train) | as_set(data.test) == as_set(images)
    np.savez(path, **{key: images[::-1]}, **labels)  # the order in the file doesn't matter
    assert as_set(load(path).test) == as_set(data.test)


@pytest.mark.parametrize(
    ("arrays", "holds"),
    [
        ({"images": np.zeros((3, 4, 4, 3))}, "images: float64 [3, 4, 4, 3]"),
        ({"images": np.zeros((3, 4), np.uint8)}, "images: uint8 [3, 4]"),
        ({"images": np.zeros((3, 4, 4, 2), np.uint8)}, "images: uint8 [3, 4, 4, 2]"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "images: uint8 [0, 4, 4]"),
        ({"images": np.zeros((1, 4, 4), np.uint8)}, "images: uint8 [1, 4, 4]"),
        ({"images": np.array([{}, {}])}, "images: object [2]"),
        ({}, "no array"),
    ],
)
def test_npz_that_does_not_fit_says_what_it_holds(tmp_path, arrays, holds):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    for call in (load, describe):
        text = message(call, path)
        assert f"{path} holds {holds}" in text
        assert "expected uint8 [N, H, W]" in text


def test_npz_whose_splits_differ_in_shape(tmp_path):
    np.savez(tmp_path / "bad.npz", train=pictures(3, (4, 4)), test=pictures(3, (4, 5)))
    assert "both need images of one shape" in message(load, tmp_path / "bad.npz")


def test_npz_that_is_damaged(tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(b"no zip")
    assert f"{path} isn't a readable .npz" in message(load, path)
    np.savez(path, images=pictures(2000))
    content = bytearray(path.read_bytes())
    content[200_000] ^= 255  # far beyond what reading the header touches
    path.write_bytes(content)
    assert f"{path} can't be read" in message(load, path)


@pytest.mark.parametrize(
    ("images", "label"), [("arr_0", "arr_1"), ("image", "label"), ("train", "train_labels")]
)
def test_labels_may_lie_beside_the_images(tmp_path, images, label):
    path = tmp_path / "labelled.npz"
    rows = pictures(12, (4, 4, 3))
    labels = np.arange(12, dtype=np.uint8)
    np.savez(path, **{images: rows, label: labels, "hot": np.eye(12, dtype=np.uint8)})
    data = load(path)
    assert (len(data.train), len(data.test)) == (11, 1)
    assert as_set(data.train) | as_set(data.test) == as_set(rows)


def test_one_of_several_arrays_is_named(tmp_path):
    path = tmp_path / "several.npz"
    np.savez(path, photos=pictures(3), masks=pictures(3, (8, 6)), labels=np.arange(3))
    text = message(load, path)
    assert f"{path} holds photos: uint8 [3, 8, 6, 3], masks: uint8 [3, 8, 6], labels: int64" in text
    assert text.endswith(f"name one, such as {path}:photos")
    data = load(f"{path}:photos")
    assert (data.name, data.image_shape, len(data.train)) == ("several-photos", (8, 6, 3), 2)
    assert load(f"{path}:masks").image_shape == (8, 6, 1)
    assert "none is called x" in message(load, f"{path}:x")
    assert "expected uint8 [N, H, W]" in message(load, f"{path}:labels")


def claiming(path, header, values):
    """An .npz whose one array has this header."""
    content = b"\x93NUMPY\x02\0" + struct.pack("<I", len(header)) + header + values
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", content)
    return path


HEADER = "{{'descr': '{}', 'fortran_order': {}, 'shape': {}}}\n"
CLAIMS = [
    ("|u1", False, (10**15, 4, 4)),
    ("|u1", True, (10**15, 4, 4)),
    ("|u1", False, (4, 10**9, 10**9, 3)),
    ("|u1", False, (-4, 4, -4)),
    ("|u1", False, (4, 4)),
]


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_a_header_that_claims_more_than_there_is(tmp_path, claim):
    path = claiming(tmp_path / "big.npz", HEADER.format(*claim).encode(), bytes(64))
    for call in (load, describe):
        assert f"{path} isn't a readable .npz" in message(call, path)


class Payload:
    """Unpickling it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_pickles_are_never_loaded(tmp_path):
    path, written = tmp_path / "evil.npz", tmp_path / "written"
    np.savez(path, images=np.array([Payload(str(written))] * 4, object))
    written.unlink(missing_ok=True)
    assert f"{path} holds images: object [4]" in message(load, path)
    assert not written.exists()


def test_names_cannot_break_out_of_a_message(tmp_path):
    path = tmp_path / "names.npz"
    np.savez(path, **{"a\n\x1b[2J": np.zeros(3)})
    assert "holds a\\n\\x1b[2J: float64 [3]" in message(load, path)
