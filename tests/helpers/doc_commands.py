"""Whether commands are ones that their programs understand. None of them does anything."""

import argparse
import importlib.util
import pathlib
import re
import sys
from unittest import mock

import pytest
from absl.testing import flagsaver
from doc_blocks import ROOT

from tf_twostage.data import npz_images, tfds_builders
from tf_twostage.experiment import cli, plan
from tf_twostage.training import cluster


def check_python(arguments):
    match arguments:
        case ["run_experiments.py", *rest]:
            check_experiment(rest)
        case ["examples/serve.py", *rest]:
            check_parsed("examples.serve", rest)
        case ["-m", "pytest", *rest]:
            check_pytest(rest)
        case ["-m", "venv", _]:
            pass
        case ["-c", code]:
            compile(code, "-c", "exec")
        case ["-m", module]:
            assert importlib.util.find_spec(module)
        case ["-m", module, *rest]:
            check_parsed(module if "." in module else f"{module}.__main__", rest)
        case _:
            pytest.fail(f"what does python {arguments} do?")


def check_experiment(arguments):
    """The flags exist, name files that are there, or make a plan."""
    flags = cli.FLAGS
    with flagsaver.flagsaver():
        _, *others = flags(["run_experiments.py", *arguments])
        assert not others or flags.compare
        for run in filter(None, [flags.report, flags.export, flags.table1, *flags.compare]):
            assert pathlib.Path(run).exists()
        options = cli.options()
    if options.strategy == "multiworker":
        assert len(cluster.from_environment().workers) == 2
    with mock.patch.object(plan.sources, "find", find_source):
        assert plan.make(options)


def find_source(name, find=plan.sources.find, **places):
    """Sets of TensorFlow Datasets that nobody has prepared here need only exist."""
    if not name.startswith("tfds:"):
        return find(name, **places)
    assert tfds_builders.builder_of(name.removeprefix("tfds:"), None).info.features["image"]
    return npz_images.Npz(pathlib.Path("images.npz"))


class Parsed(Exception):
    """A program has understood its arguments."""


def check_parsed(module, arguments):
    """A program with an argparse.ArgumentParser understands the arguments; it then stops."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, *given):
        parse(parser, *given)
        raise Parsed

    main = importlib.import_module(module).main
    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse_and_stop),
        mock.patch.object(sys, "argv", [module, *arguments]),
        pytest.raises(Parsed),
    ):
        main()


def check_pytest(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("-q", action="store_true")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-m", choices=["slow"])
    parser.add_argument("-n", type=int)
    parser.add_argument("--dist", choices=["loadfile"])
    parser.add_argument("paths", nargs="*")
    for path in parser.parse_args(arguments).paths:
        assert path == "FILE" or (ROOT / path).exists()


def check_pip(arguments):
    """Files and extras exist; whatever else is installed is known, in this version, to us."""
    if arguments == ["freeze", "--exclude-editable"]:
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["install"])
    parser.add_argument("-q", action="store_true")
    parser.add_argument("-e", action="append", default=[])
    parser.add_argument("-r", action="append", default=[])
    parser.add_argument("names", nargs="*")
    options = parser.parse_intermixed_args(arguments)
    known = (ROOT / "pyproject.toml").read_text() + (ROOT / ".ci/run").read_text()
    for path in options.r:
        assert (ROOT / path).exists()
    for name in options.e + options.names:
        extra = re.fullmatch(r"\.\[(.+)\]", name)
        assert (f"\n{extra[1]} = [" if extra else name) in known


CHECKS = {
    "pip": check_pip,
    "pytest": check_pytest,
    "python": check_python,
    "python3": check_python,
}
NOT_CHECKED = {  # and why
    "curl": "`test_code_blocks.py` makes these requests",
    "docker": "it pulls the image of TensorFlow Serving",
    "lint-imports": "a part of .ci/run",
    "mkdocs": "a part of .ci/run",
    "pip-audit": "it asks the network for advisories",
    "ruff": "a part of .ci/run",
    "saved_model_cli": "its flags cannot be defined beside ours; a slow test runs it",
}
