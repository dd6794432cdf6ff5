"""An .npz file whose arrays can be mapped: they lie in it as they are, at aligned places."""

import os
import pathlib
import struct
import zipfile
import zlib

import numpy as np

from tf_twostage import files
from tf_twostage.data.storage import ALIGNMENT, Array, npy_header, pieces, write_array

LOCAL_HEADER = 30  # bytes of a zip's header of a member, before its name
ZIP64_EXTRA = 20  # bytes that zipfile adds behind the name of a member that may be large
PADDING = 0xD935  # the kind of extra field that is there to align a member


def write(path: pathlib.Path, arrays: dict[str, Array]) -> None:
    """Writes arrays as `np.savez` does, whole or not at all, each aligned for TensorFlow."""

    def write_all(temporary: pathlib.Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, array in arrays.items():
                info = zipfile.ZipInfo(f"{name}.npy")
                start = archive.fp.tell() + LOCAL_HEADER + len(info.filename) + ZIP64_EXTRA + 4
                padding = -start % ALIGNMENT  # an .npy's own header is a multiple of it
                info.extra = struct.pack("<HH", PADDING, padding) + bytes(padding)
                with archive.open(info, "w", force_zip64=True) as member:
                    write_array(member, array)

    files.replace_file(path, write_all)


def mapped(path: pathlib.Path, name: str) -> np.ndarray:
    """An array of the file, checked; its memory is the system's copy of the file.

    Writing to it changes it for this process alone.

    Raises:
      ValueError, OSError, zipfile.BadZipFile: the file is damaged.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        info = archive.getinfo(f"{name}.npy")
        file.seek(info.header_offset + LOCAL_HEADER - 4)
        file.seek(sum(struct.unpack("<HH", file.read(4))), os.SEEK_CUR)  # name and extra field
        start = file.tell()
        shape, _, dtype = npy_header(file)
        header = file.tell() - start
        file.seek(start)
        crc = zlib.crc32(file.read(header))
        array = np.memmap(path, dtype, "c", start + header, shape)
    if not 0 < array.nbytes == info.file_size - header:  # a size of 0 leaves any number of rows
        raise ValueError(f"{name} has another size than its header says")
    for piece in pieces(array):
        crc = zlib.crc32(piece, crc)
    if crc != info.CRC:
        raise ValueError(f"{name} has another checksum")
    return array
