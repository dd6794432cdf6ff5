"""What a run folder, finished or not, must look like whenever one looks at it."""

import csv
import json
import pathlib
import re

import h5py
import numpy as np
from PIL import Image

from tf_twostage import sealed

TEMPORARY = re.compile(r"\.\d+\.")
SAVED_MODEL = ("saved_model.pb", "variables/variables.index", "README.md", "assets.extra/run.json")


def check_whole(folder: pathlib.Path) -> None:
    """Every file that does not stand under a temporary name is whole."""
    for path in files(folder):
        if not any(TEMPORARY.match(part) for part in path.relative_to(folder).parts):
            _check_whole(path)
    for model in folder.rglob("saved_model/1"):
        assert all((model / name).is_file() for name in SAVED_MODEL), model


def _check_whole(path: pathlib.Path) -> None:
    kind = path.suffix
    if kind == ".json":
        json.loads(path.read_text())
    elif kind == ".png":
        with Image.open(path) as image:
            image.load()
    elif kind == ".csv":
        text = path.read_text()
        assert text.endswith("\n"), path
        assert len({len(row) for row in csv.reader(text.splitlines())}) == 1, path
    elif kind in (".html", ".pdf"):
        end = {".html": b"</html>", ".pdf": b"%%EOF"}[kind]
        assert path.read_bytes().rstrip().endswith(end), path
    elif kind in (".h5", ".npy"):
        assert sealed.check(path) is sealed.Seal.WHOLE, path


def check_same(found: pathlib.Path, expected: pathlib.Path) -> None:
    """Two finished output folders: the same files, weights bit for bit, the same numbers.

    TensorBoard's events are left out, as each start of a run adds a file, and so are lock files,
    wherever they lie.
    """
    names = _names(expected)
    assert _names(found) == names, set(_names(found)) ^ set(names)
    for name in names:
        first, second = found / name, expected / name
        if first.suffix == ".h5":
            _check_same_weights(first, second)
        elif first.suffix == ".npy":
            np.testing.assert_array_equal(np.load(first), np.load(second))
        elif first.name in ("metrics.json", "stage1.csv", "stage2.csv", "fids.csv", "table1.csv"):
            assert _numbers(first) == _numbers(second), name
        elif first.suffix == ".png":
            assert first.read_bytes() == second.read_bytes(), name


def files(folder: pathlib.Path) -> list[pathlib.Path]:
    """All files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def _names(folder: pathlib.Path) -> list[str]:
    names = {str(path.relative_to(folder)) for path in files(folder)}
    return sorted(name for name in names if "events.out" not in name and ".lock" not in name)


def _check_same_weights(first: pathlib.Path, second: pathlib.Path) -> None:
    with h5py.File(first) as ours, h5py.File(second) as theirs:
        found, expected = _arrays(ours), _arrays(theirs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def _arrays(file: h5py.File) -> dict[str, np.ndarray]:
    found = {}
    file.visititems(
        lambda name, item: (
            found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
        )
    )
    return found


def _numbers(path: pathlib.Path) -> object:
    """What a file says, without times."""
    if path.suffix == ".json":
        return {k: v for k, v in json.loads(path.read_text()).items() if k != "seconds"}
    with path.open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]
