"""Images are scored as they were trained on: both packages read files by the same rules."""

import contextlib
import os

import image_cases
import numpy as np
import pytest
from PIL import Image

import fid
from fid import image_files as scored
from tf_twostage.data import image_files as trained
from tf_twostage.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("cases")
    image_cases.write_sound(root)
    image_cases.add_links(root)
    return root


def test_the_same_files_count(folder):
    assert scored.SUFFIXES == trained.SUFFIXES
    assert len(scored.find(folder).names) > 15
    assert tuple(scored.find(folder)) == tuple(trained.find(folder))


@pytest.mark.parametrize("rules", [scored, trained])
@pytest.mark.parametrize("order", [1, -1])
def test_of_several_links_the_first_by_name_counts(rules, order, tmp_path, monkeypatch):
    """Disks list a folder in orders of their own."""
    (tmp_path / "images").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "image.png")
    for name in "abc":
        (tmp_path / "images" / f"{name}.png").symlink_to(tmp_path / "image.png")
    scandir = os.scandir

    @contextlib.contextmanager
    def listed(folder):
        with scandir(folder) as entries:
            yield sorted(entries, key=lambda entry: entry.name)[::order]

    monkeypatch.setattr(os, "scandir", listed)
    assert rules.find(tmp_path / "images").names == ["a.png"]


def test_files_have_the_same_pixels(folder):
    for path in map(folder.joinpath, scored.find(folder).names):
        pixels = scored.read(path)
        np.testing.assert_array_equal(pixels, trained.read(path, "RGB"), err_msg=str(path))
        if trained.header(path).grey:
            grey = trained.read(path, "L")[..., None]
            np.testing.assert_array_equal(pixels, np.repeat(grey, 3, axis=-1), err_msg=str(path))


def test_the_same_files_are_refused(tmp_path):
    for name, reason in image_cases.write_refused(tmp_path).items():
        with pytest.raises(fid.Error, match=reason):
            scored.read(tmp_path / name)
        with pytest.raises(InputError, match=reason):
            trained.read(tmp_path / name, "RGB")
