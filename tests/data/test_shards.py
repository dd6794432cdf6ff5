"""Files of many images: Parquet and Arrow as Hugging Face's datasets write them, WebDataset's."""

import io
import re
import sys
import tarfile

import numpy as np
import pytest
from loading import as_set, describe, load, message, outline, pictures
from PIL import Image

from tf_twostage.data import shard_readers, storage

pyarrow = pytest.importorskip("pyarrow", reason="needs the extra parquet")
parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")

IMAGES = pictures(30)


def png(image, form="PNG"):
    stream = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(stream, form)
    return stream.getvalue()


def table(contents, name="image"):
    """As `datasets` writes images: the bytes of a file, and its former path."""
    rows = [{"bytes": content, "path": f"{i}.png"} for i, content in enumerate(contents)]
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    labels = pyarrow.array(range(len(rows)))
    return pyarrow.table({"label": labels, name: pyarrow.array(rows, kind)})


def write_parquet(path, contents, name="image"):
    parquet.write_table(table(contents, name), path, row_group_size=7)


def write_arrow(path, contents, name="image"):
    data = table(contents, name)
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, data.schema) as out:
        out.write_table(data, max_chunksize=7)


def write_tar(path, contents):
    """As WebDataset has it: files of one sample have one name; others lie beside them."""
    with tarfile.open(path, "w") as archive:
        for i, content in enumerate(contents):
            add(archive, f"./{i:06d}.cls", b"3")
            add(archive, f"./{i:06d}.PNG", content)
            add(archive, f"./._{i:06d}.png", b"of a Mac")


def add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


WRITERS = {"parquet": write_parquet, "arrow": write_arrow, "tar": write_tar}


@pytest.fixture(params=WRITERS)
def kind(request):
    return request.param


