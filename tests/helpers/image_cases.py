"""Folders of image files of every kind that users have, sound ones and ones to be refused."""

import os
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image

RNG = np.random.default_rng(12)
PIXELS = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = np.where(np.arange(35).reshape(5, 7) % 3 == 0, 0, 200).astype(np.uint8)
SIDEWAYS = 6  # EXIF orientation: to be turned clockwise by 90 degrees


def write_sound(root: pathlib.Path) -> list[str]:
    """Writes every file that is to be read, and ones to be left out; the paths that count."""
    rgb, grey = Image.fromarray(PIXELS), Image.fromarray(PIXELS[..., 0])
    rgba = Image.fromarray(np.dstack([PIXELS, ALPHA]))
    for folder in ("cats/young", "dogs", ".hidden", "__MACOSX"):
        (root / folder).mkdir(parents=True)
    rgb.save(root / "turned.jpg", exif=_exif())
    rgb.save(root / "turned.png", exif=_exif())
    rgb.save(root / "turned.webp", exif=_exif(), lossless=True)
    rgb.save(root / "turned.tif", tiffinfo={274: SIDEWAYS})
    rgba.save(root / "alpha.png")
    rgba.convert("LA").save(root / "alpha_grey.PNG")
    rgba.save(root / "alpha.webp", lossless=True)
    rgba.save(root / "alpha.tiff")
    rgb.quantize(4).save(root / "palette.png", transparency=1)
    rgb.save(root / "colour_key.png", transparency=tuple(map(int, PIXELS[0, 0])))
    grey.save(root / "grey_key.png", transparency=int(PIXELS[0, 0, 0]))
    grey.save(root / "cats/grey.BMP")
    grey.point(lambda value: 255 * (value > 99)).convert("1").save(root / "cats/young/bits.png")
    rgb.convert("CMYK").save(root / "dogs/inks.jpeg")
    rgb.save(root / "dogs/two.jpg", "MPO", save_all=True, append_images=[grey])  # as phones do
    frames = [rgba, Image.fromarray(PIXELS[::-1])]
    for suffix in ("gif", "webp", "png"):
        path = root / f"dogs/moving.{suffix}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
    counting = sorted(p.relative_to(root).as_posix() for p in root.rglob("*.*") if p.is_file())
    for name in (".hidden.png", "._turned.png", ".hidden/a.png", "__MACOSX/a.png"):
        grey.save(root / name)
    for name in ("notes.txt", "cats/more.txt", "dogs/new.avif", "dogs/LICENCE"):
        (root / name).write_text("no image that counts")
    return counting


def add_links(root: pathlib.Path) -> None:
    """Adds links that lead to nothing new: to the folder itself, to a subfolder, to a file."""
    os.symlink(root, root / "dogs" / "everything")
    os.symlink(root / "dogs", root / "zoo")
    os.symlink(root / "alpha.png", root / "zz.png")


def write_refused(root: pathlib.Path) -> dict[str, str]:
    """Writes files to be refused; a part of the reason for each."""
    deep = "8 bits"
    for name, colour in {"grey": 0, "colour": 2, "grey_alpha": 4, "alpha": 6}.items():
        (root / f"deep_{name}.png").write_bytes(png(7, 5, 16, colour))
    (root / "deep.tif").write_bytes(_deep_tiff(7, 5))
    Image.fromarray(PIXELS[..., 0].astype(np.float32)).save(root / "float.tiff")
    (root / "huge.png").write_bytes(png(30_000, 30_000, 8, 0, rows=0))
    Image.fromarray(RNG.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(root / "cut.png")
    content = (root / "cut.png").read_bytes()
    (root / "cut.png").write_bytes(content[: len(content) // 2])
    (root / "text.jpg").write_text("no image")
    Image.fromarray(PIXELS[..., 0]).save(root / "other.png", "PPM")  # a kind by its content only
    os.symlink(root / "nowhere.png", root / "gone.png")
    reasons = {
        "huge.png": "exceeds limit",
        "cut.png": "truncated",
        "text.jpg": "no image",
        "other.png": "no image",
    }
    reasons |= {"gone.png": "No such file", "deep.tif": deep, "float.tiff": deep}
    return reasons | {path.name: deep for path in root.glob("deep_*.png")}


def png(width: int, height: int, depth: int, colour: int, rows: int | None = None) -> bytes:
    """A PNG file of zeros, which Pillow cannot write at 16 bits a channel; only so many rows."""
    bits = {0: 1, 2: 3, 4: 2, 6: 4}[colour] * depth * width
    data = bytes((1 + bits // 8) * (height if rows is None else rows))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + checksum


def _deep_tiff(width: int, height: int) -> bytes:
    """A TIFF file of zeros, RGB at 16 bits a channel."""
    short, long, entries, after = 3, 4, 8, 8 + 2 + 8 * 12 + 4
    size = width * height * 3 * 2
    tags = [(256, short, 1, width), (257, short, 1, height), (258, short, 3, after)]
    tags += [(259, short, 1, 1), (262, short, 1, 2), (273, long, 1, after + 6)]
    tags += [(277, short, 1, 3), (279, long, 1, size)]
    directory = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, entries) + directory + struct.pack("<I", 0)
    return head + struct.pack("<HHH", 16, 16, 16) + bytes(size)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[274] = SIDEWAYS
    return exif
