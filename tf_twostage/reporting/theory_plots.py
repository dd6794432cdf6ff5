"""One plot for each claim of the theory page."""

import dataclasses
import os

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tf_twostage.evaluation.theory.verdicts import Curve, Verdict
from tf_twostage.reporting import figures
from tf_twostage.reporting.figures import COLORS

MARKERS = "o^sDvPX"  # as many as colours: a curve is told from the others by either


@figures.styled
def save(path: str | os.PathLike, verdict: Verdict) -> None:
    """Draws a claim's plot: measured curves in colour, predicted ones dashed.

    Args:
      path: of the PNG; PDF and JSON stand beside it.
      verdict: on the claim.
    """
    plot = verdict.plot
    figure = Figure((figures.PAGE, 4), layout="constrained")
    axis = figure.subplots()
    axis.set_title(verdict.claim.title, wrap=True)
    measured = [curve for curve in plot.curves if not curve.predicted]
    for index, curve in enumerate(measured):
        _draw(axis, curve, index, plot.lines)
    for curve in plot.curves:
        if curve.predicted:
            axis.plot(curve.x, curve.y, color=figures.GREY, linestyle="--", label=curve.label)
    if plot.log_x:
        axis.set_xscale("log")
    if plot.log_y:
        axis.set_yscale("log")
    if plot.whole_x:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel(plot.x_label)
    axis.set_ylabel(plot.y_label)
    axis.grid(alpha=0.3)
    figures.legend(figure, [axis], 3)
    figures.write(path, figure, dataclasses.asdict(plot))


def _draw(axis, curve: Curve, index: int, lines: bool) -> None:
    style = {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}
    style["markersize"] = 2 if len(curve.x) > 100 else 4
    style["linestyle"] = ("-", ":")[index // len(COLORS) % 2] if lines else "none"
    axis.plot(curve.x, curve.y, label=curve.label, **style)
