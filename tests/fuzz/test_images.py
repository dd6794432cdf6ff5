"""Image files from strangers, to train on, to score, and uploaded."""

import io

import numpy as np
from fuzzing import damaged, fuzz, refused
from image_cases import PIXELS, png
from PIL import Image

import fid
from fid import image_files as fid_files
from tf_twostage.data import image_files
from tf_twostage.errors import InputError

RGB = Image.fromarray(PIXELS)
FRAMES = {"save_all": True, "append_images": [Image.fromarray(PIXELS[::-1])]}


def saved(image, kind, **how):
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def turned(kind):
    exif = Image.Exif()
    exif[274] = 6
    return saved(RGB, kind, exif=exif)


SOUND = (
    saved(RGB, "PNG"),
    saved(RGB.quantize(4), "PNG", transparency=1),
    saved(RGB, "PNG", **FRAMES),
    turned("PNG"),
    png(7, 5, 16, 2),
    turned("JPEG"),
    saved(RGB.convert("CMYK"), "JPEG"),
    saved(RGB, "JPEG", progressive=True),
    saved(RGB, "BMP"),
    saved(RGB, "GIF", **FRAMES),
    turned("WEBP"),
    saved(RGB, "WEBP", **FRAMES),
    saved(RGB, "TIFF"),
    saved(RGB, "TIFF", compression="tiff_lzw"),
    saved(RGB.convert("L").point(lambda value: 255 * (value > 99)).convert("1"), "TIFF"),
)
FILES = damaged(*SOUND)


@fuzz(FILES)
def test_files_to_train_on(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for read in (image_files.header, lambda path: image_files.read(path, "RGB")):
        with refused(InputError):
            read(path)


@fuzz(FILES)
def test_files_to_score(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with refused(fid.Error):
        assert fid_files.read(path).dtype == np.uint8


@fuzz(FILES)
def test_uploads(content):
    with refused(InputError):
        assert image_files.decode(content, "L", 1000).dtype == np.uint8
