"""CelebA on tiny sets made here: its files, through TFDS, the cache, each bad input."""

import dataclasses
import functools
import io
import shutil
import zipfile

import loading
import numpy as np
import pytest
from loading import describe, load, message, outline
from PIL import Image
from tfds_sets import prepare

from tf_twostage.data import aligned_npz, batches, celeba, celeba_cache, tfds_builders

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
def load_faces(tmp_path):
    return lambda where: loading.load("celeba", celeba_dir=where, cache_dir=tmp_path / "cache")


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


def test_crop_is_the_documented_one(faces, load_faces):
    data = load_faces(faces)
    assert data.name == "celeba"
    assert data.train.shape == (5, 64, 64, 3)
    assert data.test.shape == (3, 64, 64, 3)
    assert data.train.dtype == np.uint8
    for images, part in ((data.train, 0), (data.test, 2)):
        for image, i in zip(images, np.flatnonzero(np.array(PARTS) == part), strict=True):
            assert np.abs(image - reference(i)).max() <= 1.0  # Pillow rounds after each axis
    assert "rows 45:173, columns 25:153" in data.source
    assert "5 training and 3 held-out images (the whole set has 162,770 and 19,962)" in data.source
    assert data.source == describe("celeba", celeba_dir=faces)
    assert outline("celeba", celeba_dir=faces)[:3] == ((64, 64, 3), 5, 3)


def test_every_layout_gives_equal_images(faces, load_faces, tmp_path):
    expected = load_faces(faces)
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
        data = load_faces(where)
        np.testing.assert_array_equal(data.train, expected.train)
        np.testing.assert_array_equal(data.test, expected.test)


def test_identity_is_that_of_names_and_sizes(faces, tmp_path):
    archive = zipped(faces, tmp_path / "zipped")
    first = outline("celeba", celeba_dir=faces).identity
    assert outline("celeba", celeba_dir=archive).identity == first
    (faces / "img_align_celeba" / NAMES[0]).touch()
    assert outline("celeba", celeba_dir=faces).identity == first
    (faces / "img_align_celeba" / NAMES[0]).write_bytes(jpeg(0) + b"more")
    assert outline("celeba", celeba_dir=faces).identity != first


def test_cache_is_used_repaired_and_keyed_by_the_files(
    faces, load_faces, tmp_path, monkeypatch, capsys
):
    first = load_faces(faces)
    first = dataclasses.replace(first, train=np.array(first.train), test=np.array(first.test))
    (entry,) = (tmp_path / "cache").iterdir()
    monkeypatch.setattr(celeba, "crop", lambda _: pytest.fail("decoded although cached"))
    np.testing.assert_array_equal(load_faces(faces).train, first.train)
    monkeypatch.undo()

    content = bytearray(entry.read_bytes())
    content[5000] ^= 255  # one wrong bit pattern among the pixels
    entry.write_bytes(content)
    np.testing.assert_array_equal(load_faces(faces).train, first.train)
    assert f"{entry} is damaged" in capsys.readouterr().err
    entry.write_bytes(entry.read_bytes()[:100])
    np.testing.assert_array_equal(load_faces(faces).test, first.test)
    assert f"{entry} is damaged" in capsys.readouterr().err
    load_faces(faces)
    assert capsys.readouterr().err == ""  # it has been mended

    (faces / "img_align_celeba" / NAMES[0]).write_bytes(jpeg(77))
    assert (load_faces(faces).train[0] != first.train[0]).any()
    text = partition().replace(f"{NAMES[4]} 0", f"{NAMES[4]} 1")
    (faces / "list_eval_partition.txt").write_text(text)
    assert len(load_faces(faces).train) == 4
    assert not list((tmp_path / "cache").glob("*.tmp"))


def test_cached_faces_are_shared_with_other_processes_and_tensorflow(faces, load_faces):
    """Not read into this process's memory, and aligned so that TensorFlow does not copy either."""
    for images in (load_faces(faces).train, load_faces(faces).test):
        assert isinstance(images, np.memmap)
        assert images.ctypes.data % 64 == 0
        tensor = batches.as_tensor(images)
        assert tensor.__dlpack_device__()[0] == 1
        assert np.from_dlpack(tensor).ctypes.data == images.ctypes.data


def test_two_that_fill_the_cache_at_once_both_get_the_faces(tmp_path):
    """The second one starts and ends while the first one computes and writes."""
    arrays = {
        split: np.full((3, 2, 2, 3), i, np.uint8) for i, split in enumerate(["train", "test"])
    }
    shapes = {split: images.shape for split, images in arrays.items()}
    kept = functools.partial(celeba_cache.kept, "key", tmp_path, shapes)
    found = []

    def compute():
        found.append(kept(lambda: arrays))
        return arrays

    found.append(kept(compute))
    found.append(kept(lambda: pytest.fail("computed anew")))
    for one in found:  # also those whose file was replaced
        for split, images in arrays.items():
            np.testing.assert_array_equal(one[split], images)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "other", [np.zeros((2, 2, 2, 3), "uint8"), np.zeros((3, 2, 2, 3), "float32")]
)
def test_a_cache_of_other_arrays_is_computed_anew(tmp_path, other, capsys):
    sound = np.ones((3, 2, 2, 3), np.uint8)
    aligned_npz.write(tmp_path / "celeba-key.npz", {"train": sound, "test": other})
    shapes = {"train": sound.shape, "test": sound.shape}
    found = celeba_cache.kept("key", tmp_path, shapes, lambda: {"train": sound, "test": sound})
    np.testing.assert_array_equal(found["test"], sound)
    told = f"test is {other.dtype} {list(other.shape)}, not uint8 [3, 2, 2, 3]"
    assert told in capsys.readouterr().err


