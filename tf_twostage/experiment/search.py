"""Random settings of a GAN, and the best of them, as in the upper half of Table 1."""

import dataclasses
from collections.abc import Iterator

from tf_twostage.errors import InputError
from tf_twostage.experiment.options import Options
from tf_twostage.experiment.plan import Plan, Setting
from tf_twostage.metrics import FidScores
from tf_twostage.recipes import gan


def check(options: Options, settings: list[Setting]) -> None:
    """Raises `InputError` where there is nothing to search, or no way to tell the best."""
    if options.search is None:
        return
    gans = [setting for setting in settings if setting.recipe.model in gan.MODELS]
    if not gans:
        raise InputError("--search draws settings of GANs: name one by --model, such as ns_gan")
    if any(setting.fid is None for setting in gans):
        raise InputError("--search chooses by FID: add --fid on")
    if options.trial is not None:
        raise InputError("--search runs all its trials: leave out --trial")


def winners(settings: list[Setting], trials: int) -> Iterator[Plan]:
    """All trials of the best setting of each GAN on each data set, as far as any is scored.

    Args:
      settings: random ones among others.
      trials: how many each of the best gets, the searched one included.
    """
    groups: dict[tuple, list[Setting]] = {}
    for setting in settings:
        if setting.search is not None and score(setting) is not None:
            groups.setdefault((setting.dataset, setting.recipe.model), []).append(setting)
    for group in groups.values():
        best = min(group, key=score)
        yield from dataclasses.replace(best, trials=trials).plans


def score(setting: Setting) -> float | None:
    """The FID of a searched setting: that of its best checkpoint; None where it has none yet."""
    metrics = setting.plans[0].folder.read_metrics()
    found = FidScores.from_dict(metrics.get("fid"))
    return found.reported if found else None
