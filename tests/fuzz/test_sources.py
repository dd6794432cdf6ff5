"""CelebA's files, prepared sets of TensorFlow Datasets and command lines from strangers."""

import dataclasses
import io
import json
import shutil
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from fuzzing import HOSTILE, NUMBERS, damaged, fuzz, odd_json, one_odd_value, refused
from hypothesis import strategies as st

from tf_twostage import recipes
from tf_twostage.data import celeba_files, sources
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError
from tf_twostage.experiment import plan
from tf_twostage.experiment.options import Options

PARTITION = b"000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n../../etc/passwd.jpg 0\n"


def archive(partition=PARTITION):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("img/list_eval_partition.txt", partition)
        for number in range(1, 4):
            opened.writestr(f"img/{number:06d}.jpg", b"jpeg")
        opened.writestr("../../etc/passwd.jpg", b"jpeg")
    return file.getvalue()


@fuzz(damaged(archive()))
def test_celeba_zip(tmp_path, content):
    path = tmp_path / "img_align_celeba.zip"
    path.write_bytes(content)
    with refused(InputError):
        files = celeba_files.find(path)
        for name in files.train + files.test:
            files.read(name)


@fuzz(damaged(PARTITION, b"image_id,partition\n000001.jpg,0\n000003.jpg,2\n"))
def test_celeba_partition(tmp_path, content):
    folder = tmp_path / "img_align_celeba"
    folder.mkdir(exist_ok=True)
    for number in range(1, 4):
        (folder / f"{number:06d}.jpg").write_bytes(b"jpeg")
    (tmp_path / "list_eval_partition.txt").write_bytes(content)
    with refused(InputError):
        celeba_files.find(tmp_path)


WORDS = st.sampled_from(
    ["", "a", HOSTILE, "../x", "os:system", "a.b:c", ":", "\0", "tfds:", "x.npz:"]
)
VALUES = st.sampled_from(NUMBERS) | WORDS | st.booleans() | st.text(max_size=8)
FIELDS = [
    field.name
    for field in dataclasses.fields(recipes.VAERecipe)
    if field.name not in ("name", "model", "learn_gamma")
]
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "dataset": WORDS | st.just("manifold"),
        "model": st.lists(st.sampled_from([*recipes.MODELS, "all", "table1", "x"]), max_size=2).map(
            tuple
        ),
        "recipe": st.sampled_from([*recipes.NAMES, "x"]),
        "overrides": st.dictionaries(st.sampled_from([*FIELDS, "x"]), VALUES, max_size=3),
        "epochs_scale": st.floats(),
        "seed": st.integers(0, 2**70),
        "image_size": st.integers(-1, 2**40),
        "stage": st.sampled_from(["1", "2", "both"]),
        "search": st.integers(1, 3),
    },
)


@fuzz(OPTIONS)
def test_command_lines(tmp_path, values):
    with refused(InputError):
        settings = plan.make(Options(**{"output_dir": str(tmp_path), **values}))
        for setting in settings:
            assert setting.plans[0].folder.path.is_relative_to(tmp_path)


@pytest.fixture(scope="module")
def tfds_dir(tmp_path_factory):
    tfds = pytest.importorskip("tensorflow_datasets")
    root = tmp_path_factory.mktemp("tfds")
    image = tfds.features.Image(shape=(4, 4, 3), encoding_format="png")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="small",
        version="1.0.0",
        data_dir=root,
        features=tfds.features.FeaturesDict({"image": image, "label": np.int64}),
        split_datasets={
            "train": [(i, {"image": np.zeros((4, 4, 3), np.uint8), "label": i}) for i in range(4)]
        },
    )
    return root


@pytest.fixture
def tfds_copy(tfds_dir, tmp_path):
    """The folder of a set that a test may damage."""
    shutil.copytree(tfds_dir / "small", tmp_path / "small")
    return tmp_path / "small" / "1.0.0"


def load(folder):
    with refused(InputError):
        source = sources.find("tfds:small", data_dir=folder.parents[1])
        source.describe()
        source.outline()
        source.load(Storage(1e6, folder))


@fuzz(st.data(), st.sampled_from(["dataset_info.json", "features.json"]), share=0.2)
def test_tfds_metadata(tfds_dir, tfds_copy, data, name):
    sound = json.loads((tfds_dir / "small" / "1.0.0" / name).read_text())
    content = data.draw(odd_json(sound) | one_odd_value(sound))
    (tfds_copy / name).write_text(content, encoding="utf-8", errors="surrogatepass")
    load(tfds_copy)
    shutil.copy(tfds_dir / "small" / "1.0.0" / name, tfds_copy / name)


@fuzz(st.data(), share=0.05)
def test_tfds_files(tfds_dir, tfds_copy, data):
    path = records_of(tfds_dir / "small" / "1.0.0")
    records_of(tfds_copy).write_bytes(data.draw(damaged(path.read_bytes())))
    load(tfds_copy)


@fuzz(st.data(), share=0.05)
def test_tfds_records(tfds_dir, tfds_copy, data):
    path = records_of(tfds_dir / "small" / "1.0.0")
    first, *others = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    with tf.io.TFRecordWriter(str(records_of(tfds_copy))) as file:
        for record in (data.draw(damaged(first)), *others):
            file.write(record)
    load(tfds_copy)


def records_of(folder):
    (path,) = folder.glob("*.tfrecord*")
    return path
