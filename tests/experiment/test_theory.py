"""`--theory` from end to end: tiny and not compiled; at full size in slow tests."""

import dataclasses
import json

import pytest
import tensorflow as tf

from tf_twostage.evaluation.theory import claims, experiments
from tf_twostage.evaluation.theory.budget import FULL, Budget
from tf_twostage.experiment import theory

TINY = Budget(
    seeds=(0,),
    dimensions=(2,),
    d=6,
    superfluous=1,
    points=50,
    held_out=30,
    width=4,
    depth=1,
    batch_size=10,
    steps=2,
    density_steps=2,
    gammas=(1e-1, 1e-2),
    gamma_steps=1,
    linear_steps=2,
    linear_points=10,
    logged=2,
    importance_draws=2,
    tested=20,
    permutations=9,
)


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    """The folder of a finished tiny run, its verdicts, and what it printed."""
    folder = tmp_path_factory.mktemp("theory")
    tf.config.run_functions_eagerly(True)  # tracing would take minutes
    try:
        return folder, theory.run(folder, TINY)
    finally:
        tf.config.run_functions_eagerly(False)


def test_every_claim_gets_a_verdict_a_plot_and_numbers(output):
    folder, verdicts = output
    numbers = json.loads((folder / "theory/theory.json").read_text(encoding="utf-8"))
    assert [claim["name"] for claim in numbers["claims"]] == [v.claim.name for v in verdicts]
    assert len({verdict.claim.name for verdict in verdicts}) == 12
    for verdict in verdicts:
        assert verdict.rows
        assert all(len(row.values) == 1 for row in verdict.rows)
        assert (folder / f"theory/plots/{verdict.claim.name}.png").is_file()
    assert numbers["budget"]["d"] == 6
    assert "environment" in numbers


def test_finished_experiments_are_taken_up(output, monkeypatch, capsys):
    folder, verdicts = output
    monkeypatch.setattr(theory, "_run", lambda *_: pytest.fail("run again"))
    done = theory._run_all(folder / "theory/experiments", TINY)
    assert claims.judge([one.result for one in done]) == verdicts
    assert capsys.readouterr().out.count("taken up") == len(done) == len(experiments.planned(TINY))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", None),
        ("seed", "0"),
        ("gamma", [1.0]),
        ("gap", 10**400),
        ("true_log_density", [1.0, "2"]),
        ("log_likelihood", 0.0),
    ],
)
def test_a_result_with_a_value_of_another_kind_does_not_count(output, tmp_path, name, value):
    folder, _ = output
    (experiment,) = [e for e in experiments.planned(TINY) if e.name == "density-seed0"]
    path = tmp_path / "density-seed0.json"
    content = json.loads((folder / "theory/experiments" / path.name).read_text(encoding="utf-8"))
    path.write_text(json.dumps(content))
    assert theory._read(path, experiment, TINY) is not None
    path.write_text(json.dumps(content | {"result": content["result"] | {name: value}}))
    assert theory._read(path, experiment, TINY) is None
    path.write_text(json.dumps(content | {"seconds": "long"}))
    assert theory._read(path, experiment, TINY) is None


@pytest.mark.parametrize("content", ["", "{}", '{"budget": null, "result": {}}'])
def test_a_damaged_result_is_run_again(output, content, monkeypatch):
    folder, _ = output
    path = folder / "theory/experiments/density-seed0.json"
    whole, again = path.read_text(encoding="utf-8"), []
    path.write_text(content, encoding="utf-8")
    monkeypatch.setattr(theory, "_run", lambda path, *_: again.append(path.name) or restored)
    (experiment,) = [e for e in experiments.planned(TINY) if e.name == "density-seed0"]
    kept = json.loads(whole)
    restored = theory.Done(experiment.restored(kept["result"]), kept["seconds"])
    theory._run_all(folder / "theory/experiments", TINY)
    path.write_text(whole, encoding="utf-8")
    assert again == ["density-seed0.json"]


def test_results_of_another_budget_do_not_count(output):
    folder, _ = output
    (first, *_) = experiments.planned(TINY)
    path = folder / f"theory/experiments/{first.name}.json"
    assert theory._read(path, first, TINY) is not None
    assert theory._read(path, first, dataclasses.replace(TINY, points=51)) is None


def test_an_interrupt_leaves_finished_experiments(tmp_path, monkeypatch, output):
    folder, _ = output
    names = [experiment.name for experiment in experiments.planned(TINY)]
    done = folder / f"theory/experiments/{names[0]}.json"
    copy = tmp_path / f"theory/experiments/{names[0]}.json"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(done.read_bytes())
    (copy.parent / f".123.{copy.name}").touch()  # of a process that was killed

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(theory, "_run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        theory.run(tmp_path, TINY)
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]
    assert not (tmp_path / "theory/theory.html").exists()


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Those of one seed at full size."""
    budget = dataclasses.replace(FULL, seeds=(0,))
    found = theory.run(tmp_path_factory.mktemp("full"), budget)
    return {verdict.claim.name: verdict for verdict in found}


AGREEING = (
    "density",
    "gamma_falls",
    "dimensions",
    "smaller_gamma",
    "noise",
    "cost_slope",
    "too_few",
    "second_stage",
    "autoencoder",
    "encoder_variances",
    "closed_forms",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", AGREEING)
def test_claim_agrees(verdicts, name):
    assert verdicts[name].agrees, verdicts[name].rows


@pytest.mark.slow
def test_joint_training_helps_but_less_than_two_stages_in_turn(verdicts):
    """Against footnote 6, which says that it does not help."""
    (gain,) = verdicts["joint"].rows
    assert not verdicts["joint"].agrees
    assert 0.5 <= gain.mean < 1
