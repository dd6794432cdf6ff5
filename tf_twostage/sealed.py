"""Files that end with a checksum of themselves, so that damage is found before they are read.

The last line of a sealed file is "sha256 " and the 64 hex digits of all bytes before that line.
HDF5 and .npy files take no notice of what follows their data: any reader still reads them.
"""

import enum
import hashlib
import os
import pathlib

_MARK = b"\nsha256 "
_LENGTH = len(_MARK) + 64 + 1
_PIECE = 2**20


class Seal(enum.Enum):
    """What the last line of a file says."""

    WHOLE = "the bytes are those that were written"
    BROKEN = "they are not"
    ABSENT = "there is no such line: a former version wrote the file, or its end is cut off"


def seal(path: pathlib.Path) -> None:
    """Adds the last line."""
    with path.open("r+b") as file:
        digest = _digest(file, path.stat().st_size)
        file.write(_MARK + digest.encode() + b"\n")


def check(path: pathlib.Path) -> Seal:
    """Compares a file with its last line.

    Raises:
      OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = max(0, os.fstat(file.fileno()).st_size - _LENGTH)
        file.seek(size)
        line = file.read(_LENGTH)
        if len(line) < _LENGTH or not line.startswith(_MARK):
            return Seal.ABSENT
        file.seek(0)
        known = line[len(_MARK) :].strip()
        return Seal.WHOLE if _digest(file, size).encode() == known else Seal.BROKEN


def _digest(file, size: int) -> str:
    """SHA-256 of the next `size` bytes, in hex digits."""
    found = hashlib.sha256()
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        found.update(piece)
        size -= len(piece)
    return found.hexdigest()
