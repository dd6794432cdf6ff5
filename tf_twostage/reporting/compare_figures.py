"""The figures of several runs of one data set: curves over each other, rows of images."""

import itertools
import math
import pathlib
from collections.abc import Sequence

from matplotlib.figure import Figure

from tf_twostage import epoch_log
from tf_twostage.reporting import figures, image_rows
from tf_twostage.reporting.compared_runs import ComparedRun
from tf_twostage.reporting.image_rows import ImageRow

LOGARITHMIC = ("gamma", "mse")
NAMES = {"gamma": "γ", "mse": "mean squared error", "kl": "KL divergence"}
# As many as told apart: each line style with all colours, before the next.
LINES = tuple(itertools.product(("-", "--", ":"), figures.COLORS))
LEGEND_COLUMNS = 4


def write_all(folder: pathlib.Path, runs: Sequence[ComparedRun]) -> None:
    """Draws curves, samples and reconstructions, as far as the runs have any."""
    save_curves(folder / "curves.png", runs)
    rows = _samples(runs)
    if rows:
        image_rows.save(folder / "samples.png", rows, {"rows": [row.label for row in rows]})
    rows = _reconstructions(runs)
    if rows:
        image_rows.save(folder / "reconstructions.png", rows, {"rows": [row.label for row in rows]})


@figures.styled
def save_curves(path: pathlib.Path, runs: Sequence[ComparedRun]) -> None:
    """A panel for gamma, the squared error and each term of the loss, with a line for each run."""
    panels = _panels(runs)
    if not panels:
        return
    rows = math.ceil(len(panels) / 2)
    legend_rows = math.ceil(len(runs) / LEGEND_COLUMNS)
    size = (figures.PAGE, 1.7 * rows + 0.16 * legend_rows + 0.2)
    figure = Figure(size, layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    for axis, (stage, column) in zip(axes, panels, strict=False):
        for run in runs:
            log = run.logs.get(stage, {})
            if column in log:
                style, color = LINES[(run.number - 1) % len(LINES)]
                figures.curve(
                    axis, log["epoch"], log[column], color=color, linestyle=style, label=run.label
                )
        axis.set_title(f"stage {stage}: {NAMES.get(column, column)}")
        axis.set_yscale("log" if column in LOGARITHMIC else "linear")
        figures.epochs(axis)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figures.legend(figure, axes, LEGEND_COLUMNS)
    figures.write(path, figure, {run.label: _shown(run, panels) for run in runs})


def _panels(runs: Sequence[ComparedRun]) -> list[tuple[int, str]]:
    """Stage and column of each panel."""
    found = {(stage, name) for run in runs for stage, log in run.logs.items() for name in log}
    facts = set(epoch_log.FACTS).difference(LOGARITHMIC)
    shown = [pair for pair in found if pair[1] not in facts]
    order = (*LOGARITHMIC, "kl", "reconstruction")
    return sorted(shown, key=lambda p: (p[0], order.index(p[1]) if p[1] in order else 9, p[1]))


def _shown(run: ComparedRun, panels: Sequence[tuple[int, str]]) -> dict:
    return {
        f"stage{stage}": {"epoch": list(log["epoch"])}
        | {name: list(log[name]) for of, name in panels if of == stage and name in log}
        for stage, log in sorted(run.logs.items())
    }


def _samples(runs: Sequence[ComparedRun]) -> list[ImageRow]:
    return [
        ImageRow(f"{run.label}\nstage {stage}", images)
        for run in runs
        for stage, images in run.samples().items()
    ]


def _reconstructions(runs: Sequence[ComparedRun]) -> list[ImageRow]:
    """The held-out images, once, then a row for each run that reconstructs."""
    found = {run.label: pairs for run in runs if (pairs := run.reconstructions())}
    if not found:
        return []
    originals, _ = next(iter(found.values()))
    rows = [ImageRow(label, images) for label, (_, images) in found.items()]
    return [ImageRow("held-out images", originals), *rows]
