"""Folders of images: what is read, what is held out, what each bad folder says."""

import io
import os

import image_cases
import numpy as np
import pytest
from loading import as_set, describe, load, message, outline, pictures, write_pngs
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


@pytest.mark.parametrize("held", ["test", "val", "validation", "Valid"])
def test_train_and_held_out_subfolders_are_the_splits(tmp_path, held):
    write_pngs(tmp_path / "train", pictures(5), "{:03d}/a.png")
    write_pngs(tmp_path / held, pictures(3, seed=1))
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train, pictures(5))
    np.testing.assert_array_equal(data.test, pictures(3, seed=1))
    assert data.source.endswith(f"5 training images in train/, 3 held out in {held}/")
    for path in (tmp_path / held).iterdir():
        path.unlink()
    assert f"no image of its own in {tmp_path / held}" in message(load, tmp_path)


def test_what_lies_beside_train_and_test_is_left_out(tmp_path, capsys):
    for number, name in enumerate(("train", "test", "val")):
        write_pngs(tmp_path / name, pictures(2 + number, seed=number))
    write_pngs(tmp_path, pictures(1))
    (tmp_path / "notes.txt").write_text("x")
    data = load(tmp_path)
    assert (len(data.train), len(data.test)) == (2, 3)
    note = "5 images outside train/ and test/ left out; 1 file left out: 1 .txt"
    assert data.source.endswith(f"; {note}")
    assert capsys.readouterr().err == f"{tmp_path}: {note}\n"


def test_links_put_no_image_on_both_sides(tmp_path):
    write_pngs(tmp_path / "mine" / "a", pictures(24))
    before = load(tmp_path / "mine")
    (tmp_path / "mine" / "a" / "up").symlink_to(tmp_path / "mine")
    after = load(tmp_path / "mine")
    np.testing.assert_array_equal(after.train, before.train)
    np.testing.assert_array_equal(after.test, before.test)
    write_pngs(tmp_path / "split" / "train", pictures(4))
    (tmp_path / "split" / "test").symlink_to(tmp_path / "split" / "train")
    assert "no image of its own in" in message(load, tmp_path / "split")


def test_grey_only_if_every_image_is_grey(tmp_path):
    grey = pictures(4, (8, 8, 1))
    write_pngs(tmp_path, grey)
    Image.fromarray(grey[0, ..., 0]).save(tmp_path / "palette.gif")
    data = load(tmp_path)
    assert data.image_shape == (8, 8, 1)
    assert as_set(data.train) | as_set(data.test) == as_set(grey)
    Image.fromarray(pictures(1, (8, 8, 3))[0]).save(tmp_path / "z.png")
    assert load(tmp_path).image_shape == (8, 8, 3)


def test_empty_folder(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    for call in (load, describe):
        text = message(call, tmp_path)
        assert text.startswith(f"no image in {tmp_path}")
        assert ".png" in text
        assert "(1 file left out: 1 .txt)" in text
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
    assert "deep.png has more than 8 bits a channel" in message(load, tmp_path)


def test_every_kind_of_file_is_cut_to_one_size(tmp_path):
    counting = image_cases.write_sound(tmp_path)
    data = load(tmp_path, image_size=4)
    assert data.image_shape == (4, 4, 3)
    assert len(data.train) + len(data.test) == len(counting)
    assert "4 files left out: 2 .txt, 1 with no suffix, 1 .avif" in data.source


def test_photographs_held_upright_are_of_one_size(tmp_path):
    """Their pixels lie 6 x 8 or 8 x 6 in the files; all are seen 6 wide and 8 high."""
    upright, lying = pictures(2, (8, 6, 3))
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(upright).save(tmp_path / "a.png")
    Image.fromarray(np.rot90(lying)).save(tmp_path / "b.png", exif=exif)
    data = load(tmp_path)
    assert outline(tmp_path)[:3] == ((8, 6, 3), 1, 1)
    assert as_set(data.train) | as_set(data.test) == as_set([upright, lying])


@pytest.mark.parametrize("size", [None, 4])
def test_images_of_one_pixel(tmp_path, size):
    data = load(write_pngs(tmp_path, pictures(3, (1, 1, 3))), image_size=size)
    assert data.image_shape == (size or 1, size or 1, 3)
    for image in data.train:
        assert (image == image[0, 0]).all()


def test_names_of_any_kind(tmp_path):
    """Messages stay on one line, and bytes that are no text are hashed as they are."""
    names = ("a\nb.png", "c d.png", "\N{CJK UNIFIED IDEOGRAPH-732B}.png", os.fsdecode(b"\xff.png"))
    root = tmp_path / "two\nlines"
    root.mkdir()
    for name, image in zip(names, pictures(4), strict=True):
        Image.fromarray(image).save(root / name)
    data = load(root)
    assert len(data.train) + len(data.test) == 4
    assert (data.name, "\n" in data.source) == ("two_lines", False)
    assert len(outline(root).identity) == 12
    for name in names:
        sound = (root / name).read_bytes()
        (root / name).write_text("no image")
        assert "can't be read" in message(load, root)
        (root / name).write_bytes(sound)
