"""CelebA and TensorFlow Datasets on tiny sets made here: both routes, the cache, each bad input."""

import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from tf_twostage.data import celeba, datasets, npz_images, tfds_images
from tf_twostage.errors import InputError

PARTS = [0, 0, 2, 1, 0, 2, 0, 1, 2, 0]  # 5 training, 2 validation, 3 test images
NAMES = [f"{i + 1:06d}.jpg" for i in range(len(PARTS))]


def jpeg(i, size=(178, 218)):
    noise = np.random.default_rng(i).integers(0, 256, (12, 10, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def partition():
    return "".join(f"{name} {part}\n" for name, part in zip(NAMES, PARTS, strict=True))


@pytest.fixture
def faces(tmp_path):
    """A parent folder with img_align_celeba/ and list_eval_partition.txt."""
    root = tmp_path / "faces"
    (root / "img_align_celeba").mkdir(parents=True)
    for i, name in enumerate(NAMES):
        (root / "img_align_celeba" / name).write_bytes(jpeg(i))
    (root / "list_eval_partition.txt").write_text(partition())
    return root


@pytest.fixture
def load(tmp_path):
    return lambda where: datasets.load("celeba", celeba_dir=where, cache_dir=tmp_path / "cache")


def zipped(faces, folder, with_partition=False):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for name in NAMES:
            archive.write(faces / "img_align_celeba" / name, f"img_align_celeba/{name}")
        if with_partition:
            archive.writestr("list_eval_partition.txt", partition())
    if not with_partition:
        shutil.copy(faces / "list_eval_partition.txt", folder)
    return folder


def reference(i):
    """The documented treatment, its weights written out: rows 45:173, columns 25:153, halved.

    Pillow's bilinear filter at scale 2 weighs four neighbours 1/8, 3/8, 3/8, 1/8 along each axis.
    """
    pixels = np.asarray(Image.open(io.BytesIO(jpeg(i))).convert("RGB"), float)[45:173, 25:153]
    weights = np.zeros((64, 128))
    for row in range(64):
        for column, weight in zip(range(2 * row - 1, 2 * row + 3), (1, 3, 3, 1), strict=True):
            if 0 <= column < 128:
                weights[row, column] = weight
    weights /= weights.sum(1, keepdims=True)
    return np.einsum("ij,jkc,lk->ilc", weights, pixels, weights, optimize=True)


def message(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_crop_is_the_documented_one(faces, load):
    data = load(faces)
    assert data.name == "celeba"
    assert data.train.shape == (5, 64, 64, 3)
    assert data.test.shape == (3, 64, 64, 3)
    assert data.train.dtype == np.uint8
    for images, part in ((data.train, 0), (data.test, 2)):
        for image, i in zip(images, np.flatnonzero(np.array(PARTS) == part), strict=True):
            assert np.abs(image - reference(i)).max() <= 1.0  # Pillow rounds after each axis
    assert "rows 45:173, columns 25:153" in data.source
    assert "5 training and 3 held-out images (the whole set has 162,770 and 19,962)" in data.source
    assert data.source == datasets.describe("celeba", celeba_dir=faces)
    assert datasets.outline("celeba", celeba_dir=faces) == ((64, 64, 3), 5, 3)


def test_every_layout_gives_equal_images(faces, load, tmp_path):
    expected = load(faces)
    nested = tmp_path / "nested"
    shutil.copytree(faces / "img_align_celeba", nested / "img_align_celeba" / "img_align_celeba")
    rows = (line.replace(" ", ",") for line in partition().splitlines())
    (nested / "list_eval_partition.csv").write_text("image_id,partition\n" + "\n".join(rows) + "\n")
    archive = zipped(faces, tmp_path / "zipped")
    layouts = (
        faces / "img_align_celeba",
        nested,
        archive,
        archive / "img_align_celeba.zip",
        zipped(faces, tmp_path / "all_in_one", with_partition=True) / "img_align_celeba.zip",
    )
    for where in layouts:
        data = load(where)
        np.testing.assert_array_equal(data.train, expected.train)
        np.testing.assert_array_equal(data.test, expected.test)


def test_cache_is_used_repaired_and_keyed_by_the_files(faces, load, tmp_path, monkeypatch, capsys):
    first = load(faces)
    (entry,) = (tmp_path / "cache").iterdir()
    monkeypatch.setattr(celeba, "crop", lambda _: pytest.fail("decoded although cached"))
    np.testing.assert_array_equal(load(faces).train, first.train)
    monkeypatch.undo()

    content = bytearray(entry.read_bytes())
    content[5000] ^= 255  # one wrong bit pattern among the pixels
    entry.write_bytes(content)
    np.testing.assert_array_equal(load(faces).train, first.train)
    assert f"{entry} is damaged" in capsys.readouterr().err
    entry.write_bytes(entry.read_bytes()[:100])
    np.testing.assert_array_equal(load(faces).test, first.test)
    assert f"{entry} is damaged" in capsys.readouterr().err
    load(faces)
    assert capsys.readouterr().err == ""  # it has been mended

    (faces / "img_align_celeba" / NAMES[0]).write_bytes(jpeg(77))
    assert (load(faces).train[0] != first.train[0]).any()
    text = partition().replace(f"{NAMES[4]} 0", f"{NAMES[4]} 1")
    (faces / "list_eval_partition.txt").write_text(text)
    assert len(load(faces).train) == 4
    assert not list((tmp_path / "cache").glob("*.tmp"))


def test_cache_tells_a_moved_border_between_the_splits(faces, load):
    """The same files in the same order, but the last training image is now held out."""
    rows = sorted(partition().splitlines(), key=lambda line: line.split()[1])
    (faces / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    before = load(faces)
    last = [i for i, row in enumerate(rows) if row.endswith(" 0")][-1]
    rows[last] = rows[last].replace(" 0", " 2")
    (faces / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    after = load(faces)
    np.testing.assert_array_equal(after.train, before.train[:-1])
    np.testing.assert_array_equal(after.test, np.concatenate([before.train[-1:], before.test]))


def test_full_disk_leaves_no_half_written_entry(faces, load, tmp_path, monkeypatch, capsys):
    def fill_up(file, array):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(npz_images, "write_array", fill_up)
    assert len(load(faces).train) == 5
    assert "no space left on device" in capsys.readouterr().err
    assert not list((tmp_path / "cache").iterdir())


def test_cache_goes_to_xdg_cache_home(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    datasets.load("celeba", celeba_dir=faces)
    assert len(list((tmp_path / "xdg" / "tf_twostage").glob("celeba-*.npz"))) == 1


def test_cache_folder_that_cannot_be_written_is_a_warning(faces, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    data = datasets.load("celeba", celeba_dir=faces, cache_dir=tmp_path / "file")
    assert len(data.train) == 5
    assert "warning: can't keep the cropped faces" in capsys.readouterr().err


def test_missing_partition_file(faces, load, tmp_path):
    (faces / "list_eval_partition.txt").unlink()
    for where in (faces, faces / "img_align_celeba"):
        text = message(load, where)
        assert text.startswith("list_eval_partition.txt is missing")
        assert str(faces) in text
    assert message(datasets.describe, "celeba", celeba_dir=faces) == text


def test_partition_file_of_another_kind(faces, load):
    (faces / "list_eval_partition.txt").write_text("something else\n")
    assert "lists 0 training and 0 test images" in message(load, faces)


def test_missing_folder_or_images(faces, load, tmp_path):
    assert f"--celeba_dir {tmp_path / 'gone'} doesn't exist" in message(load, tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    assert "no img_align_celeba/ and no img_align_celeba.zip" in message(load, tmp_path / "empty")
    for name in NAMES[4:6]:
        (faces / "img_align_celeba" / name).unlink()
    text = message(load, faces)
    assert "2 of 8 CelebA images aren't in" in text
    assert "the first 000005.jpg" in text


def test_bad_image_or_archive_is_named(faces, load, tmp_path):
    path = faces / "img_align_celeba" / NAMES[2]
    path.write_bytes(jpeg(2)[:2000])
    assert f"CelebA's {NAMES[2]} can't be used" in message(load, faces)
    path.write_bytes(jpeg(2, size=(178, 200)))
    assert f"{NAMES[2]} can't be used (178x200 pixels instead of 178x218)" in message(load, faces)
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    assert "bad.zip isn't a readable zip" in message(load, tmp_path / "bad.zip")


# --- TensorFlow Datasets -----------------------------------------------------------------------


def prepare(name, splits, data_dir, num_shards=1):
    """Writes a prepared TFDS set of given examples, as a download would leave it."""
    tfds = pytest.importorskip("tensorflow_datasets")
    builder = tfds.builder(name, data_dir=data_dir)
    builder._split_generators = lambda *_, **__: {
        split: ((f"{i:04d}", example) for i, example in enumerate(examples))
        for split, examples in splits.items()
    }
    config = tfds.download.DownloadConfig(num_shards=num_shards)
    builder.download_and_prepare(download_config=config)
    return builder


def digits(count, seed):
    images = np.random.default_rng(seed).integers(0, 256, (count, 28, 28, 1), np.uint8)
    return [{"image": image, "label": 3} for image in images]


@pytest.fixture(scope="module")
def mnist_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    prepare("mnist", {"train": digits(60, 0), "test": digits(9, 1)}, folder, num_shards=3)
    return folder


def test_tfds_images_come_file_after_file(mnist_dir):
    import tensorflow_datasets as tfds

    data = datasets.load("mnist", data_dir=mnist_dir)
    assert data.train.shape == (60, 28, 28, 1)
    assert {i.tobytes() for i in data.train} == {d["image"].tobytes() for d in digits(60, 0)}
    assert {i.tobytes() for i in data.test} == {d["image"].tobytes() for d in digits(9, 1)}
    builder = tfds.builder("mnist", data_dir=mnist_dir)
    lengths = builder.info.splits["train"].shard_lengths
    assert len(lengths) == 3
    ends = np.cumsum([0, *lengths])
    parts = [f"train[{a}:{b}]" for a, b in zip(ends[:-1], ends[1:], strict=True)]
    expected = [x["image"] for part in parts for x in builder.as_dataset(part).as_numpy_iterator()]
    np.testing.assert_array_equal(data.train, expected)


def test_tfds_source_tells_version_place_and_a_partial_set(mnist_dir):
    data = datasets.load("mnist", data_dir=mnist_dir)
    assert data.version.count(".") == 2
    assert f"tfds mnist {data.version} in {mnist_dir}" in data.source
    assert "60 training and 9 held-out images (the whole set has 60,000 and 10,000)" in data.source
    assert datasets.describe("mnist", data_dir=mnist_dir) == data.source
    assert datasets.outline("mnist", data_dir=mnist_dir) == ((28, 28, 1), 60, 9)


def test_tfds_damaged_files_are_one_line(mnist_dir, tmp_path):
    shutil.copytree(mnist_dir, tmp_path / "copy")
    record = sorted((tmp_path / "copy" / "mnist").rglob("*train.tfrecord*"))[0]
    content = bytearray(record.read_bytes())
    content[100:400] = bytes(300)
    record.write_bytes(content)
    text = message(datasets.load, "mnist", data_dir=tmp_path / "copy")
    assert f"{record.parent} can't be read" in text
    assert "delete that folder and run again" in text


def offline(*_, **__):
    import requests

    raise requests.exceptions.ConnectionError("no route")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "celeba"])
def test_offline_and_not_prepared(name, tmp_path, monkeypatch):
    monkeypatch.setattr("requests.get", offline)
    text = message(datasets.load, name, data_dir=tmp_path)
    assert f"isn't prepared in {tmp_path}" in text
    assert "no connection" in text
    assert "--celeba_dir" in text if name == "celeba" else "--data_dir" in text
    if name == "celeba":
        assert str(tmp_path / "downloads" / "manual") in text
        assert all(file in text for file in tfds_images.CELEBA_FILES)
    plan = datasets.describe(name, data_dir=tmp_path)
    assert str(tmp_path) in plan
    assert "not there yet, would be downloaded" in plan
    expected = {
        "mnist": ((28, 28, 1), 60_000, 10_000),
        "fashion_mnist": ((28, 28, 1), 60_000, 10_000),
        "cifar10": ((32, 32, 3), 50_000, 10_000),
        "celeba": ((64, 64, 3), 162_770, 19_962),
    }
    assert datasets.outline(name, data_dir=tmp_path) == expected[name]


def test_named_celeba_files_are_those_tfds_looks_for(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    infos = tfds.builder("celeb_a", data_dir=tmp_path).url_infos
    assert {info.filename for info in infos.values()} == set(tfds_images.CELEBA_FILES)


def test_tfds_files_put_there_by_hand_are_left_to_tfds(tmp_path, monkeypatch):
    """With files in downloads/manual the network isn't asked for first."""
    import tensorflow_datasets as tfds

    monkeypatch.setattr("requests.get", lambda *_, **__: pytest.fail("asked the network"))
    (tmp_path / "downloads" / "manual").mkdir(parents=True)
    (tmp_path / "downloads" / "manual" / "img_align_celeba.zip").write_bytes(b"zip")

    def refuse(self, **_):
        raise RuntimeError("quota exceeded")

    builder_class = type(tfds.builder("celeb_a", data_dir=tmp_path))
    monkeypatch.setattr(builder_class, "download_and_prepare", refuse)
    text = message(datasets.load, "celeba", data_dir=tmp_path)
    assert "RuntimeError: quota exceeded" in text


def test_celeba_is_the_same_through_tfds_and_from_its_files(faces, load, tmp_path):
    builder_examples = {}
    for split, wanted in (("train", 0), ("validation", 1), ("test", 2)):
        chosen = [i for i, part in enumerate(PARTS) if part == wanted]
        builder_examples[split] = [_celeba_example(i, tmp_path) for i in chosen]
    prepare("celeb_a", builder_examples, tmp_path / "tfds")
    cache = tmp_path / "cache"
    through_tfds = datasets.load("celeba", data_dir=tmp_path / "tfds", cache_dir=cache)
    from_files = load(faces)
    for split in ("train", "test"):
        ours, theirs = getattr(through_tfds, split), getattr(from_files, split)
        assert {i.tobytes() for i in ours} == {i.tobytes() for i in theirs}
        assert len(ours) == len(theirs)
    assert "5 training and 3 held-out" in through_tfds.source
    assert len(list(cache.iterdir())) == 2  # each source has its own entry
    again = datasets.load("celeba", data_dir=tmp_path / "tfds", cache_dir=cache)
    np.testing.assert_array_equal(again.train, through_tfds.train)


def _celeba_example(i, folder):
    import tensorflow_datasets as tfds

    features = tfds.builder("celeb_a", data_dir=folder / "unused").info.features
    return {
        "image": io.BytesIO(jpeg(i)),
        "landmarks": dict.fromkeys(features["landmarks"], 0),
        "attributes": dict.fromkeys(features["attributes"], False),
        "identity": dict.fromkeys(features["identity"], 0),
    }
