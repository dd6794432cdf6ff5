"""Folders of images: what is read, what is held out, what each bad folder says."""

import io

import numpy as np
import pytest
from loading import as_set, describe, load, message, pictures, write_pngs
from PIL import Image


def test_folder_holds_out_a_tenth_of_its_images(tmp_path):
    images = pictures(47)
    data = load(write_pngs(tmp_path / "mine", images, "{:03d}/a.png"))
    assert data.name == "mine"
    assert data.train.shape == (42, 8, 6, 3)
    assert data.test.shape == (5, 8, 6, 3)
    assert as_set(data.train) | as_set(data.test) == as_set(images)  # none lost, none in both
    order = {image.tobytes(): i for i, image in enumerate(images)}
    assert [order[i.tobytes()] for i in data.train] == sorted(
        order[i.tobytes()] for i in data.train
    )
    assert data.source == describe(tmp_path / "mine")
    assert "42 training and 5 held-out images (10 %" in data.source


def test_held_out_choice_depends_on_the_paths_inside_alone(tmp_path):
    first = load(write_pngs(tmp_path / "one", pictures(30)))
    np.random.seed(3)  # noqa: NPY002 - a training seed must not matter
    again = load(write_pngs(tmp_path / "elsewhere" / "two", pictures(30)))
    np.testing.assert_array_equal(first.test, again.test)
    np.testing.assert_array_equal(first.train, again.train)
    assert first.version == again.version
    changed = load(write_pngs(tmp_path / "three", pictures(30, seed=1)))
    assert changed.version != first.version


def test_train_and_test_subfolders_are_the_splits(tmp_path):
    write_pngs(tmp_path / "train", pictures(5))
    write_pngs(tmp_path / "test", pictures(3, seed=1))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train, pictures(5))
    np.testing.assert_array_equal(data.test, pictures(3, seed=1))
    assert "5 training images in train/, 3 held out in test/" in data.source
    for path in (tmp_path / "test").iterdir():
        path.unlink()
    assert f"no image in {tmp_path / 'test'}" in message(load, tmp_path)


def test_every_format_that_the_readme_names(tmp_path):
    colour = np.full((8, 8, 3), (200, 40, 90), np.uint8)
    for name in ("a.png", "b.JPG", "c.jpeg", "d.bmp", "e.gif", "f.webp"):
        Image.fromarray(colour).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    data = load(tmp_path)
    images = np.concatenate([data.train, data.test])
    assert images.shape == (6, 8, 8, 3)
    assert np.abs(images.astype(int) - colour).max() <= 4


def test_grey_only_if_every_image_is_grey(tmp_path):
    grey = pictures(4, (8, 8, 1))
    write_pngs(tmp_path, grey)
    Image.fromarray(grey[0, ..., 0]).save(tmp_path / "palette.gif")
    data = load(tmp_path)
    assert data.image_shape == (8, 8, 1)
    assert as_set(data.train) | as_set(data.test) == as_set(grey)
    Image.fromarray(pictures(1, (8, 8, 3))[0]).save(tmp_path / "z.png")
    assert load(tmp_path).image_shape == (8, 8, 3)


def test_transparency_is_laid_on_white(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (10, 20, 30, 255)  # the upper half opaque, the lower fully transparent black
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels).save(tmp_path / name)
    image = load(tmp_path).train[0]
    assert (image[:2] == (10, 20, 30)).all()
    assert (image[2:] == 255).all()


def test_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for call in (load, describe):
        text = message(call, tmp_path)
        assert text.startswith(f"no image in {tmp_path}")
        assert ".png" in text
    write_pngs(tmp_path, pictures(1))
    assert "only one image, 000.png," in message(load, tmp_path)


def test_oddly_sized_image_is_named(tmp_path):
    write_pngs(tmp_path, pictures(5))
    Image.fromarray(pictures(1, (9, 7, 3))[0]).save(tmp_path / "000_odd.png")
    text = message(load, tmp_path)
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
    text = message(load, tmp_path)
    assert f"{tmp_path / 'cut'}{suffix} can't be read" in text
    assert "replace or remove it" in text


def test_file_that_is_no_image_is_named(tmp_path):
    write_pngs(tmp_path, pictures(3))
    (tmp_path / "fake.png").write_text("hello")
    assert f"{tmp_path / 'fake.png'} can't be read (no image" in message(load, tmp_path)
    (tmp_path / "fake.png").unlink()
    Image.fromarray(np.zeros((8, 6), np.uint16)).save(tmp_path / "deep.png")
    assert "deep.png can't be read (it has more than 8 bits" in message(load, tmp_path)
