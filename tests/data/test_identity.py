"""The identity of images: what changes it and what does not."""

import os
import shutil

import numpy as np
import pytest
from loading import outline, pictures, write_pngs

from tf_twostage.data import sources


def identity(name, **where):
    return outline(name, **where).identity


def test_a_folder_that_is_moved_or_copied_stays_itself(tmp_path):
    first = write_pngs(tmp_path / "cats" / "images", pictures(9))
    shutil.copytree(first, tmp_path / "elsewhere")
    os.utime(tmp_path / "elsewhere" / "001.png", (0, 0))
    assert identity(tmp_path / "elsewhere") == identity(first)
    assert len(identity(first)) == 12


def test_another_folder_of_that_name_or_one_that_has_grown_is_another(tmp_path):
    first = write_pngs(tmp_path / "cats" / "images", pictures(9))
    second = write_pngs(tmp_path / "dogs" / "images", pictures(9, seed=1))
    (second / "001.png").write_bytes((second / "001.png").read_bytes() + b"more")
    assert sources.find(first).run_name == sources.find(second).run_name
    found = [identity(first), identity(second)]
    write_pngs(first, pictures(1), "new.png")
    found.append(identity(first))
    (first / "new.png").rename(first / "newer.png")
    found.append(identity(first))
    assert len(set(found)) == 4


def test_images_that_change_sides_are_others(tmp_path):
    write_pngs(tmp_path / "train", pictures(3))
    write_pngs(tmp_path / "test", pictures(3), "1{:02d}.png")
    before = identity(tmp_path)
    (tmp_path / "train" / "002.png").rename(tmp_path / "test" / "002.png")
    assert identity(tmp_path) != before


def test_an_npz_is_told_by_its_images(tmp_path):
    first, second = tmp_path / "a" / "x.npz", tmp_path / "b" / "x.npz"
    for path in (first, second):
        path.parent.mkdir()
    np.savez(first, images=pictures(5), labels=np.arange(5))
    np.savez_compressed(second, images=pictures(5))
    assert identity(first) == identity(second)
    changed = pictures(5)
    changed[4, 0, 0] ^= 1
    np.savez(second, images=changed)
    assert sources.find(first).run_name == sources.find(second).run_name
    assert identity(first) != identity(second)


@pytest.mark.parametrize(
    "names", [("!!!", "???"), ("\u732b", "\u72ac"), ("\u0915\u093f", "\u0915\u0940")]
)
def test_names_in_any_script_give_distinct_run_names(tmp_path, names):
    for name in names:
        (tmp_path / name).mkdir()
    found = [sources.find(tmp_path / name).run_name for name in names]
    assert len(set(found)) == 2
    assert found == list(names) or all(name.startswith("images-") for name in found)


def test_one_name_however_its_accents_are_coded(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert sources.Folder(tmp_path / decomposed).run_name == composed
    assert sources.Folder(tmp_path / composed).run_name == composed


def test_the_built_in_images_have_one(tmp_path):
    assert identity("manifold") == identity("manifold")
    assert len(identity("manifold")) == 12
