"""Nothing that was read from a file or the network is run: no module knows how to."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
MODULES = sorted(
    path for folder in ("tf_twostage", "fid", "examples") for path in (ROOT / folder).rglob("*.py")
)
RUNS_WHAT_IT_READS = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "torch", "yaml"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__"}
UNSAFE = {("allow_pickle", True), ("safe_mode", False), ("shell", True), ("verify", False)}


def problems(source: str) -> list[str]:
    """What in a module could run what it reads."""
    return [name for node in ast.walk(ast.parse(source)) for name in _problems_of(node)]


def _problems_of(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [a.name for a in names if a.name.split(".")[0] in RUNS_WHAT_IT_READS]
        case ast.ImportFrom(module=str(name)) if name.split(".")[0] in RUNS_WHAT_IT_READS:
            return [name]
        case ast.Call(func=ast.Name(id=name)) if name in RUNS_TEXT:
            return [name]
        case ast.keyword(arg=name, value=ast.Constant(value=bool(value))):
            return [f"{name}={value}"] * ((name, value) in UNSAFE)
    return []


def test_no_module_runs_what_it_reads():
    found = {path: problems(path.read_text(encoding="utf-8")) for path in MODULES}
    assert len(found) > 100
    assert {path: said for path, said in found.items() if said} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from torch import load",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
        "keras.models.load_model(path, safe_mode=False)",
        "requests.get(url, verify=False)",
        "subprocess.run(text, shell=True)",
    ],
)
def test_each_way_would_be_found(source):
    assert len(problems(source)) == 1
