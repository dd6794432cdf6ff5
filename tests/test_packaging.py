"""What pyproject.toml promises to those who `pip install` the project."""

import ast
import importlib
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("tf_twostage", "fid")
DISTRIBUTIONS = {
    "PIL": "pillow",
    "absl": "absl-py",
    "google": "protobuf",
    "tensorflow_datasets": "tensorflow-datasets",
}


@pytest.fixture(scope="module")
def project() -> dict:
    tomllib = pytest.importorskip("tomllib")  # Python 3.11
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_commands_have_functions(project):
    for target in project["scripts"].values():
        module, name = target.split(":")
        assert callable(getattr(importlib.import_module(module), name))


def imported() -> set[str]:
    """Top-level names of all modules that the packages import, the standard library's aside."""
    found = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add(node.module)
    return {name.split(".")[0] for name in found} - set(sys.stdlib_module_names) - set(PACKAGES)


def test_whatever_is_imported_is_required(project):
    lines = [*project["dependencies"], *project["optional-dependencies"]["onnx"]]
    required = {re.match(r"[\w-]+", line).group() for line in lines}
    assert {DISTRIBUTIONS.get(name, name) for name in imported()} <= required
