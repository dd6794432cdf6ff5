"""How far a trial is, read from its run folder; what is left of it, and how long that takes."""

import dataclasses
import pathlib

from tf_twostage import epoch_log, files, recipes
from tf_twostage.evaluation import scores
from tf_twostage.experiment import settings


@dataclasses.dataclass(frozen=True)
class Status:
    """How far one trial is."""

    path: pathlib.Path
    seed: int
    epochs: dict[int, tuple[int, int]]  # stage -> epochs done, epochs of its schedule
    seconds_per_epoch: dict[int, float]  # stage -> as far as it was measured in this trial
    finished: bool  # metrics.json holds all that is asked for
    evaluation_seconds: float | None

    def __str__(self) -> str:
        if self.finished:
            return "finished"
        if not any(done for done, _ in self.epochs.values()):
            return "not begun"
        stages = [
            f"stage {stage}: {done} of {all_} epochs" for stage, (done, all_) in self.epochs.items()
        ]
        return ", ".join(stages) + ", not scored"


def status(options: settings.Options, recipe: recipes.Recipe) -> Status:
    """How far the trial with these options is."""
    path = settings.run_path(options, recipe)
    metrics = files.read_json(path / "metrics.json")
    epochs, seconds = {}, {}
    for stage in options.stages:
        log = epoch_log.read_log(path / f"stage{stage}.csv").get("seconds", [])
        epochs[stage] = (len(log), recipe.schedule(stage).epochs)
        if log:
            seconds[stage] = sum(log) / len(log)
    return Status(
        path,
        options.seed,
        epochs,
        seconds,
        _is_scored(metrics, options, recipe, files.read_json(path / "config.json")),
        (metrics.get("seconds") or {}).get("evaluation"),
    )


def seconds_left(statuses: list[Status], alike: list[Status]) -> float | None:
    """Time for all that is left of trials of one setting; None while no epoch was measured.

    Args:
      statuses: the trials of the setting.
      alike: these and others of the same data set and network: an epoch is taken to cost what it
        cost in them on average, and an evaluation likewise (0 while none has finished).
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


def _is_scored(
    metrics: dict, options: settings.Options, recipe: recipes.Recipe, config: dict
) -> bool:
    """Whether these are the metrics of these options, with all that they ask for."""
    if not config or config["seed"] != options.seed:
        return False
    if recipes.from_config(config["recipe"]) != recipe or not set(options.stages) <= set(
        metrics.get("stages", ())
    ):
        return False
    if not options.measures_fid:
        return True
    setting = settings.fid_setting(options, recipe)
    return scores.is_measured(metrics.get("fid") or {}, setting, config["dataset"]["test"])
