"""Every block of code on the pages is run, or held against the flags of the programs it calls.

A block that another test asks `doc_blocks.block` for is that test's. All other blocks are Python,
which runs here, or a shell's: each command in it must be one that its program understands.
"""

import argparse
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
from unittest import mock

import doc_files
import doc_shell
import numpy as np
import pytest
from doc_blocks import PAGES, ROOT, blocks, commands, named_by_tests
from doc_commands import CHECKS, NOT_CHECKED

import fid
from tf_twostage import TwoStageVAE, recipes
from tf_twostage.experiment import library, sweep
from tf_twostage.experiment.options import Options
from tf_twostage.models import custom

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1), np.uint8)
BLOCKS = [block for page in PAGES for block in blocks(page)]
NAMED = named_by_tests()
OWN = [block for block in BLOCKS if block not in NAMED]
SHELL = [block for block in OWN if block.language == "sh"]
COMMANDS = [*SHELL, *(command for page in PAGES for command in commands(page))]
PYTHON = [block for block in OWN if block.language == "python"]
SMALL = {"network": "own_networks:dense", "stage2_width": 8}
WITH_RUNS = re.compile("--report|--export|--compare|saved_model_cli")


def test_no_block_is_left_out():
    assert len(BLOCKS) > 40
    assert [str(block) for block in OWN if block not in SHELL and block not in PYTHON] == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the pages take for granted, and a shell that tells what it calls."""
    found = tmp_path_factory.mktemp("pages")
    doc_files.write(found)
    doc_files.write_run(found / doc_files.RUN)
    doc_shell.write_programs(found, [*CHECKS, *NOT_CHECKED])
    return found


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_commands_are_understood(block, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for tf_config, program, arguments in doc_shell.calls(block.code, folder):
        monkeypatch.setenv("TF_CONFIG", tf_config)
        if program not in NOT_CHECKED:
            CHECKS[program](arguments)


def test_requests_are_answered(folder, monkeypatch):
    client = pytest.importorskip("starlette.testclient", reason="needs the extra `serve`")
    from tf_twostage.serving.app import make_app
    from tf_twostage.serving.limits import Limits
    from tf_twostage.serving.served_model import ServedModel

    monkeypatch.chdir(folder)
    model = ServedModel(folder / doc_files.RUN / "saved_model" / "1")
    with client.TestClient(make_app(model, "twostage", Limits())) as served:
        made = [ask(served, call.arguments) for block in SHELL for call in curls(block, folder)]
    assert len(made) > 5


def curls(block, folder):
    return [call for call in doc_shell.calls(block.code, folder) if call.program == "curl"]


def ask(served, arguments):
    """Makes a request as curl does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("-d", "--data-binary", dest="data")
    parser.add_argument("-o")
    options = parser.parse_args(arguments)
    if options.data is None:
        answer = served.get(options.url)
    elif options.data.startswith("@"):
        answer = served.post(options.url, content=pathlib.Path(options.data[1:]).read_bytes())
    else:
        answer = served.post(options.url, content=options.data)
    assert answer.status_code == 200, answer.text
    is_file = answer.headers["content-type"] == "image/png"
    assert is_file == bool(options.o)


@pytest.fixture(params=["fast", pytest.param("whole", marks=pytest.mark.slow)])
def work(request, folder, monkeypatch):
    """What takes minutes is replaced, or cut down."""
    (nets,) = (block.code for block in PYTHON if "@tf_twostage.network" in block.code)
    (folder / "my_package").mkdir(exist_ok=True)
    (folder / "my_package" / "nets.py").write_text(nets)
    monkeypatch.syspath_prepend(folder)
    whole = request.param == "whole"
    least = SMALL | {"batch_size": 5, "latent_dim": 2, "epochs_scale": 1e-9}
    short = functools.partial(library.fit, **least)
    fit = short if whole else mock.create_autospec(library.fit, side_effect=untrained)
    monkeypatch.setattr(library, "fit", fit)
    monkeypatch.setattr(TwoStageVAE, "fit", staticmethod(fit))  # importing it does so too
    if whole:
        return
    distance = mock.create_autospec(fid.frechet_distance, return_value=0.0)
    monkeypatch.setattr(fid.distance, "frechet_distance", distance)


def untrained(images, network="own_networks:dense"):
    recipe = recipes.get("quick", "images", len(images), latent_dim=2, stage2_width=8)
    model = TwoStageVAE(recipe, images.shape[1:], network=custom.find(network))
    model.trained = {1, 2}
    return model


@pytest.mark.usefixtures("work")
@pytest.mark.filterwarnings("ignore:the Inception graph", "ignore:12 images are fewer")
@pytest.mark.parametrize("page", sorted({block.page for block in PYTHON}))
def test_python_runs(page, folder, monkeypatch):
    """The blocks of a page, one after the other."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    monkeypatch.setenv("FID_INCEPTION", str(folder / "graph.pb"))
    names = {"images": IMAGES, "real": IMAGES, "generated": IMAGES}
    for block in PYTHON:
        if block.page == page:
            lines = "\n" * (block.line - 1) + block.code  # a traceback shows those of the page
            exec(compile(lines, page, "exec"), names)


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """The same folder with finished runs in it."""
    root = tmp_path_factory.mktemp("finished")
    least = {"epochs_scale": 1e-9, "jit_compile": False}
    sweep.run(Options(output_dir=str(root), overrides=SMALL, **least))
    (config,) = root.rglob("config.json")
    for run in (doc_files.RUN, *doc_files.OTHER_RUNS):
        shutil.copytree(config.parent, folder / run, dirs_exist_ok=True)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("block", [b for b in SHELL if WITH_RUNS.search(b.code)], ids=str)
def test_what_is_done_with_finished_runs(block, finished):
    if "onnx" in block.code:
        pytest.importorskip("tf2onnx", reason="needs the extra onnx")
    programs = pathlib.Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    modules = f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'helpers'}"
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.code],
        cwd=finished,
        env=os.environ | {"PATH": path, "PYTHONPATH": modules},
        check=True,
    )
