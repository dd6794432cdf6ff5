"""Every trial of every setting that the command line asks for, and Table 1 of them."""

import contextlib
import sys

from tf_twostage.errors import InputError
from tf_twostage.experiment import console, lock, progress, trial, trial_process
from tf_twostage.experiment import plan as plans
from tf_twostage.experiment.options import Options
from tf_twostage.experiment.plan import Plan
from tf_twostage.reporting import table1
from tf_twostage.training import cluster


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
    settings = plans.make(options)
    if options.dry_run:
        print(console.plan(settings))
        return {}
    for spec in {setting.fid for setting in settings if setting.fid}:
        spec.check()
    trials = [plan for setting in settings for plan in setting.plans]
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


def _run_each(trials: list[Plan]) -> list[str]:
    """Runs each in a process of its own; returns the folders of those that failed."""
    failed = []
    for number, plan in enumerate(trials, 1):
        status = progress.status(plan)
        print(f"\n[{number}/{len(trials)}] {plan.folder}, seed {plan.seed}: {status}", flush=True)
        if not status.finished and (reason := trial_process.run(plan)):
            print(f"{plan.folder} failed: {reason}; going on", file=sys.stderr, flush=True)
            failed.append(str(plan.folder))
    return failed
