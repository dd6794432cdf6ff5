"""How far a trial is, read from its run folder; what is left of it, and how long that takes."""

import dataclasses
import math

from tf_twostage import recipes
from tf_twostage.errors import shown
from tf_twostage.experiment import lock
from tf_twostage.experiment.plan import Plan
from tf_twostage.metrics import FidScores
from tf_twostage.run_folder import RunFolder, same_images

_MOST_SECONDS = 1e9  # that anything takes: 32 years


@dataclasses.dataclass(frozen=True)
class Status:
    """How far one trial is."""

    folder: RunFolder
    seed: int
    epochs: dict[int, tuple[int, int]]  # stage -> epochs done, epochs of its schedule
    seconds_per_epoch: dict[int, float]  # stage -> as far as it was measured in this trial
    finished: bool  # metrics.json holds all that is asked for
    evaluation_seconds: float | None
    holder: lock.Holder | None = None  # who works on it
    failure: str | None = None  # why it failed when it ran last
    foreign: bool = False  # the folder holds a run of other images

    def __str__(self) -> str:
        if self.finished:
            return "finished"
        parts = [self._epochs()]
        if self.foreign:
            return "the folder holds a run of other images"
        if self.holder:
            parts.append(f"held by {self.holder}")
        elif self.failure:
            parts.append(f"failed: {self.failure}")
        return shown(", ".join(parts))

    def _epochs(self) -> str:
        if not any(done for done, _ in self.epochs.values()):
            return "not begun"
        stages = [
            f"stage {stage}: {done} of {all_} epochs" for stage, (done, all_) in self.epochs.items()
        ]
        return ", ".join(stages) + ", not scored"


def status(plan: Plan, held_here: bool = False) -> Status:
    """How far the trial of this plan is.

    Args:
      plan: the trial.
      held_here: this process or one that it started works on the trial. Then nobody asks who holds
        it: that takes half a second where it is held.
    """
    metrics = plan.folder.read_metrics()
    epochs, seconds = {}, {}
    for stage in plan.setting.stages:
        log = plan.folder.read_log(stage).get("seconds", [])
        epochs[stage] = (len(log), plan.recipe.schedule(stage).epochs)
        if timed := [value for value in log if _is_time(value)]:
            seconds[stage] = sum(timed) / len(timed)
    evaluation = (metrics.get("seconds") or {}).get("evaluation", math.nan)
    return Status(
        plan.folder,
        plan.seed,
        epochs,
        seconds,
        _is_scored(metrics, plan),
        evaluation if _is_time(evaluation) else None,
        None if held_here else lock.holder(plan.lock),
        plan.folder.read_failure(),
        _is_foreign(plan.folder.read_config(), plan),
    )


def _is_time(seconds: float) -> bool:
    """Whether something may have taken so long; False for what was not measured, NaN."""
    return 0 <= seconds < _MOST_SECONDS


def line(plan: Plan) -> str:
    """How far a running trial is, in one line."""
    found, logs = status(plan, held_here=True), plan.folder.read_logs()
    name = "/".join(plan.folder.path.parts[-3:])
    if not logs:
        return f"{name}  starting"
    stage, log = max(logs.items())
    done, all_ = found.epochs.get(stage, (len(log["epoch"]), len(log["epoch"])))
    if stage == max(found.epochs) and done >= all_:
        return f"{name}  scoring"
    left = seconds_left([found], [found])
    return (
        f"{name}  stage {stage}  epoch {done}/{all_}"
        + (f"  loss {log['loss'][-1]:.4g}" if "loss" in log else "")
        + (f"  gamma {log['gamma'][-1]:.3g}" if "gamma" in log else "")
        + (f"  {in_hours(left)} left" if left else "")
    )


def in_hours(seconds: float) -> str:
    """'1 h 05 min'."""
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def seconds_left(statuses: list[Status], alike: list[Status]) -> float | None:
    """Time for all that is left of trials of one setting; None while no epoch was measured.

    Args:
      statuses: the trials of the setting.
      alike: these trials and others of the same data set. What an epoch took in them on average is
        what each further epoch is taken to cost. An evaluation likewise: 0 while none has finished.
    """
    total = 0.0
    for stage in statuses[0].epochs:
        left = sum(s.epochs[stage][1] - s.epochs[stage][0] for s in statuses if not s.finished)
        known = [s.seconds_per_epoch[stage] for s in alike if stage in s.seconds_per_epoch]
        if left and not known:
            return None
        total += left * sum(known) / max(1, len(known))
    scores = [s.evaluation_seconds for s in alike if s.evaluation_seconds]
    unscored = sum(not s.finished for s in statuses)
    return total + unscored * (sum(scores) / len(scores) if scores else 0)


def _is_foreign(config: dict, plan: Plan) -> bool:
    """Whether the folder holds a run of other images than the plan's."""
    known = config.get("dataset")
    return bool(known) and not same_images(known, plan.setting.images)


def _is_scored(metrics: dict, plan: Plan) -> bool:
    """Whether these are the metrics of this plan, with all that it asks for."""
    if not set(plan.setting.stages) <= set(metrics.get("stages") or ()):
        return False
    config = plan.folder.read_config()
    if config.get("seed") != plan.seed or _is_foreign(config, plan):
        return False
    if recipes.from_config(config.get("recipe")) != plan.recipe:
        return False
    spec = plan.setting.fid
    found = FidScores.from_dict(metrics.get("fid"))
    return spec is None or spec.is_met_by(found, plan.setting.outline.test_images)
