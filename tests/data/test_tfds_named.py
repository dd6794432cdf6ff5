"""Sets that TensorFlow Datasets has prepared, by name; images resized to one size."""

import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from loading import as_set, describe, load, outline
from PIL import Image

from tf_twostage.data import storage
from tf_twostage.data.resizing import centred_square
from tf_twostage.errors import InputError

RNG = np.random.default_rng(0)
SIZES = ((9, 12), (16, 8), (8, 8))


def pictures(count, size=None, channels=3):
    sizes = [size or SIZES[i % len(SIZES)] for i in range(count)]
    return [RNG.integers(0, 256, (*size, channels), dtype=np.uint8) for size in sizes]


def prepare(data_dir, name, splits, shape=(None, None, 3)):
    """Writes a set as TFDS does, from {split: images}."""
    image = tfds.features.Image(shape=shape, encoding_format="png")
    tfds.dataset_builders.store_as_tfds_dataset(
        name=name,
        version="1.2.0",
        data_dir=data_dir,
        features=tfds.features.FeaturesDict({"image": image, "label": np.int64}),
        split_datasets={
            split: [(i, {"image": image, "label": i}) for i, image in enumerate(images)]
            for split, images in splits.items()
        },
    )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("tfds")
    prepare(data_dir, "grey", {"train": pictures(30, (8, 8), 1)}, (8, 8, 1))
    prepare(data_dir, "mixed", {"train": pictures(7), "validation": pictures(3)})
    return data_dir


@pytest.mark.parametrize("limit", [None, 0])
def test_a_set_of_one_split_holds_out_its_last_tenth(data_dir, tmp_path, limit):
    where = {"data_dir": data_dir}
    data = load("tfds:grey", **where, storage=storage.Storage(limit, tmp_path))
    assert data.train.shape == (27, 8, 8, 1)
    assert data.test.shape == (3, 8, 8, 1)
    builder = tfds.builder("grey", data_dir=data_dir)
    stored = [example["image"] for example in tfds.as_numpy(builder.as_dataset(split="train"))]
    np.testing.assert_array_equal(data.train[:], stored[:27])
    np.testing.assert_array_equal(data.test[:], stored[27:])
    assert (data.name, data.version) == ("grey", "1.2.0")
    assert data.source == describe("tfds:grey", **where)
    assert outline("tfds:grey", **where)[:3] == ((8, 8, 1), 27, 3)


def test_images_of_several_sizes_are_cut_and_resized(data_dir):
    data = load("tfds:mixed", data_dir=data_dir, image_size=8)
    assert (data.train.shape, data.test.shape) == ((7, 8, 8, 3), (3, 8, 8, 3))
    builder = tfds.builder("mixed", data_dir=data_dir)
    stored = [example["image"] for example in tfds.as_numpy(builder.as_dataset(split="train"))]
    assert as_set(data.train) == as_set(centred_square(image, 8) for image in stored)
    assert data.name == "mixed-8"
    assert "8x8" in data.source


def test_the_middle_square():
    image = pictures(1, (9, 12))[0]
    np.testing.assert_array_equal(centred_square(image, 9), image[:, 1:10])
    tall = pictures(1, (10, 8), 1)[0]
    middle = Image.fromarray(tall[1:9, :, 0])
    expected = np.asarray(middle.resize((4, 4), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(centred_square(tall, 4)[..., 0], expected)


def test_a_folder_of_several_sizes(tmp_path):
    for number, image in enumerate(pictures(6)):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    with pytest.raises(InputError, match="or give --image_size"):
        load(tmp_path)
    data = load(tmp_path, image_size=4)
    assert data.image_shape == (4, 4, 3)
    assert outline(tmp_path, image_size=4).image_shape == (4, 4, 3)
    assert data.name == f"{tmp_path.name}-4"


@pytest.mark.parametrize("call", [load, outline])
@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("tfds:mixed", None, "images of several sizes: give one with --image_size"),
        ("tfds:absent_set", None, "TensorFlow Datasets has no set 'absent_set' here"),
        ("tfds:cifar100", None, "isn't prepared in .*cifar100.*: prepare it with python -c"),
    ],
)
def test_what_cannot_be_loaded_is_one_line(data_dir, call, name, size, message):
    with pytest.raises(InputError, match=message) as caught:
        call(name, data_dir=data_dir, image_size=size)
    assert "\n" not in str(caught.value)


def test_a_set_without_images_or_a_training_split_is_named(data_dir):
    tfds.dataset_builders.store_as_tfds_dataset(
        name="numbers",
        version="1.0.0",
        data_dir=data_dir,
        features=tfds.features.FeaturesDict({"label": np.int64}),
        split_datasets={"train": [(0, {"label": 1}), (1, {"label": 2})]},
    )
    with pytest.raises(InputError, match="has label: expected grey or RGB images as `image`"):
        outline("tfds:numbers", data_dir=data_dir)
    prepare(data_dir, "untrained", {"test": pictures(2, (8, 8))})
    with pytest.raises(InputError, match="has the splits test: expected one called train"):
        outline("tfds:untrained", data_dir=data_dir)


def test_a_set_that_names_code_of_its_own_is_refused(data_dir, tmp_path, monkeypatch):
    package = tmp_path / "evil_features.py"
    package.write_text(f"open({str(tmp_path / 'written')!r}, 'w')")
    monkeypatch.syspath_prepend(str(tmp_path))
    copy = tmp_path / "tfds"
    shutil.copytree(data_dir / "grey", copy / "grey")
    path = copy / "grey" / "1.2.0" / "features.json"
    name = "tensorflow_datasets.core.features.image_feature.Image"
    for key in ("pythonClassName", r"python\u0043lassName"):
        text = path.read_text().replace(name, "evil_features.Image")
        path.write_text(text.replace("pythonClassName", key))
        with pytest.raises(InputError, match=r"names code of its own, evil_features\.Image"):
            describe("tfds:grey", data_dir=copy)
    assert not (tmp_path / "written").exists()


def test_a_set_that_tells_no_name_is_one_line(data_dir, tmp_path):
    copy = tmp_path / "tfds"
    shutil.copytree(data_dir / "grey", copy / "grey")
    path = copy / "grey" / "1.2.0" / "dataset_info.json"
    path.write_text(path.read_text().replace('"name": "grey"', '"name": null'))
    with pytest.raises(
        InputError, match=r"the prepared set in .*grey.* can't be read \(.*\): delete"
    ):
        load("tfds:grey", data_dir=copy)
