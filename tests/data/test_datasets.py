"""Names, folders and .npz files: what is loaded, what is held out, what each bad input says."""

import io
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tf_twostage.data import datasets, decoding
from tf_twostage.errors import InputError


def pictures(count, shape=(8, 6, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), np.uint8)


def write_pngs(folder, images, pattern="{:03d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for i, image in enumerate(images):
        path = folder / pattern.format(i)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(path)
    return folder


def message(call, *args, **kwargs):
    """The one line that a bad input's error says."""
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    text = str(caught.value)
    assert "\n" not in text
    return text


def as_set(images):
    return {image.tobytes() for image in images}


def test_manifold_loads_whole_and_knows_its_dimension():
    data = datasets.load("manifold")
    assert (data.name, data.true_dim, data.image_shape) == ("manifold", 5, (16, 16, 1))
    assert data.train.shape == (10_000, 16, 16, 1)
    assert data.test.shape == (2_000, 16, 16, 1)
    assert data.source == datasets.describe("manifold")
    assert "10,000 training and 2,000 held-out" in data.source


def test_outline_tells_what_load_gives(tmp_path):
    write_pngs(tmp_path / "folder", pictures(25, (8, 6, 1)))
    write_pngs(tmp_path / "splits" / "train", pictures(5))
    write_pngs(tmp_path / "splits" / "test", pictures(4))
    np.savez(tmp_path / "one.npz", images=pictures(25, (4, 5)))
    np.savez(tmp_path / "two.npz", train=pictures(5), test=pictures(4))
    paths = [tmp_path / name for name in ("folder", "splits", "one.npz", "two.npz")]
    for name in ("manifold", *paths):
        data = datasets.load(name)
        assert datasets.outline(name) == (data.image_shape, len(data.train), len(data.test))


def test_importing_datasets_does_not_import_tensorflow():
    code = (
        "import sys; from tf_twostage.data import datasets, tfds_images; print(sorted(sys.modules))"
    )
    root = pathlib.Path(datasets.__file__).parents[2]
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout
    assert "'tf_twostage.data.datasets'" in modules
    assert "'tensorflow_datasets'" not in modules


@pytest.mark.parametrize(
    "call", [datasets.load, datasets.describe, datasets.outline, datasets.run_name]
)
def test_unknown_name_lists_the_known_ones(call, tmp_path):
    text = message(call, "fashionmnist")
    assert "'fashionmnist'" in text
    for name in datasets.NAMES:
        assert name in text
    (tmp_path / "notes.txt").write_text("x")
    assert "neither a folder nor an .npz" in message(call, tmp_path / "notes.txt")
    assert "no such file" in message(call, tmp_path / "gone.npz")
    assert "unknown data set ''" in message(call, "")


def test_run_name_is_safe_and_distinct_from_the_built_in_ones(tmp_path, monkeypatch):
    for name in ("my faces!", "mnist", "a.b"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "cifar10.npz", images=pictures(2))
    assert datasets.run_name("mnist") == "mnist"
    assert datasets.run_name(tmp_path / "my faces!") == "my_faces"
    assert datasets.run_name(tmp_path / "a.b") == "a.b"
    assert datasets.run_name(tmp_path / "mnist") == "mnist-folder"
    assert datasets.run_name(tmp_path / "cifar10.npz") == "cifar10-npz"
    monkeypatch.chdir(tmp_path / "a.b")
    assert datasets.run_name("./") == "a.b"


# --- folders -----------------------------------------------------------------------------------


def test_folder_holds_out_a_tenth_of_its_images(tmp_path):
    images = pictures(47)
    data = datasets.load(write_pngs(tmp_path / "mine", images, "{:03d}/a.png"))
    assert data.name == "mine"
    assert data.train.shape == (42, 8, 6, 3)
    assert data.test.shape == (5, 8, 6, 3)
    assert as_set(data.train) | as_set(data.test) == as_set(images)  # none lost, none in both
    order = {image.tobytes(): i for i, image in enumerate(images)}
    assert [order[i.tobytes()] for i in data.train] == sorted(
        order[i.tobytes()] for i in data.train
    )
    assert data.source == datasets.describe(tmp_path / "mine")
    assert "42 training and 5 held-out images (10 %" in data.source


def test_held_out_choice_depends_on_the_paths_inside_alone(tmp_path):
    first = datasets.load(write_pngs(tmp_path / "one", pictures(30)))
    np.random.seed(3)  # noqa: NPY002 - a training seed must not matter
    again = datasets.load(write_pngs(tmp_path / "elsewhere" / "two", pictures(30)))
    np.testing.assert_array_equal(first.test, again.test)
    np.testing.assert_array_equal(first.train, again.train)
    assert first.version == again.version
    changed = datasets.load(write_pngs(tmp_path / "three", pictures(30, seed=1)))
    assert changed.version != first.version


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, 1), (14, 1), (16, 2), (1000, 100), (99_990, 9_999), (1_000_000, 10_000)],
)
def test_held_out_count(count, expected):
    assert decoding.held_out_count(count) == expected


