import os

import image_cases
import numpy as np
import pytest
from image_cases import ALPHA, PIXELS
from PIL import Image

import fid
from fid import image_files


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder of sound files, and the paths in it that count."""
    root = tmp_path_factory.mktemp("sound")
    return root, image_cases.write_sound(root)


def test_subfolders_are_read_and_hidden_files_passed_over(sound):
    root, counting = sound
    found = image_files.find(root)
    assert found.names == counting
    assert {os.path.splitext(name)[1] for name in found.names} >= {
        ".PNG",
        ".BMP",
        ".gif",
        ".tiff",
        ".tif",
    }
    text = "4 files left out: 2 .txt, 1 with no suffix, 1 .avif"
    assert image_files.left_out_text(found.left_out) == text


def test_links_lead_to_each_folder_and_file_once(tmp_path):
    image_cases.write_sound(tmp_path)
    before = image_files.find(tmp_path)
    image_cases.add_links(tmp_path)
    after = image_files.find(tmp_path)
    assert after.names == before.names
    assert after.left_out == before.left_out
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "other").symlink_to(tmp_path / "dogs")
    inside = image_files.find(tmp_path / "elsewhere")
    assert len(inside.names) == len(before.names)  # by dogs/everything, which leads to the parent


def test_a_folder_that_cannot_be_listed_is_named(sound, monkeypatch):
    def refuse(path, listed=os.scandir):
        if str(path).endswith("young"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(fid.Error, match=r"cannot read the folder .*young: Permission denied"):
        image_files.find(sound[0])


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_images_are_turned_upright(sound, suffix):
    upright = np.rot90(PIXELS, k=-1)
    np.testing.assert_array_equal(image_files.read(sound[0] / f"turned.{suffix}"), upright)


def test_photographs_are_turned_upright(sound):
    with Image.open(sound[0] / "turned.jpg") as stored:
        upright = np.rot90(np.asarray(stored), k=-1)
    np.testing.assert_array_equal(image_files.read(sound[0] / "turned.jpg"), upright)


@pytest.mark.parametrize("name", ["alpha.png", "alpha.tiff", "alpha.webp"])
def test_transparency_is_laid_on_white(sound, name):
    share = ALPHA[..., None] / 255
    expected = PIXELS * share + 255 * (1 - share)
    found = image_files.read(sound[0] / name)
    np.testing.assert_allclose(found, expected, atol=1)
    np.testing.assert_array_equal(found[ALPHA == 0], 255)


def test_a_transparent_colour_is_white(sound):
    found = image_files.read(sound[0] / "colour_key.png")
    assert found[0, 0].tolist() == [255] * 3
    np.testing.assert_array_equal(found[1:], PIXELS[1:])
    assert image_files.read(sound[0] / "grey_key.png")[0, 0].tolist() == [255] * 3
    with Image.open(sound[0] / "palette.png") as stored:
        see_through = np.asarray(stored) == 1
    assert (image_files.read(sound[0] / "palette.png")[see_through] == 255).all()


def test_animations_give_their_first_frame(sound):
    still = image_files.read(sound[0] / "alpha.png")
    np.testing.assert_array_equal(image_files.read(sound[0] / "dogs" / "moving.png"), still)
    moving = image_files.read(sound[0] / "dogs" / "moving.gif")
    np.testing.assert_array_equal(moving[ALPHA == 0], 255)


def test_grey_is_repeated(sound):
    found = image_files.read(sound[0] / "cats" / "grey.BMP")
    np.testing.assert_array_equal(found, np.repeat(PIXELS[..., :1], 3, axis=-1))


def test_files_to_be_refused_say_why(tmp_path):
    for name, reason in image_cases.write_refused(tmp_path).items():
        with pytest.raises(fid.Error, match=reason) as error:
            image_files.read(tmp_path / name)
        assert str(tmp_path / name) in str(error.value)
        assert "\n" not in str(error.value)
