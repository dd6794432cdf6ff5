"""The encoded images of a Parquet, an Arrow or a tar file."""

import contextlib
import pathlib
import tarfile
from collections.abc import Iterator
from typing import Any

from tf_twostage.data import image_files
from tf_twostage.errors import InputError, reason

SUFFIXES = (".parquet", ".arrow", ".tar")
_COLUMNS = ("image", "img", "jpg", "jpeg", "png", "webp")  # the first that a table has
_ROWS = 64  # of a Parquet file that are read at once


def find(path: pathlib.Path) -> list[pathlib.Path]:
    """The file itself, or all such files below a folder, in the order of their paths."""
    below = image_files.visible_files(path) if path.is_dir() else [path]
    return sorted(found for found in below if found.suffix.lower() in SUFFIXES)


def fill(folder: pathlib.Path) -> bool:
    """Whether a folder has such files and no image files; the first image file ends the search."""
    found = False
    for path in image_files.visible_files(folder):
        suffix = path.suffix.lower()
        if suffix in image_files.SUFFIXES:
            return False
        found = found or suffix in SUFFIXES
    return found


def count(path: pathlib.Path) -> int:
    """How many images a file holds; decodes none."""
    with _readable(path):
        if path.suffix.lower() == ".tar":
            with tarfile.open(path, "r:") as archive:
                return sum(1 for _ in _members(archive))
        if path.suffix.lower() == ".parquet":
            return _pyarrow().parquet.read_metadata(path).num_rows
        return sum(batch.num_rows for batch in _batches(path))


def images(path: pathlib.Path) -> Iterator[bytes | None]:
    """The encoded images of a file, in their order; None for one that lies elsewhere."""
    with _readable(path):
        if path.suffix.lower() == ".tar":
            with tarfile.open(path, "r:") as archive:
                for member in _members(archive):
                    yield archive.extractfile(member).read()
        else:
            for batch in _batches(path):
                for value in batch.column(0).to_pylist():
                    yield value["bytes"] if isinstance(value, dict) else value


@contextlib.contextmanager
def _readable(path: pathlib.Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # pyarrow and tarfile raise many kinds on damaged files
        text = f"{path} can't be read ({reason(error)[:200]}): write it again"
        raise InputError(text) from error


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The image files of a tar; hidden files are passed over."""
    for member in archive:
        if archive.offset <= member.offset:  # a size below 0 leads back, and so round for ever
            raise _damaged(member.offset)  # newer Pythons end there, see below
        if member.isfile() and _is_image(pathlib.PurePosixPath(member.name)):
            yield _bounded(member, archive)
    archive.fileobj.seek(archive.offset)  # `tarfile` takes damage for the end, which is zeros
    if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise _damaged(archive.offset)


def _damaged(place: int) -> tarfile.ReadError:
    return tarfile.ReadError(f"damaged, or cut off, at byte {place:,}")


def _is_image(name: pathlib.PurePosixPath) -> bool:
    return name.suffix.lower() in image_files.SUFFIXES and name.name[0] != "."


def _bounded(member: tarfile.TarInfo, archive: tarfile.TarFile) -> tarfile.TarInfo:
    """The member, if it is small enough to be read; a sparse one may claim any size."""
    if member.size > image_files.MOST_BYTES:
        raise InputError(
            f"{member.name} in {archive.name} has {member.size:,} bytes: an image "
            f"may have {image_files.MOST_BYTES:,}, shrink or remove it"
        )
    return member


def _batches(path: pathlib.Path) -> Iterator[Any]:
    """The column of images, piece by piece: bytes, or a struct with `bytes` as Hugging Face has."""
    arrow = _pyarrow()
    if path.suffix.lower() == ".parquet":
        file = arrow.parquet.ParquetFile(path)
        batches = file.iter_batches(_ROWS, columns=[_column(path, file.schema_arrow)])
    else:
        stream = arrow.ipc.open_stream(arrow.memory_map(str(path)))
        column = _column(path, stream.schema)
        batches = (batch.select([column]) for batch in stream)
    for batch in batches:
        batch.validate(full=True)  # else pyarrow follows places outside the file
        yield batch


def _column(path: pathlib.Path, schema: Any) -> str:
    name = next((name for name in _COLUMNS if name in schema.names), None)
    if name is None:
        names = ", ".join(schema.names)
        raise InputError(f"{path} has {names}: expected encoded images as `image`")
    return name


def _pyarrow() -> Any:
    try:
        import pyarrow.parquet
    except ImportError as error:
        text = "Parquet and Arrow files need pyarrow: pip install 'tf-twostage[parquet]'"
        raise InputError(text) from error
    return pyarrow