def test_train_and_test_subfolders_are_the_splits(tmp_path):
    write_pngs(tmp_path / "train", pictures(5))
    write_pngs(tmp_path / "test", pictures(3, seed=1))
    data = datasets.load(tmp_path)
    np.testing.assert_array_equal(data.train, pictures(5))
    np.testing.assert_array_equal(data.test, pictures(3, seed=1))
    assert "5 training images in train/, 3 held out in test/" in data.source
    for path in (tmp_path / "test").iterdir():
        path.unlink()
    assert f"no image in {tmp_path / 'test'}" in message(datasets.load, tmp_path)


def test_every_format_that_the_readme_names(tmp_path):
    colour = np.full((8, 8, 3), (200, 40, 90), np.uint8)
    for name in ("a.png", "b.JPG", "c.jpeg", "d.bmp", "e.gif", "f.webp"):
        Image.fromarray(colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    data = datasets.load(tmp_path)
    images = np.concatenate([data.train, data.test])
    assert images.shape == (6, 8, 8, 3)
    assert np.abs(images.astype(int) - colour).max() <= 4


def test_grey_only_if_every_image_is_grey(tmp_path):
    grey = pictures(4, (8, 8, 1))
    write_pngs(tmp_path, grey)
    Image.fromarray(grey[0, ..., 0]).save(tmp_path / "palette.gif")
    data = datasets.load(tmp_path)
    assert data.image_shape == (8, 8, 1)
    assert as_set(data.train) | as_set(data.test) == as_set(grey)
    Image.fromarray(pictures(1, (8, 8, 3))[0]).save(tmp_path / "z.png")
    assert datasets.load(tmp_path).image_shape == (8, 8, 3)


def test_transparency_is_laid_on_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (10, 20, 30, 255)  # the upper half opaque, the lower fully transparent black
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    image = datasets.load(tmp_path).train[0]
    assert (image[:2] == (10, 20, 30)).all()
    assert (image[2:] == 255).all()


def test_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for call in (datasets.load, datasets.describe):
        text = message(call, tmp_path)
        assert text.startswith(f"no image in {tmp_path}")
        assert ".png" in text
    write_pngs(tmp_path, pictures(1))
    assert "only one image, 000.png," in message(datasets.load, tmp_path)


def test_oddly_sized_image_is_named(tmp_path):
    write_pngs(tmp_path, pictures(5))
    Image.fromarray(pictures(1, (9, 7, 3))[0]).save(tmp_path / "000_odd.png")
    text = message(datasets.load, tmp_path)
    assert f"{tmp_path / '000_odd.png'} is 7x9 pixels" in text
    assert "5 of 6 images are 6x8" in text


@pytest.mark.parametrize(("suffix", "kept"), [(".jpg", 0.6), (".png", 0.6), (".png", 0.02)])
def test_truncated_image_is_named(tmp_path, suffix, kept):
    write_pngs(tmp_path, pictures(5, (40, 40, 3)))
    encoded = io.BytesIO()
    Image.fromarray(pictures(1, (40, 40, 3))[0]).save(
        encoded, Image.registered_extensions()[suffix]
    )
    cut = encoded.getvalue()[: int(kept * len(encoded.getvalue()))]
    (tmp_path / f"cut{suffix}").write_bytes(cut)
    text = message(datasets.load, tmp_path)
    assert f"{tmp_path / 'cut'}{suffix} can't be read" in text
    assert "replace or remove it" in text


def test_file_that_is_no_image_is_named(tmp_path):
    write_pngs(tmp_path, pictures(3))
    (tmp_path / "fake.png").write_text("hello")
    assert f"{tmp_path / 'fake.png'} can't be read (no image" in message(datasets.load, tmp_path)
    (tmp_path / "fake.png").unlink()
    Image.fromarray(np.zeros((8, 6), np.uint16)).save(tmp_path / "deep.png")
    assert "deep.png can't be read (it has more than 8 bits" in message(datasets.load, tmp_path)


# --- .npz files --------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [("train", "test"), ("x_train", "x_test")])
def test_npz_with_both_splits(tmp_path, keys):
    path = tmp_path / "digits.npz"
    arrays = dict(zip(keys, (pictures(5, (4, 4)), pictures(2, (4, 4, 1), 1)), strict=True))
    np.savez_compressed(path, **arrays, y_train=np.arange(5))
    data = datasets.load(path)
    assert data.name == "digits"
    np.testing.assert_array_equal(data.train[..., 0], pictures(5, (4, 4)))
    np.testing.assert_array_equal(data.test, pictures(2, (4, 4, 1), 1))
    assert data.source == datasets.describe(path)
    assert "5 training and 2 held-out" in data.source


@pytest.mark.parametrize("key", ["images", "arr_0"])
def test_npz_with_one_array_holds_out_a_tenth(tmp_path, key):
    images = pictures(35, (4, 4, 3))
    path = tmp_path / "one.npz"
    labels = {"labels": np.arange(35)} if key == "images" else {}
    np.savez(path, **{key: images}, **labels)
    data = datasets.load(path)
    assert data.train.shape == (31, 4, 4, 3)
    assert data.test.shape == (4, 4, 4, 3)
    assert as_set(data.train) | as_set(data.test) == as_set(images)
    np.savez(path, **{key: images[::-1]}, **labels)  # the order in the file doesn't matter
    assert as_set(datasets.load(path).test) == as_set(data.test)


@pytest.mark.parametrize(
    ("arrays", "holds"),
    [
        ({"images": np.zeros((3, 4, 4, 3))}, "images: float64 [3, 4, 4, 3]"),
        ({"images": np.zeros((3, 4), np.uint8)}, "images: uint8 [3, 4]"),
        ({"images": np.zeros((3, 4, 4, 2), np.uint8)}, "images: uint8 [3, 4, 4, 2]"),
        ({"images": np.zeros((0, 4, 4), np.uint8)}, "images: uint8 [0, 4, 4]"),
        ({"images": np.zeros((1, 4, 4), np.uint8)}, "images: uint8 [1, 4, 4]"),
        ({"a": np.zeros((3, 4, 4), np.uint8), "b": np.zeros(3)}, "a: uint8 [3, 4, 4], b: float64"),
        ({"train": np.zeros((3, 4, 4), np.uint8), "b": np.zeros(3)}, "train: uint8 [3, 4, 4], b"),
        ({"images": np.array([{}, {}])}, "images: object [2]"),
        ({}, "no array"),
    ],
)
def test_npz_that_does_not_fit_says_what_it_holds(tmp_path, arrays, holds):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    for call in (datasets.load, datasets.describe):
        text = message(call, path)
        assert f"{path} holds {holds}" in text
        assert "expected uint8 [N, H, W]" in text


def test_npz_whose_splits_differ_in_shape(tmp_path):
    np.savez(tmp_path / "bad.npz", train=pictures(3, (4, 4)), test=pictures(3, (4, 5)))
    assert "both need images of one shape" in message(datasets.load, tmp_path / "bad.npz")


def test_npz_that_is_damaged(tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(b"no zip")
    assert f"{path} isn't a readable .npz" in message(datasets.load, path)
    np.savez(path, images=pictures(2000))
    content = bytearray(path.read_bytes())
    content[200_000] ^= 255  # far beyond what reading the header touches
    path.write_bytes(content)
    assert f"{path} can't be read" in message(datasets.load, path)


# --- JPEG --------------------------------------------------------------------------------------


def test_jpeg_puts_every_image_through_pillows_default_once(tmp_path):
    colour, grey = pictures(6, (16, 16, 3)), pictures(4, (16, 16, 1))
    for images in (colour, grey):
        path = tmp_path / f"{images.shape[-1]}.npz"
        np.savez(path, train=images, test=images[:2])
        data = datasets.load(path, jpeg=True)
        for before, after in zip(images, data.train, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(before.squeeze()).save(buffer, format="jpeg")
            expected = np.asarray(Image.open(buffer)).reshape(before.shape)
            np.testing.assert_array_equal(after, expected)
        np.testing.assert_array_equal(data.test, data.train[:2])
        assert (data.train != images).mean() > 0.5
        assert data.source.endswith("every image once through JPEG, quality 75")


# --- decoding ----------------------------------------------------------------------------------


def test_decode_all_keeps_the_order_and_checks_the_count():
    def decode(i):
        return np.full((1, 1, 1), i % 251, np.uint8)

    out = decoding.decode_all(range(1300), np.empty((1300, 1, 1, 1), np.uint8), decode, "x")
    np.testing.assert_array_equal(out.ravel(), np.arange(1300) % 251)
    for count in (1299, 1301):
        with pytest.raises(ValueError, match="images"):
            decoding.decode_all(range(count), np.empty((1300, 1, 1, 1), np.uint8), decode, "x")


# --- real data, where it is at hand ------------------------------------------------------------

REAL = os.environ.get("TF_TWOSTAGE_DATA_DIR")


@pytest.mark.skipif(not REAL, reason="TF_TWOSTAGE_DATA_DIR names no prepared TFDS folder")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_prepared_real_sets_are_whole(name):
    data = datasets.load(name, data_dir=REAL)
    assert data.train.shape == (60_000, 28, 28, 1)
    assert data.test.shape == (10_000, 28, 28, 1)
    # Mean intensities of the training images, widely published: 0.1307 and 0.2860.
    expected = {"mnist": 0.1307, "fashion_mnist": 0.2860}[name]
    assert data.train.mean() / 255 == pytest.approx(expected, abs=5e-5)
