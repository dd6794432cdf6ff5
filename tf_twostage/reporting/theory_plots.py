"""One plot for each claim of the theory page."""

import os

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tf_twostage.evaluation.theory.verdicts import Curve, Verdict
from tf_twostage.reporting import plots

# Okabe and Ito's colours and as many markers: a curve is told from the others by either.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "o^sDvPX"


def save(path: str | os.PathLike, verdict: Verdict) -> None:
    """Draws a claim's plot as a PNG: measured curves in colour, predicted ones dashed."""
    plot = verdict.plot
    figure = Figure((7, 4.6), layout="constrained")
    axis = figure.subplots()
    axis.set_title(verdict.claim.title, fontsize="medium", wrap=True)
    measured = [curve for curve in plot.curves if not curve.predicted]
    for index, curve in enumerate(measured):
        _draw(axis, curve, index, plot.lines)
    for curve in plot.curves:
        if curve.predicted:
            axis.plot(curve.x, curve.y, color=plots.GREY, linestyle="--", label=curve.label)
    if plot.log_x:
        axis.set_xscale("log")
    if plot.log_y:
        axis.set_yscale("log")
    if plot.whole_x:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axis.set_xlabel(plot.x_label)
    axis.set_ylabel(plot.y_label)
    axis.grid(alpha=0.3)
    _legend(figure, axis)
    plots.write_figure(path, figure)


def _draw(axis, curve: Curve, index: int, lines: bool) -> None:
    style = {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}
    style["markersize"] = 2 if len(curve.x) > 100 else 4
    style["linestyle"] = ("-", ":")[index // len(COLORS) % 2] if lines else "none"
    axis.plot(curve.x, curve.y, label=curve.label, **style)


def _legend(figure: Figure, axis) -> None:
    """Below the axes, each label once, three in a row."""
    handles, labels = axis.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    figure.legend(
        unique.values(), unique.keys(), loc="outside lower center", ncols=3, fontsize="small"
    )