def write(path, images):
    """Writes images as the ending of the path says; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = [image if isinstance(image, bytes | None) else png(image) for image in images]
    WRITERS[path.suffix[1:]](path, contents)
    return path


@pytest.mark.parametrize("limit", [None, 0])
def test_a_file_holds_a_tenth_out(tmp_path, kind, limit):
    path = write(tmp_path / f"my faces.{kind}", IMAGES)
    data = load(path, storage=storage.Storage(limit, tmp_path))
    assert (len(data.train), len(data.test), data.name) == (27, 3, "my_faces")
    assert as_set([*data.train, *data.test]) == as_set(IMAGES)
    places = [
        next(i for i, image in enumerate(IMAGES) if (image == one).all()) for one in data.train
    ]
    assert places == sorted(places)
    assert (
        data.source
        == describe(path)
        == f"{path}: 27 training and 3 held-out images, by a hash of each encoded image"
    )
    assert outline(path)[:3] == ((8, 6, 3), 27, 3)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("data/train-{:05d}-of-00002", "data/test-{:05d}-of-00002"),  # the Hub's
        ("train/data-{:05d}-of-00002", "validation/data-{:05d}-of-00002"),  # save_to_disk's
        ("imagenet-train-{:06d}", "imagenet-val-{:06d}"),
    ],
)
def test_names_tell_the_splits(tmp_path, kind, train, test):
    for i in range(2):
        write(tmp_path / f"{train.format(i)}.{kind}", IMAGES[10 * i : 10 * i + 10])
        write(tmp_path / f"{test.format(i)}.{kind}", IMAGES[20 + 2 * i : 22 + 2 * i])
    write(tmp_path / f"unsupervised.{kind}", IMAGES[28:])
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / f"train.{kind}").write_text("nothing")
    data = load(tmp_path)
    np.testing.assert_array_equal(data.train, IMAGES[:20])
    np.testing.assert_array_equal(data.test, IMAGES[20:24])
    assert data.source.endswith("by the names of files; files of other splits, left out: 1")
    assert outline(tmp_path)[:3] == ((8, 6, 3), 20, 4)


def test_the_outline_decodes_the_first_image_alone(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", [IMAGES[0], b"none", b"none"])
    assert outline(path)[:3] == ((8, 6, 3), 2, 1)
    text = message(load, path)
    assert re.match(f"image [12] of {path}: the image can't be read .no image of the kinds", text)


def test_the_identity_is_of_names_and_sizes(tmp_path):
    one = write(tmp_path / "one" / "a.parquet", IMAGES)
    same = write(tmp_path / "two" / "a.parquet", IMAGES)
    other = write(tmp_path / "three" / "a.parquet", IMAGES[:-1])
    found = [outline(path.parent).identity for path in (one, same, other)]
    assert found[0] == found[1] != found[2]


def test_images_of_several_sizes_need_one(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", [*pictures(3), pictures(1, (9, 6, 3))[0]])
    text = message(load, path)
    assert "has the shape (9, 6, 3), the first one (8, 6, 3)" in text
    assert "image 3 of" in text
    assert load(path, image_size=4).train.shape == (3, 4, 4, 3)
    assert load(path, image_size=4).name == "a-4"


def test_grey_images_stay_grey(tmp_path, kind):
    grey = pictures(4, (8, 6, 1))
    data = load(write(tmp_path / f"grey.{kind}", grey))
    assert as_set([*data.train, *data.test]) == as_set(grey)
    first = write(tmp_path / f"first.{kind}", [*pictures(2), grey[0]])
    assert load(first).image_shape == (8, 6, 3)
    last = write(tmp_path / f"last.{kind}", [*grey, pictures(1)[0]])
    assert "image 4 of" in message(load, last)


def test_a_folder_of_image_files_is_no_folder_of_shards(tmp_path):
    for i, image in enumerate(IMAGES[:3]):
        (tmp_path / f"{i}.png").write_bytes(png(image))
    write(tmp_path / "labels.parquet", IMAGES)
    assert outline(tmp_path).train_images == 2
    assert "1 file left out: 1 .parquet" in describe(tmp_path)


def test_columns(tmp_path):
    write_parquet(tmp_path / "a.parquet", map(png, IMAGES), "img")
    assert outline(tmp_path / "a.parquet").train_images == 27
    plain = pyarrow.table({"image": pyarrow.array([png(image) for image in IMAGES])})
    parquet.write_table(plain, tmp_path / "b.parquet")
    assert outline(tmp_path / "b.parquet").train_images == 27
    write_parquet(tmp_path / "c.parquet", map(png, IMAGES), "x")
    assert "c.parquet has label, x: expected encoded images" in message(
        outline, tmp_path / "c.parquet"
    )


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 2000, b"hello" * 500])
def test_damaged_files_are_one_line(tmp_path, kind, content):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)
    text = message(outline, path)
    assert text.startswith(str(path))
    assert text == message(load, path)


def test_files_that_end_too_early_are_one_line(tmp_path, kind):
    path = write(tmp_path / f"a.{kind}", IMAGES)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert message(load, path).startswith(str(path))


def test_a_tar_with_a_damaged_header_is_one_line(tmp_path):
    path = write(tmp_path / "a.tar", IMAGES)
    with tarfile.open(path) as archive:
        place = archive.getmembers()[20].offset
    content = bytearray(path.read_bytes())
    content[place : place + 10] = b"0123456789"
    path.write_bytes(content)
    text = message(outline, path)
    assert text == f"{path} can't be read (damaged, or cut off, at byte {place:,}): write it again"


def test_a_tar_that_leads_back_is_one_line(tmp_path):
    path = tmp_path / "a.tar"
    header = bytearray(tarfile.TarInfo("1.png").tobuf())
    header[124:136] = b"\xff" * 10 + b"\xfc\0"  # -1,024 bytes: the header before this one follows
    header[148:155] = b"%06o\0" % tarfile.calc_chksums(bytes(header))[0]
    path.write_bytes(tarfile.TarInfo("0.png").tobuf() + header)
    text = message(outline, path)
    assert text == f"{path} can't be read (damaged, or cut off, at byte 512): write it again"


def test_a_huge_image_of_a_tar_is_not_read(tmp_path):
    path = tmp_path / "a.tar"
    info = tarfile.TarInfo("0.png")  # sparse: as many zeros as it claims
    info.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**26 + 1)}
    with tarfile.open(path, "w") as archive:
        archive.addfile(info)
        add(archive, "1.png", png(IMAGES[0]))
    text = message(outline, path)
    assert text.startswith(f"0.png in {path} has 67,108,865 bytes: an image may have 67,108,864")
    assert message(lambda: list(shard_readers.images(path))) == text


def test_arrow_that_points_outside_the_file_is_one_line(tmp_path):
    path = tmp_path / "a.arrow"
    places = pyarrow.py_buffer(np.array([0, 10, 2**31 - 1, 40], np.int32))
    image = pyarrow.Array.from_buffers(
        pyarrow.binary(), 3, [None, places, pyarrow.py_buffer(bytes(40))]
    )
    data = pyarrow.RecordBatch.from_arrays([image], ["image"])
    with pyarrow.OSFile(str(path), "wb") as file, pyarrow.ipc.new_stream(file, data.schema) as out:
        out.write_batch(data)
    assert re.match(f"{path} can't be read .*out of bounds.*: write it again", message(load, path))


def test_other_bad_input_is_one_line(tmp_path):
    missing = write(tmp_path / "path.parquet", [None, None])
    assert "image 0 of" in message(outline, missing)
    assert "is not in the file" in message(outline, missing)
    numbers = pyarrow.table({"image": [1, 2]})
    parquet.write_table(numbers, tmp_path / "numbers.parquet")
    assert "is not in the file" in message(outline, tmp_path / "numbers.parquet")
    few = write(tmp_path / "few.tar", IMAGES[:1])
    assert "1 training and 0 held-out images" in message(outline, few)
    write(tmp_path / "empty" / "train.tar", IMAGES)
    write(tmp_path / "empty" / "test.tar", [])
    assert "30 training and 0 held-out images" in message(outline, tmp_path / "empty")


@pytest.mark.parametrize(
    ("images", "reason"),
    [(IMAGES, "30 images, 36 were announced"), ([], "the first image of .* is not in the file")],
)
def test_a_count_that_is_wrong_is_one_line(tmp_path, monkeypatch, images, reason):
    path = write(tmp_path / "train.tar", images)
    write(tmp_path / "test.tar", IMAGES)
    monkeypatch.setattr(shard_readers, "count", lambda path: 36)
    assert re.search(reason, message(load, path.parent))


def test_missing_pyarrow_is_one_line(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", IMAGES)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    assert message(outline, path).endswith("pip install 'tf-twostage[parquet]'")


def test_datasets_own_files(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets", reason="needs datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64")})
    rows = {"image": [Image.fromarray(image) for image in IMAGES], "label": range(len(IMAGES))}
    whole = datasets.Dataset.from_dict(rows, features)
    whole.to_parquet(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet")
    parts = {"train": whole.select(range(20)), "test": whole.select(range(20, 30))}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "disk")
    assert as_set(load(tmp_path / "hub").train) < as_set(IMAGES)
    np.testing.assert_array_equal(load(tmp_path / "disk").train, IMAGES[:20])
    np.testing.assert_array_equal(load(tmp_path / "disk").test, IMAGES[20:])


def test_webdatasets_own_files(tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="needs webdataset")
    with webdataset.ShardWriter(str(tmp_path / "train-%06d.tar"), maxcount=10, verbose=0) as shards:
        for i, image in enumerate(IMAGES):
            shards.write({"__key__": f"{i:06d}", "png": image, "cls": i})
    samples = webdataset.WebDataset(sorted(map(str, tmp_path.glob("*.tar"))), shardshuffle=False)
    np.testing.assert_array_equal([one["png"] for one in samples.decode("rgb8")], IMAGES)
    data = load(tmp_path)
    assert as_set([*data.train, *data.test]) == as_set(IMAGES)
