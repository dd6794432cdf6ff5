"""The known sets through TensorFlow Datasets, on tiny ones made here; each bad input."""

import shutil

import numpy as np
import pytest
from loading import describe, load, message, outline
from tfds_sets import prepare

from tf_twostage.data import tfds_builders, tfds_images


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

    data = load("mnist", data_dir=mnist_dir)
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
    data = load("mnist", data_dir=mnist_dir)
    assert data.version.count(".") == 2
    assert f"tfds mnist {data.version} in {mnist_dir}" in data.source
    assert "60 training and 9 held-out images (the whole set has 60,000 and 10,000)" in data.source
    assert describe("mnist", data_dir=mnist_dir) == data.source
    assert outline("mnist", data_dir=mnist_dir)[:3] == ((28, 28, 1), 60, 9)


def test_tfds_damaged_files_are_one_line(mnist_dir, tmp_path):
    shutil.copytree(mnist_dir, tmp_path / "copy")
    record = sorted((tmp_path / "copy" / "mnist").rglob("*train.tfrecord*"))[0]
    content = bytearray(record.read_bytes())
    content[100:400] = bytes(300)
    record.write_bytes(content)
    text = message(load, "mnist", data_dir=tmp_path / "copy")
    assert f"{record.parent} can't be read" in text
    assert "delete that folder and run again" in text


def offline(*_, **__):
    import requests

    raise requests.exceptions.ConnectionError("no route")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "celeba"])
def test_offline_and_not_prepared(name, tmp_path, monkeypatch):
    monkeypatch.setattr("requests.get", offline)
    text = message(load, name, data_dir=tmp_path)
    assert f"isn't prepared in {tmp_path}" in text
    assert "no connection" in text
    assert "--celeba_dir" in text if name == "celeba" else "--data_dir" in text
    if name == "celeba":
        assert str(tmp_path / "downloads" / "manual") in text
        assert all(file in text for file in tfds_builders.CELEBA_FILES)
    plan = describe(name, data_dir=tmp_path)
    assert str(tmp_path) in plan
    assert "not there yet, would be downloaded" in plan
    expected = {
        "mnist": ((28, 28, 1), 60_000, 10_000),
        "fashion_mnist": ((28, 28, 1), 60_000, 10_000),
        "cifar10": ((32, 32, 3), 50_000, 10_000),
        "celeba": ((64, 64, 3), 162_770, 19_962),
    }
    assert outline(name, data_dir=tmp_path)[:3] == expected[name]


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
    text = message(load, "celeba", data_dir=tmp_path)
    assert "RuntimeError: quota exceeded" in text


def test_identity_is_known_before_a_whole_set_is_prepared(mnist_dir, tmp_path, monkeypatch):
    absent = outline("mnist", data_dir=tmp_path).identity
    partial = outline("mnist", data_dir=mnist_dir).identity
    assert absent != partial
    shutil.copytree(mnist_dir, tmp_path / "copy")
    assert outline("mnist", data_dir=tmp_path / "copy").identity == partial
    record = next((tmp_path / "copy" / "mnist").rglob("*test.tfrecord*"))
    record.write_bytes(record.read_bytes() + b"more")
    assert outline("mnist", data_dir=tmp_path / "copy").identity != partial
    monkeypatch.setitem(tfds_images.OFFICIAL_COUNTS, "mnist", (60, 9))
    whole = outline("mnist", data_dir=mnist_dir).identity
    assert outline("mnist", data_dir=tmp_path).identity == whole
