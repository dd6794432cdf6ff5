"""Single image files: which count, and which pixels they hold, of every kind that users have."""

import os
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import image_cases
import numpy as np
import pytest
from image_cases import ALPHA, PIXELS
from loading import as_set, load, message, pictures, write_pngs
from PIL import Image

from tf_twostage.data import image_files


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder of sound files, and the paths in it that count."""
    root = tmp_path_factory.mktemp("sound")
    return root, image_cases.write_sound(root)


def test_which_files_count(sound):
    root, counting = sound
    found = image_files.find(root)
    assert found.names == counting
    text = "4 files left out: 2 .txt, 1 with no suffix, 1 .avif"
    assert image_files.left_out_in_words(found.left_out) == text


def test_links_lead_to_each_folder_and_file_once(tmp_path):
    image_cases.write_sound(tmp_path)
    before = image_files.find(tmp_path)
    image_cases.add_links(tmp_path)
    after = image_files.find(tmp_path)
    assert after.names == before.names
    assert after.left_out == before.left_out


def test_headers_tell_what_is_read(sound):
    for path in map(sound[0].joinpath, image_files.find(sound[0]).names):
        (width, height), grey = image_files.header(path)
        pixels = image_files.read(path, "RGB")
        assert pixels.shape == (height, width, 3)
        assert not grey or (pixels == pixels[..., :1]).all()
        if grey:
            np.testing.assert_array_equal(image_files.read(path, "L"), pixels[..., 0])


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_images_are_turned_upright(sound, suffix):
    path = sound[0] / f"turned.{suffix}"
    np.testing.assert_array_equal(image_files.read(path, "RGB"), np.rot90(PIXELS, k=-1))


def test_an_orientation_behind_the_pixels_counts(tmp_path):
    """As ImageMagick writes it; Pillow puts its own before them."""
    path = tmp_path / "late.png"
    exif = Image.Exif()
    exif[274] = image_cases.SIDEWAYS
    Image.fromarray(PIXELS).save(path, exif=exif)
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    path.write_bytes(content[:start] + content[end:-12] + content[start:end] + content[-12:])
    assert image_files.header(path).size == (5, 7)
    np.testing.assert_array_equal(image_files.read(path, "RGB"), np.rot90(PIXELS, k=-1))


@pytest.mark.parametrize("name", ["alpha.png", "alpha.tiff", "alpha.webp"])
def test_transparency_is_laid_on_white(sound, name):
    share = ALPHA[..., None] / 255
    found = image_files.read(sound[0] / name, "RGB")
    np.testing.assert_allclose(found, PIXELS * share + 255 * (1 - share), atol=1)
    np.testing.assert_array_equal(found[ALPHA == 0], 255)


def test_grey_stays_grey_on_white(sound):
    luma = np.asarray(Image.fromarray(PIXELS).convert("L"))
    found = image_files.read(sound[0] / "alpha_grey.PNG", "L")
    np.testing.assert_allclose(found, luma * (ALPHA / 255) + 255 - ALPHA, atol=1)
    found = image_files.read(sound[0] / "grey_key.png", "L")
    key = PIXELS[..., 0] == PIXELS[0, 0, 0]
    np.testing.assert_array_equal(found, np.where(key, 255, PIXELS[..., 0]))


def test_files_to_be_refused_say_why(tmp_path):
    for name, reason in image_cases.write_refused(tmp_path).items():
        text = message(image_files.read, tmp_path / name, "RGB")
        assert text.startswith(str(tmp_path / name))
        assert reason in text
    huge = message(image_files.header, tmp_path / "huge.png")
    assert huge.endswith("shrink or remove it")


def test_bytes_are_read_as_files_are(sound, tmp_path):
    for path in map(sound[0].joinpath, image_files.find(sound[0]).names):
        found = image_files.decode(path.read_bytes(), "RGB", 100)
        np.testing.assert_array_equal(found, image_files.read(path, "RGB"))
    for name, reason in image_cases.write_refused(tmp_path).items():
        if (path := tmp_path / name).exists():
            text = message(image_files.decode, path.read_bytes(), "RGB", 10**9)
            assert text.startswith("the image")
            assert reason in text


def test_bytes_with_many_pixels_are_refused_undecoded():
    content = image_cases.png(3000, 2000, 8, 0, rows=0)
    text = message(image_files.decode, content, "L", 5_999_999)
    assert text == "the image is 3000x2000 pixels: shrink it to 5,999,999 pixels or fewer"


def test_bytes_of_other_formats_are_no_image(tmp_path):
    path = tmp_path / "page.eps"
    Image.fromarray(PIXELS).save(path)
    assert "no image of the kinds" in message(image_files.decode, path.read_bytes(), "RGB", 100)


def test_a_folder_that_cannot_be_listed_is_named(sound, monkeypatch):
    def refuse(path, listed=image_files.os.scandir):
        if str(path).endswith("young"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(image_files.os, "scandir", refuse)
    assert "young: Permission denied" in message(image_files.find, sound[0])


def test_large_images_are_decoded_one_at_a_time(tmp_path, monkeypatch):
    path, under_way, most = tmp_path / "a.png", [], []
    Image.fromarray(PIXELS).save(path)

    def fit(pixels):
        under_way.append(1)
        most.append(len(under_way))
        time.sleep(0.01)
        under_way.pop()
        return pixels[:1, :1]

    def read(number):
        return image_files.read(path, "RGB", fit)

    monkeypatch.setattr(image_files, "LARGE", 34)  # the image has 35 pixels
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, range(8)))
    assert max(most) == 1
    np.testing.assert_array_equal(found, np.repeat(PIXELS[None, :1, :1], 8, axis=0))


def test_pillows_own_limit_stays_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.new("L", (30, 30), 7).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)  # Pillow refuses 900 pixels
    assert image_files.read(path, "L").sum() == 7 * 900
    assert Image.MAX_IMAGE_PIXELS == 400
    assert "exceeds limit" in message(image_files.decode, path.read_bytes(), "L", 1000)
    monkeypatch.setattr(image_files, "MOST_PIXELS", 899)
    assert "30x30 pixels exceeds limit of 899" in message(image_files.read, path, "L")


NAMES = (b"with space.png", b"line\nbreak.png", "été ☃.png".encode(), b"\xff\xfe.png", b"-o.png")


def test_files_may_have_any_names(tmp_path):
    write_pngs(tmp_path, pictures(len(NAMES)), "{}.png")
    for number, name in enumerate(NAMES):
        os.rename(tmp_path / f"{number}.png", os.path.join(os.fsencode(tmp_path), name))
    data = load(tmp_path)
    assert as_set(data.train) | as_set(data.test) == as_set(pictures(len(NAMES)))
    Image.new("L", (1, 1)).save(tmp_path / "odd\n\x1b[2J.png")
    assert "odd\\n\\x1b[2J.png is 1x1 pixels" in message(load, tmp_path)


def test_listing_takes_little_memory_for_many_files(tmp_path):
    (tmp_path / "0000.png").touch()
    for number in range(1, 2000):
        os.link(tmp_path / "0000.png", tmp_path / f"{number:04d}.png")
    image_files.find(tmp_path)
    tracemalloc.start()
    found = image_files.find(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.names[::1999] == ["0000.png", "1999.png"]
    assert peak < 200 * 2000  # bytes; a path object alone has more


def test_a_link_that_leads_out_counts_and_one_to_itself_does_not(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(2):
        Image.new("L", (4, 4)).save(tmp_path / f"{number}.png")
        (folder / f"out{number}.png").symlink_to(tmp_path / "0.png")
    (folder / "loop").symlink_to(folder / "loop")
    assert image_files.find(folder).names == ["out0.png"]
