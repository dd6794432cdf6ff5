"""The plots of one run: its losses, and the paper's Figures 1, 10 and 11."""

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tf_twostage import epoch_log, recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.reporting import figures, image_rows
from tf_twostage.reporting.figures import BLUE, COLORS, GREY, ORANGE, Log
from tf_twostage.reporting.image_rows import ImageRow
from tf_twostage.run_folder import RunFolder

WIDTH_OF_BINS, LAST_EDGE = 0.05, 2.0  # of the histogram of lambda_j; greater ones at the end


def write_curves(folder: RunFolder) -> None:
    """Draws the terms of the loss over training, and gamma where there is one."""
    logs = folder.read_logs()
    if logs:
        save_losses(folder.figures / "losses.png", logs)
    if any("gamma" in log for log in logs.values()):
        save_gamma(folder.figures / "gamma.png", logs)


@figures.styled
def save_losses(path: str | os.PathLike, logs: Mapping[int, Log]) -> None:
    """Plots every term of the loss over the epochs of each stage in `logs`, a row a term.

    Log columns: epoch, learning_rate, and the terms: for a VAE those of equation (2), kl and
    reconstruction, nats per example.
    """
    terms = {stage: [t for t in log if t not in epoch_log.FACTS] for stage, log in logs.items()}
    rows = max(map(len, terms.values()))
    width = figures.COLUMN if len(logs) == 1 else figures.PAGE
    figure = Figure((width, 1.5 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, len(logs), sharex="col", squeeze=False)
    for column, (stage, log) in zip(axes.T, sorted(logs.items()), strict=True):
        column[0].set_title(f"stage {stage}")
        for axis, term, color in zip(column, terms[stage], COLORS, strict=False):
            label, unit = figures.label(term, log)
            figures.curve(axis, log["epoch"], log[term], color=color, label=label)
            axis.set_ylabel(unit)
            _mark_drops(axis, log, "learning rate lowered" if term == terms[stage][-1] else None)
        for axis in column[len(terms[stage]) :]:
            axis.set_axis_off()
        figures.epochs(column[-1])
    figure.align_ylabels()
    figures.legend(figure, axes, None if width == figures.PAGE else 2)
    figures.write(path, figure, _columns(logs, {s: ("epoch", *terms[s]) for s in logs}))


@figures.styled
def save_gamma(path: str | os.PathLike, logs: Mapping[int, Log]) -> None:
    """Plots gamma and the mean squared error of training over the epochs (Figure 1, left).

    Both are squared units of a stage's data, and a learned gamma settles at the error.
    Log columns: epoch; gamma, or of both stages trained jointly gamma_z too; mse, which logs of
    former versions lack.
    """
    panels = [(f"stage {s}", log, "gamma", "mse") for s, log in sorted(logs.items())]
    panels += [("stage 2, jointly trained", log, "gamma_z", "") for log in logs.values()]
    panels = [panel for panel in panels if panel[2] in panel[1]]
    figure = Figure((figures.COLUMN, 0.4 + 1.6 * len(panels)), layout="constrained")
    axes = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axis, (title, log, gamma, mse) in zip(axes, panels, strict=True):
        for column, label, style in (
            (gamma, r"$\gamma$, the decoder's variance", {"color": BLUE}),
            (mse, "mean squared error", {"color": ORANGE, "linestyle": "--"}),
        ):
            if column in log:
                figures.curve(axis, log["epoch"], log[column], label=label, **style)
        axis.set_title(title)
        axis.set_yscale("log")
        axis.set_ylabel("(pixel in 0..1)²" if title == "stage 1" else "(unit of z)²")
        figures.epochs(axis)
    figures.legend(figure, axes)
    shown = dict.fromkeys(logs, ("epoch", "gamma", "gamma_z", "mse"))
    figures.write(path, figure, _columns(logs, shown))


@figures.styled
def save_lambda_histogram(path: str | os.PathLike, lambda_: np.ndarray) -> None:
    """Plots the histogram of lambda_j [kappa] with the threshold of activity (Figure 11).

    The last bar holds all above `LAST_EDGE` as well; a dimension without use is near 1.
    """
    figure = Figure((figures.COLUMN, 2.3), layout="constrained")
    axis = figure.subplots()
    active = diagnostics.active_dimensions(lambda_)
    axis.set_title(f"{active} of {len(lambda_)} latent dimensions are active")
    greatest = float(np.max(lambda_))
    top = WIDTH_OF_BINS * math.ceil(max(1.05, min(greatest + 0.01, LAST_EDGE)) / WIDTH_OF_BINS)
    beyond = "; last bar: all above" if greatest > top else ""
    bins = np.linspace(0, top, round(top / WIDTH_OF_BINS) + 1)
    counts, edges, _ = axis.hist(
        np.minimum(lambda_, top),
        bins,
        color=BLUE,
        edgecolor="white",
        linewidth=0.5,
        label=f"latent dimensions{beyond}",
    )
    threshold = f"active below {recipes.ACTIVE_BELOW}"
    axis.axvline(recipes.ACTIVE_BELOW, color=GREY, linestyle="--", label=threshold)
    axis.set_xlabel(r"$\lambda_j$, mean of $\sigma_{z,j}^2$ over training images (unit of z)²")
    axis.set_ylabel("latent dimensions")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figures.legend(figure, [axis])
    numbers = {
        "lambda": np.asarray(lambda_, float).tolist(),
        "bin_edges": edges.tolist(),
        "counts": counts.tolist(),
        "active_below": recipes.ACTIVE_BELOW,
        "active": active,
    }
    figures.write(path, figure, numbers)


@figures.styled
def save_singular_values(path: str | os.PathLike, values: diagnostics.SingularValues) -> None:
    """Plots the spectra of draws from q(z), q(u) and N(0, I) (Figure 1, right)."""
    figure = Figure((figures.COLUMN, 2.5), layout="constrained")
    axis = figure.subplots()
    shown = {
        "normal": ("N(0, I)", {"color": GREY, "linestyle": "--", "linewidth": 2}),
        "z": ("stage 1: z ~ q(z)", {"color": BLUE, "marker": "o", "markersize": 2.5}),
        "u": ("stage 2: u ~ q(u)", {"color": ORANGE, "marker": "^", "markersize": 2.5}),
    }
    spectra = {name: s for name, s in values._asdict().items() if s is not None}
    for name, (label, style) in shown.items():
        if name in spectra:
            axis.plot(np.arange(1, len(spectra[name]) + 1), spectra[name], label=label, **style)
    axis.set_xlabel("index, from the greatest")
    axis.set_ylabel("singular value / √n")  # matplotlib never lets go of what it made for a \sqrt
    axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
    axis.grid(alpha=0.3, linewidth=0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figures.legend(figure, [axis])
    figures.write(path, figure, {name: s.tolist() for name, s in spectra.items()})


def save_noise_directions(path: str | os.PathLike, rows: Sequence[diagnostics.NoiseRow]) -> None:
    """Draws rows of images under noise with lambda_j and image variance beside (Figure 10)."""
    numbers = [
        {"dimension": row.dimension, "lambda": row.lambda_, "variance": row.variance}
        for row in rows
    ]
    image_rows.save(
        path,
        [
            ImageRow(rf"$\lambda$ = {r.lambda_:.3g}" + f"\nvariance {r.variance:.2g}", r.images)
            for r in rows
        ],
        {"rows": numbers},
        r"N(0, 1) noise along one dimension of $\mu_z$ a row, from least to greatest; "
        "variance in (0..1)²",
    )


def _columns(logs: Mapping[int, Log], names: Mapping[int, Sequence[str]]) -> dict:
    """Those columns of the logs that are there, for JSON."""
    return {
        f"stage{stage}": {name: list(log[name]) for name in names[stage] if name in log}
        for stage, log in sorted(logs.items())
    }


def _mark_drops(axis, log: Log, label: str | None) -> None:
    """A line before each epoch that starts with a lower learning rate than the last one."""
    rates = log["learning_rate"]
    for epoch, before, rate in zip(log["epoch"][1:], rates, rates[1:], strict=False):
        if rate < before:
            axis.axvline(epoch - 0.5, color=GREY, linestyle=":", linewidth=0.8, label=label)
