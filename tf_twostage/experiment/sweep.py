"""Every trial of every setting that the command line asks for, and Table 1 of them."""

import contextlib
import sys

from tf_twostage.errors import InputError
from tf_twostage.evaluation import scores
from tf_twostage.experiment import console, lock, progress, settings, trial, trial_process
from tf_twostage.experiment.settings import Options
from tf_twostage.reporting import table1
from tf_twostage.training import cluster

__all__ = ["Options", "run"]


def run(options: Options) -> dict:
    """Runs whatever of these trials is not finished, one after another.

    A single trial runs in this process, several run in a process each: one that fails is reported
    and the others go on.

    Returns:
      The metrics of a single trial, else {}; of several workers only the chief has them.

    Raises:
      InputError: bad input, in one line, before anything is written; or, in the end, some of
        several trials failed.
    """
    trials = [one for setting in settings.settings_of(options) for one in _checked(setting)]
    if options.dry_run:
        print(console.plan(trials))
        return {}
    measuring = [one for one in trials if one.measures_fid]
    if measuring:  # the graph and the width are those of all
        one = measuring[0]
        scores.check_fid(settings.fid_setting(one, settings.recipe_of(one)))
    writes = cluster.is_chief(options.strategy)
    with lock.locked(options.output_dir) if writes else contextlib.nullcontext():
        if len(trials) == 1:
            metrics, failed = trial.run(trials[0]), []
        else:
            metrics, failed = {}, _run_each(trials)
        table = table1.write(options.output_dir) if writes else None
    if table and len(trials) > 1:
        print(f"\n{table}")
    if failed:
        raise InputError(
            f"{len(failed)} of {len(trials)} trials failed: {', '.join(failed)}; the same command "
            "tries them again"
        )
    return metrics


def _checked(setting: Options) -> list[Options]:
    """The trials of a setting, which can be trained."""
    settings.check(setting, settings.recipe_of(setting), settings.outline(setting))
    return settings.trials_of(setting)


def _run_each(trials: list[Options]) -> list[str]:
    """Runs each in a process of its own; returns the folders of those that failed."""
    failed = []
    for number, one in enumerate(trials, 1):
        status = progress.status(one, settings.recipe_of(one))
        print(f"\n[{number}/{len(trials)}] {status.path}, seed {one.seed}: {status}", flush=True)
        if not status.finished and (reason := trial_process.run(one)):
            print(f"{status.path} failed: {reason}; going on", file=sys.stderr, flush=True)
            failed.append(str(status.path))
    return failed