def test_cache_is_an_npz_that_numpy_reads(faces, load_faces, tmp_path):
    data = load_faces(faces)
    (entry,) = (tmp_path / "cache").iterdir()
    with np.load(entry) as stored:
        np.testing.assert_array_equal(stored["train"], data.train)
        np.testing.assert_array_equal(stored["test"], data.test)


def test_cache_tells_a_moved_border_between_the_splits(faces, load_faces):
    """The same files in the same order, but the last training image is now held out."""
    rows = sorted(partition().splitlines(), key=lambda line: line.split()[1])
    (faces / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    before = load_faces(faces)
    last = [i for i, row in enumerate(rows) if row.endswith(" 0")][-1]
    rows[last] = rows[last].replace(" 0", " 2")
    (faces / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    after = load_faces(faces)
    np.testing.assert_array_equal(after.train, before.train[:-1])
    np.testing.assert_array_equal(after.test, np.concatenate([before.train[-1:], before.test]))


def test_full_disk_leaves_no_half_written_entry(faces, load_faces, tmp_path, monkeypatch, capsys):
    def fill_up(file, array):
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(aligned_npz, "write_array", fill_up)
    assert len(load_faces(faces).train) == 5
    assert "no space left on device" in capsys.readouterr().err
    assert not list((tmp_path / "cache").iterdir())


def test_cache_goes_to_xdg_cache_home(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    load("celeba", celeba_dir=faces)
    assert len(list((tmp_path / "xdg" / "tf_twostage").glob("celeba-*.npz"))) == 1


def test_cache_folder_that_cannot_be_written_is_a_warning(faces, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    data = load("celeba", celeba_dir=faces, cache_dir=tmp_path / "file")
    assert len(data.train) == 5
    assert "warning: the cropped faces are not kept: cannot write" in capsys.readouterr().err


def test_missing_partition_file(faces, load_faces, tmp_path):
    (faces / "list_eval_partition.txt").unlink()
    for where in (faces, faces / "img_align_celeba"):
        text = message(load_faces, where)
        assert text.startswith("list_eval_partition.txt is missing")
        assert str(faces) in text
    assert message(describe, "celeba", celeba_dir=faces) == text


def test_partition_file_of_another_kind(faces, load_faces):
    (faces / "list_eval_partition.txt").write_text("something else\n")
    assert "lists 0 training and 0 test images" in message(load_faces, faces)


def test_missing_folder_or_images(faces, load_faces, tmp_path):
    assert f"--celeba_dir {tmp_path / 'gone'} doesn't exist" in message(
        load_faces, tmp_path / "gone"
    )
    assert "two\\nlines doesn't exist" in message(load_faces, tmp_path / "two\nlines")
    (tmp_path / "empty").mkdir()
    assert "no img_align_celeba/ and no img_align_celeba.zip" in message(
        load_faces, tmp_path / "empty"
    )
    for name in NAMES[4:6]:
        (faces / "img_align_celeba" / name).unlink()
    text = message(load_faces, faces)
    assert "2 of 8 CelebA images aren't in" in text
    assert "the first 000005.jpg" in text


def test_bad_image_or_archive_is_named(faces, load_faces, tmp_path):
    path = faces / "img_align_celeba" / NAMES[2]
    path.write_bytes(jpeg(2)[:2000])
    assert f"CelebA's {NAMES[2]} can't be used" in message(load_faces, faces)
    path.write_bytes(jpeg(2, size=(178, 200)))
    assert f"{NAMES[2]} can't be used (178x200 pixels instead of 178x218)" in message(
        load_faces, faces
    )
    (faces / "img_align_celeba" / NAMES[2]).unlink()
    (faces / "img_align_celeba" / NAMES[2]).symlink_to(tmp_path / "nowhere.jpg")
    assert f"1 of 8 CelebA images aren't in {path.parent}" in message(load_faces, faces)
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    assert "bad.zip isn't a readable zip" in message(load_faces, tmp_path / "bad.zip")


def test_named_celeba_files_are_those_tfds_looks_for(tmp_path):
    tfds = pytest.importorskip("tensorflow_datasets")
    infos = tfds.builder("celeb_a", data_dir=tmp_path).url_infos
    assert {info.filename for info in infos.values()} == set(tfds_builders.CELEBA_FILES)


def test_celeba_is_the_same_through_tfds_and_from_its_files(faces, load_faces, tmp_path):
    builder_examples = {}
    for split, wanted in (("train", 0), ("validation", 1), ("test", 2)):
        chosen = [i for i, part in enumerate(PARTS) if part == wanted]
        builder_examples[split] = [_celeba_example(i, tmp_path) for i in chosen]
    prepare("celeb_a", builder_examples, tmp_path / "tfds")
    cache = tmp_path / "cache"
    through_tfds = load("celeba", data_dir=tmp_path / "tfds", cache_dir=cache)
    from_files = load_faces(faces)
    for split in ("train", "test"):
        ours, theirs = getattr(through_tfds, split), getattr(from_files, split)
        assert {i.tobytes() for i in ours} == {i.tobytes() for i in theirs}
        assert len(ours) == len(theirs)
    assert "5 training and 3 held-out" in through_tfds.source
    assert len(list(cache.iterdir())) == 2  # each source has its own entry
    again = load("celeba", data_dir=tmp_path / "tfds", cache_dir=cache)
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
