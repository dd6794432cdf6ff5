"""The figures of several runs of one data set: curves over each other, rows of images."""

import itertools
import math
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

from tf_twostage import epoch_log
from tf_twostage.reporting import figures, image_rows
from tf_twostage.reporting.compared_runs import ComparedRun
from tf_twostage.reporting.image_rows import ImageRow

LOGARITHMIC = ("gamma", "mse")
# As many as told apart: each line style with all colours, before the next.
LINES = tuple(itertools.product(("-", "--", ":"), figures.COLORS))
LEGEND_COLUMNS = 4


class Panel(NamedTuple):
    """One of the axes."""

    stage: int
    column: str  # of the log
    name: str  # of what it is, which may differ between models
    unit: str


def write_all(folder: pathlib.Path, runs: Sequence[ComparedRun]) -> None:
    """Draws curves, samples and reconstructions, as far as the runs have any."""
    save_curves(folder / "curves.png", runs)
    for name, rows in (
        ("rows_of_samples", _samples(runs)),
        ("rows_of_reconstructions", _reconstructions(runs)),
    ):
        if rows:
            labels = [row.label for row in rows]
            image_rows.save(folder / f"{name}.png", rows, {"rows": labels})


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
    for axis, panel in zip(axes, panels, strict=False):
        for run in runs:
            if panel in _panels_of(run):
                log, (style, color) = run.logs[panel.stage], LINES[(run.number - 1) % len(LINES)]
                line = {"color": color, "linestyle": style, "label": run.label}
                figures.curve(axis, log["epoch"], log[panel.column], **line)
        axis.set_title(f"stage {panel.stage}: {panel.name}")
        axis.set_ylabel(panel.unit)
        axis.set_yscale("log" if panel.column in LOGARITHMIC else "linear")
        figures.epochs(axis)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figures.legend(figure, axes, LEGEND_COLUMNS)
    figures.write(path, figure, {run.label: _shown(run) for run in runs})


def _panels(runs: Sequence[ComparedRun]) -> list[Panel]:
    """All panels, those of stage 1 first."""
    order = list(figures.LABELS)

    def place(panel: Panel) -> tuple:
        known = panel.column in order
        return panel.stage, order.index(panel.column) if known else len(order), panel.name

    return sorted({panel for run in runs for panel in _panels_of(run)}, key=place)


def _panels_of(run: ComparedRun) -> list[Panel]:
    """The panels that a run has a line in."""
    hidden = set(epoch_log.FACTS).difference(LOGARITHMIC)
    return [
        Panel(stage, column, *figures.label(column, log))
        for stage, log in run.logs.items()
        for column in log
        if column not in hidden
    ]


def _shown(run: ComparedRun) -> dict:
    """The numbers of a run's lines, for JSON."""
    shown = {f"stage{stage}": {"epoch": list(log["epoch"])} for stage, log in run.logs.items()}
    for panel in _panels_of(run):
        shown[f"stage{panel.stage}"][panel.column] = list(run.logs[panel.stage][panel.column])
    return shown


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
