"""What pyproject.toml promises to those who `pip install` the project."""

import ast
import importlib
import pathlib
import re
import sys
from collections.abc import Iterable

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("tf_twostage", "fid")
DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "google": "protobuf",
    "prometheus_client": "prometheus-client",
    "tensorflow_datasets": "tensorflow-datasets",
}

EXTRAS = {
    "serve": "tf_twostage/serving/*.py",
    "onnx": "tf_twostage/models/export_onnx.py",
    "parquet": "tf_twostage/data/shard_readers.py",
}
NOT_IMPORTED = {"python-multipart", "onnxruntime"}  # by Starlette; by whoever runs what was written


@pytest.fixture(scope="module")
def project() -> dict:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_commands_have_functions(project):
    for target in project["scripts"].values():
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def imported(paths: Iterable[pathlib.Path]) -> set[str]:
    """The distributions that these modules import, the standard library and ours aside."""
    found = set()
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
    names = {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) - set(PACKAGES)
    return {DISTRIBUTIONS.get(name, name) for name in names}


def named(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w-]+", line).group() for line in requirements}


def test_whatever_is_imported_is_required(project):
    paths = {path for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    required = named(project["dependencies"])
    for extra, where in EXTRAS.items():
        special = {path for path in paths if path.match(where)}
        further = named(project["optional-dependencies"][extra])
        assert imported(special) - required == further - NOT_IMPORTED
        paths -= special
    assert imported(paths) <= required
