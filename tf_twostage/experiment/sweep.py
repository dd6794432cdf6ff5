"""Every trial of every setting that the command line asks for, and Table 1 of them."""

import os

import tensorflow as tf

from tf_twostage.errors import InputError
from tf_twostage.experiment import console, search, shared_table, trial
from tf_twostage.experiment import plan as plans
from tf_twostage.experiment.jobs import Jobs
from tf_twostage.experiment.options import Options
from tf_twostage.experiment.plan import Plan, Setting
from tf_twostage.training import cluster, devices


def run(options: Options) -> dict:
    """Runs whatever of these trials is not finished.

    A single trial runs in this process, several run in a process each: one that fails is reported
    and the others go on.

    Returns:
      The metrics of a single trial, else {}; of several workers only the chief has them.

    Raises:
      InputError: bad input, in one line, before anything is written; or, in the end, some of
        several trials failed.
    """
    devices.grow_memory()
    settings = plans.make(options)
    search.check(options, settings)
    gpus = visible_gpus()
    jobs = _jobs(options, len(gpus))
    if options.dry_run:
        print(console.plan(settings, jobs))
        return {}
    for spec in {setting.fid for setting in settings if setting.fid}:
        spec.check()
    trials = _trials(settings, options)
    if len(trials) == 1 and not options.search:
        metrics = trial.run(trials[0])
        if cluster.is_chief(options.strategy):
            _write_table(options)
        return metrics
    failed = _run_all(trials, jobs, gpus, options)
    if options.search:
        failed += _run_all(list(search.winners(settings, options.trials)), jobs, gpus, options)
    _end(trials, failed, options)
    return {}


def _trials(settings: list[Setting], options: Options) -> list[Plan]:
    """All trials, or just the one that `--trial` names of each setting."""
    if options.trial is None:
        return [plan for setting in settings for plan in setting.plans]
    if options.trial >= options.trials:
        raise InputError(
            f"there is no --trial {options.trial} of --trials {options.trials}: "
            f"they are counted from 0 to {options.trials - 1}"
        )
    return [setting.plans[options.trial] for setting in settings]


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    count = len(tf.config.list_physical_devices("GPU"))
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return named[:count] if any(named) else [str(index) for index in range(count)]


def _jobs(options: Options, gpus: int) -> int:
    """How many trials run at a time: by default one on each GPU, or one on a CPU."""
    shared = options.strategy in ("mirrored", "multiworker")
    if options.jobs is None:
        return 1 if shared else max(1, gpus)
    if options.jobs > 1 and shared:
        raise InputError(
            f"--strategy {options.strategy} gives all devices to one trial: leave out --jobs, or "
            "choose --strategy none"
        )
    return options.jobs


def _run_all(trials: list[Plan], jobs: int, gpus: list[str], options: Options) -> list[Plan]:
    """Runs trials, each in a process of its own; returns those that failed."""
    return Jobs(trials, jobs, gpus, lambda: _write_table(options)).run()


def _end(trials: list[Plan], failed: list[Plan], options: Options) -> None:
    """Prints the table, and complains of what failed."""
    if table := _write_table(options):
        print(f"\n{table}")
    if failed:
        names = ", ".join(str(plan.folder) for plan in failed)
        raise InputError(
            f"{len(failed)} of {len(trials)} trials failed: {names}; the same command tries them "
            "again"
        )


def _write_table(options: Options) -> str:
    return shared_table.write(plans.root_of(options))
