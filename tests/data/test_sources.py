"""Names -> sources: which there are, what each tells and gives, what an unknown one says."""

import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
from loading import describe, load, message, outline, pictures, write_pngs

from tf_twostage.data import sources


def test_manifold_loads_whole_and_knows_its_dimension():
    data = load("manifold")
    assert (data.name, data.true_dim, data.image_shape) == ("manifold", 5, (16, 16, 1))
    assert data.train.shape == (10_000, 16, 16, 1)
    assert data.test.shape == (2_000, 16, 16, 1)
    assert data.source == describe("manifold")
    assert "10,000 training and 2,000 held-out" in data.source


def test_outline_tells_what_load_gives(tmp_path):
    write_pngs(tmp_path / "folder", pictures(25, (8, 6, 1)))
    write_pngs(tmp_path / "splits" / "train", pictures(5))
    write_pngs(tmp_path / "splits" / "test", pictures(4))
    np.savez(tmp_path / "one.npz", images=pictures(25, (4, 5)))
    np.savez(tmp_path / "two.npz", train=pictures(5), test=pictures(4))
    paths = [tmp_path / name for name in ("folder", "splits", "one.npz", "two.npz")]
    for name in ("manifold", *paths):
        data = load(name)
        assert outline(name)[:3] == (data.image_shape, len(data.train), len(data.test))


def test_finding_sources_does_not_import_tensorflow():
    code = "import sys; from tf_twostage.data import sources; print(sorted(sys.modules))"
    root = pathlib.Path(sources.__file__).parents[2]
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    ).stdout
    assert "'tf_twostage.data.tfds_images'" in modules
    assert "'tensorflow'" not in modules
    assert "'tensorflow_datasets'" not in modules


@pytest.mark.parametrize("call", [load, describe, outline])
def test_unknown_name_lists_the_known_ones(call, tmp_path):
    text = message(call, "fashionmnist")
    assert "'fashionmnist'" in text
    for name in ("manifold", "mnist", "fashion_mnist", "cifar10", "celeba"):
        assert name in text
    (tmp_path / "notes.txt").write_text("x")
    assert "a file of no known kind" in message(call, tmp_path / "notes.txt")
    assert "no such file" in message(call, tmp_path / "gone.npz")
    assert "unknown data set ''" in message(call, "")


def test_a_size_for_images_of_one_size_is_refused():
    text = message(sources.find, "mnist", image_size=32)
    assert text.startswith(
        "--image_size is for folders of images, shards and tfds: sets; mnist has one"
    )


def test_sources_survive_a_spawned_process(tmp_path):
    write_pngs(tmp_path, pictures(3))
    np.savez(tmp_path / "a.npz", pictures(2))
    places = [{"celeba_dir": tmp_path}, {"data_dir": tmp_path}]
    found = [sources.find("celeba", **place) for place in places]
    found += [sources.find(name) for name in (*sources.NAMES, "tfds:a/b", tmp_path)]
    found += [sources.find(tmp_path / "a.npz"), sources.find(tmp_path, image_size=8)]
    assert pickle.loads(pickle.dumps(found)) == found
    assert len(set(map(repr, found))) == len(found)


def test_run_name_is_safe_and_distinct_from_the_built_in_ones(tmp_path, monkeypatch):
    def run_name(name):
        return sources.find(name).run_name

    for name in ("my faces!", "mnist", "a.b"):
        (tmp_path / name).mkdir()
    np.savez(tmp_path / "cifar10.npz", images=pictures(2))
    assert run_name("mnist") == "mnist"
    assert run_name("tfds:lsun/bedroom") == "lsun_bedroom"
    assert run_name(tmp_path / "my faces!") == "my_faces"
    assert run_name(tmp_path / "a.b") == "a.b"
    assert run_name(tmp_path / "mnist") == "mnist-folder"
    assert run_name(tmp_path / "cifar10.npz") == "cifar10-npz"
    monkeypatch.chdir(tmp_path / "a.b")
    assert run_name("./") == "a.b"


REAL = os.environ.get("TF_TWOSTAGE_DATA_DIR")


@pytest.mark.skipif(not REAL, reason="TF_TWOSTAGE_DATA_DIR names no prepared TFDS folder")
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_prepared_real_sets_are_whole(name):
    data = load(name, data_dir=REAL)
    assert data.train.shape == (60_000, 28, 28, 1)
    assert data.test.shape == (10_000, 28, 28, 1)
    # Mean intensities of the training images, widely published: 0.1307 and 0.2860.
    expected = {"mnist": 0.1307, "fashion_mnist": 0.2860}[name]
    assert data.train.mean() / 255 == pytest.approx(expected, abs=5e-5)
