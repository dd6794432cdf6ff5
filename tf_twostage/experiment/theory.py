"""`--theory`: runs every experiment behind the paper's claims, and writes the page of verdicts."""

import dataclasses
import json
import os
import pathlib
import time

from tf_twostage import files, json_forms, keras_settings
from tf_twostage.evaluation.theory import claims, experiments
from tf_twostage.evaluation.theory.budget import FULL, Budget
from tf_twostage.evaluation.theory.experiments import Experiment
from tf_twostage.evaluation.theory.verdicts import Verdict
from tf_twostage.experiment import environment, lock
from tf_twostage.reporting import theory_page


@dataclasses.dataclass(frozen=True)
class Done:
    """A finished experiment."""

    result: object
    seconds: float


@keras_settings.ours()
def run(output_dir: str | os.PathLike, budget: Budget = FULL) -> list[Verdict]:
    """Runs what is not finished, and writes `theory/` in the output folder.

    Each finished experiment is a file of its own, `theory/experiments/<name>.json`, which the same
    call takes up again. One of another budget is run anew.

    Returns:
      The verdicts, which `theory/theory.json` and `theory/theory.html` hold as well.

    Raises:
      InputError: the folder cannot be written, or another process runs the theory there.
    """
    folder = pathlib.Path(output_dir).expanduser() / "theory"
    with lock.hold(folder / ".lock", f"the theory in {folder}"):
        files.remove_temporary(folder)
        done = _run_all(folder / "experiments", budget)
        verdicts = claims.judge([one.result for one in done])
        seconds = sum(one.seconds for one in done)
        page = theory_page.write(folder, verdicts, _facts(budget, seconds))
    print(f"\n{theory_page.summary(verdicts)}\n\n{seconds / 60:.1f} minutes\npage: {page}")
    return verdicts


def _run_all(folder: pathlib.Path, budget: Budget) -> list[Done]:
    planned = experiments.planned(budget)
    done = []
    for number, experiment in enumerate(planned, start=1):
        path = folder / f"{experiment.name}.json"
        found = _read(path, experiment, budget)
        one = found or _run(path, experiment, budget)
        how = "taken up" if found else f"{one.seconds:.1f} s"
        print(f"{number:3} of {len(planned)}  {experiment.name}: {how}", flush=True)
        done.append(one)
    return done


def _run(path: pathlib.Path, experiment: Experiment, budget: Budget) -> Done:
    start = time.perf_counter()
    result = experiment.run()
    done = Done(result, time.perf_counter() - start)
    content = {"budget": _as_json(budget), **dataclasses.asdict(done)}
    files.replace_text(path, json.dumps(content, indent=2) + "\n")
    return done


def _read(path: pathlib.Path, experiment: Experiment, budget: Budget) -> Done | None:
    """A finished experiment of this budget; None where there is none or its file is damaged."""
    content = files.read_json(path)
    if content.get("budget") != _as_json(budget):
        return None
    try:
        done = Done(experiment.restored(content["result"]), content["seconds"])
        return done if json_forms.number(done.seconds) else None
    except (KeyError, TypeError):
        return None


def _as_json(budget: Budget) -> dict:
    return json.loads(json.dumps(dataclasses.asdict(budget)))


def _facts(budget: Budget, seconds: float) -> dict:
    return {
        "seconds": seconds,
        "budget": _as_json(budget),
        "environment": environment.environment(),
    }
