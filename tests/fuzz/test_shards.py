"""Parquet, Arrow and tar files from strangers."""

import io
import itertools
import tarfile

import numpy as np
import pytest
from fuzzing import damaged, fuzz, refused
from hypothesis import strategies as st
from PIL import Image

from tf_twostage.data import shard_readers, sources
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")


def png(value):
    file = io.BytesIO()
    Image.fromarray(np.full((2, 2, 3), value, np.uint8)).save(file, "PNG")
    return file.getvalue()


CONTENTS = [png(value) for value in range(4)]
ROWS = [{"bytes": content, "path": "a.png"} for content in CONTENTS]
STRUCT = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
TABLES = (
    pyarrow.table({"image": pyarrow.array(ROWS, STRUCT), "label": [0, 1, None, 3]}),
    pyarrow.table({"image": pyarrow.array(CONTENTS)}),
    pyarrow.table({"image": pyarrow.array(CONTENTS).dictionary_encode()}),
    pyarrow.table({"image": pyarrow.array([[content] for content in CONTENTS])}),
    pyarrow.table({"image": pyarrow.array(CONTENTS, pyarrow.binary_view())}),
)


def parquet_file(table, **how):
    file = io.BytesIO()
    parquet.write_table(table, file, row_group_size=2, **how)
    return file.getvalue()


def arrow_file(table, compression):
    file = io.BytesIO()
    options = pyarrow.ipc.IpcWriteOptions(compression=compression)
    with pyarrow.ipc.new_stream(file, table.schema, options=options) as out:
        out.write_table(table, max_chunksize=2)
    return file.getvalue()


def tar_file(form, sparse=False, name="{}.png"):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for number, content in enumerate(CONTENTS):
            info = tarfile.TarInfo(name.format(number))
            info.size = len(content)
            if sparse:
                info.pax_headers = {"GNU.sparse.map": "0,9,20,9", "GNU.sparse.size": "60"}
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def with_size(content, block, size):
    """A tar with another size, of any sign, in a header of the right checksum."""
    content = bytearray(content)
    start = tarfile.BLOCKSIZE * (block % (len(content) // tarfile.BLOCKSIZE))
    header = memoryview(content)[start : start + tarfile.BLOCKSIZE]
    header[124:136] = (b"\xff" if size < 0 else b"\x80") + (size % 2**88).to_bytes(11, "big")
    header[148:155] = b"%06o\0" % tarfile.calc_chksums(header)[0]
    return bytes(content)


PARQUETS = [
    *(parquet_file(table) for table in TABLES),
    parquet_file(TABLES[0], compression="none", use_dictionary=False),
    parquet_file(TABLES[1], compression="zstd", data_page_version="2.0"),
]
ARROWS = [arrow_file(*pair) for pair in itertools.product(TABLES, (None, "lz4", "zstd"))]
TARS = [
    tar_file(tarfile.USTAR_FORMAT),
    tar_file(tarfile.GNU_FORMAT, name="x" * 120 + "{}.png"),
    tar_file(tarfile.PAX_FORMAT, name="x" * 120 + "é{}.png"),
    tar_file(tarfile.PAX_FORMAT, sparse=True),
]
SIZES = st.sampled_from([-1, -512, -1024, -2048, 2**26 + 1, 2**40, 2**80]) | st.integers(
    -5000, 5000
)
RESIZED = st.builds(with_size, st.sampled_from(TARS), st.integers(0, 40), SIZES)


def read(path, content):
    path.write_bytes(content)
    with refused(InputError):
        shard_readers.count(path)
    with refused(InputError):
        for image in itertools.islice(shard_readers.images(path), 100):
            assert image is None or len(image) <= 2**26
    with refused(InputError):
        source = sources.find(path)
        source.describe()
        source.outline()
        source.load(Storage(1e6, path.parent))


@fuzz(damaged(*PARQUETS))
def test_parquet(tmp_path, content):
    read(tmp_path / "a.parquet", content)


@fuzz(damaged(*ARROWS))
def test_arrow(tmp_path, content):
    read(tmp_path / "a.arrow", content)


@fuzz(damaged(*TARS) | RESIZED)
def test_tar(tmp_path, content):
    read(tmp_path / "a.tar", content)
