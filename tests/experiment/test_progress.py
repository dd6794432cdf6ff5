"""How far a trial is, read from a run folder that may hold anything."""

import dataclasses

import pytest

from tf_twostage import recipes
from tf_twostage.data.splits import Outline
from tf_twostage.experiment import progress
from tf_twostage.experiment.options import Options
from tf_twostage.experiment.plan import Plan, Setting

RECIPE = recipes.get("quick", "mnist", 100)
DATASET = {"identity": "abc", "image_shape": [8, 8, 1], "train": 100, "test": 10}
CONFIG = {"recipe": dataclasses.asdict(RECIPE), "dataset": DATASET, "seed": 0}


@pytest.fixture
def plan(tmp_path):
    """A trial that has finished."""
    options = Options("mnist", fid="off", output_dir=str(tmp_path))
    path = tmp_path / "mnist" / "quick"
    outline = Outline((8, 8, 1), 100, 10, "abc")
    found = Plan(Setting(options, "mnist", (1, 2), {}, None, outline, RECIPE, path), 0)
    found.folder.write(found.folder.config, CONFIG)
    found.folder.write(found.folder.metrics, {"stages": [1, 2], "seconds": {"evaluation": 5.0}})
    for stage in (1, 2):
        found.folder.log(stage).write_text("epoch,seconds\n1,2.0\n2,4.0\n")
    return found


def test_a_finished_trial(plan):
    found = progress.status(plan)
    assert str(found) == "finished"
    assert found.seconds_per_epoch == {1: 3.0, 2: 3.0}
    assert found.evaluation_seconds == 5.0
    assert progress.line(plan).startswith("mnist/quick/trial_000  stage 2  epoch 2/")


@pytest.mark.parametrize(
    "config", [{}, CONFIG | {"seed": 1}, CONFIG | {"dataset": DATASET | {"train": 99}}]
)
def test_metrics_of_another_run_do_not_count(plan, config):
    plan.folder.write(plan.folder.config, config)
    assert not progress.status(plan).finished


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1", "1e300"])
def test_times_that_are_none_do_not_count(plan, seconds):
    plan.folder.log(1).write_text(f"epoch,seconds\n1,2.0\n2,{seconds}\n")
    plan.folder.log(2).write_text(f"epoch,seconds\n1,{seconds}\n")
    plan.folder.write(plan.folder.metrics, {"seconds": {"evaluation": float(seconds)}})
    found = progress.status(plan)
    assert found.seconds_per_epoch == {1: 2.0}
    assert found.evaluation_seconds is None
    assert found.epochs[1][0] == 2


def test_why_it_failed_is_shown_in_one_line(plan):
    plan.folder.metrics.unlink()
    plan.folder.failure.write_bytes(b"\xff\x1b[2J\nb")
    assert str(progress.status(plan)).endswith(", not scored, failed: \ufffd\\x1b[2J\\nb")
