"""The plots behind the paper's Figures 1, 10 and 11, as PNGs."""

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tf_twostage import epoch_log, files, recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.models.networks import Posterior
from tf_twostage.reporting.grids import GUTTER, mosaic, tiles_of
from tf_twostage.run_folder import RunFolder

NOISE_TILE = 48  # pixels: images under noise are enlarged to this width at least

DPI = 110
# Okabe and Ito's colours, told apart with any colour vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
COLORS = (BLUE, ORANGE, GREEN, GREY)
LABELS = {  # a term of a loss -> what the plot calls it, its unit
    "kl": ("KL divergence", "nats per example"),
    "reconstruction": ("reconstruction, -log p", "nats per example"),
    "d_loss": ("discriminator's loss", ""),
    "g_loss": ("generator's loss", ""),
    "adversary": ("adversary's loss", ""),
}
SINGULAR_SAMPLES = 10_000  # latents behind the singular values

Log = Mapping[str, Sequence[float]]  # column -> a value an epoch


def write_curves(folder: RunFolder) -> None:
    """Draws the terms of the loss over training, and gamma where there is one."""
    logs = folder.read_logs()
    if logs:
        save_losses(folder.figures / "losses.png", logs)
    if any("gamma" in log for log in logs.values()):
        save_gamma(folder.figures / "gamma.png", logs)


def write_latent_space(
    folder: RunFolder,
    model: LatentModel,
    image: np.ndarray,
    posterior: Posterior,
    lambda_: np.ndarray,
    seed: int = 0,
) -> None:
    """Draws lambda.png, singular_values.png and noise_directions.png of a model with an encoder.

    Args:
      folder: the run folder.
      model: stage 1 trained; stage 2 is shown where it is.
      image: [H, W, C], uint8 0..255 or float 0..1, shown under noise.
      posterior: q(z|x) of the training images, [N, kappa] each.
      lambda_: [kappa], `diagnostics.eigenvalues` of it.
      seed: int >= 0, of the noise and of the samples behind the singular values.
    """
    spectra = diagnostics.singular_values(model, *posterior, SINGULAR_SAMPLES, seed)
    rows = diagnostics.noise_along_directions(model, image, seed=seed, lambda_=lambda_)
    save_lambda_histogram(folder.figures / "lambda.png", lambda_)
    save_singular_values(folder.figures / "singular_values.png", spectra)
    save_noise_directions(folder.figures / "noise_directions.png", rows)


def save_losses(path: str | os.PathLike, logs: Mapping[int, Log]) -> None:
    """Plots every term of the loss over the epochs of each stage in `logs`, a row a term.

    Log columns: epoch, learning_rate, and the terms: for a VAE those of equation (2), kl and
    reconstruction, nats per example.
    """
    terms = {stage: [t for t in log if t not in epoch_log.FACTS] for stage, log in logs.items()}
    rows = max(map(len, terms.values()))
    figure = Figure((5 * max(len(logs), 1.4), 2.75 * rows), layout="constrained")
    figure.suptitle("Terms of the loss")
    axes = figure.subplots(rows, len(logs), sharex="col", squeeze=False)
    for column, (stage, log) in zip(axes.T, sorted(logs.items()), strict=True):
        column[0].set_title(f"stage {stage}", fontsize="medium")
        for axis, term, color in zip(column, terms[stage], COLORS, strict=False):
            label, unit = LABELS.get(term, (term, ""))
            _curve(axis, log, term, label, color)
            axis.set_ylabel(unit)
            _mark_drops(axis, log, "learning rate lowered" if term == terms[stage][-1] else None)
        for axis in column[len(terms[stage]) :]:
            axis.set_axis_off()
        _epochs(column[-1])
    figure.align_ylabels()
    _legend(figure, axes)
    write_figure(path, figure)


def save_gamma(path: str | os.PathLike, logs: Mapping[int, Log]) -> None:
    """Plots gamma, the decoder's variance, over the epochs of each stage (Figure 1, left).

    Log columns: epoch, gamma.
    """
    figure = Figure((7, 4), layout="constrained")
    axis = figure.subplots()
    axis.set_title("Decoder variance gamma (Figure 1, left)")
    for stage, color in ((1, BLUE), (2, ORANGE)):
        if stage in logs:
            _curve(axis, logs[stage], "gamma", f"stage {stage}", color)
    axis.set_yscale("log")
    unit = "pixels in 0..1; latents as they are" if 2 in logs else "pixels in 0..1"
    axis.set_ylabel(f"gamma, a variance, log scale\n({unit})")
    _epochs(axis)
    _legend(figure, [axis])
    write_figure(path, figure)


def save_lambda_histogram(path: str | os.PathLike, lambda_: np.ndarray) -> None:
    """Plots the histogram of lambda_j [kappa] with the threshold of activity (Figure 11)."""
    figure = Figure((7, 4), layout="constrained")
    axis = figure.subplots()
    active = diagnostics.active_dimensions(lambda_)
    axis.set_title(f"{active} of {len(lambda_)} latent dimensions are active (Figure 11)")
    top = 0.05 * math.ceil(max(1.05, float(np.max(lambda_)) + 0.01) / 0.05)
    bins = np.linspace(0, top, round(top / 0.05) + 1)
    axis.hist(lambda_, bins, color=BLUE, edgecolor="white", label="latent dimensions")
    threshold = f"active below {recipes.ACTIVE_BELOW}"
    axis.axvline(recipes.ACTIVE_BELOW, color=GREY, linestyle="--", label=threshold)
    axis.set_xlabel("lambda_j: posterior variance sd_z² of dimension j, mean over training images")
    axis.set_ylabel("latent dimensions")
    axis.yaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(figure, [axis])
    write_figure(path, figure)


def save_singular_values(path: str | os.PathLike, values: diagnostics.SingularValues) -> None:
    """Plots the spectra of samples of q(z), q(u) and N(0, I) (Figure 1, right)."""
    figure = Figure((7, 4), layout="constrained")
    axis = figure.subplots()
    axis.set_title("Singular values of latent samples (Figure 1, right)")
    for spectrum, label, style in (
        (values.normal, "i.i.d. N(0, I)", {"color": GREY, "linestyle": "--", "linewidth": 3}),
        (values.z, "stage 1: z ~ q(z)", {"color": BLUE, "marker": "o", "markersize": 4}),
        (values.u, "stage 2: u ~ q(u)", {"color": ORANGE, "marker": "^", "markersize": 4}),
    ):
        if spectrum is not None:
            axis.plot(np.arange(1, len(spectrum) + 1), spectrum, label=label, **style)
    axis.set_xlabel("index, from the greatest")
    axis.set_ylabel("singular value / sqrt(samples)")
    axis.set_ylim(0, 1.05 * axis.get_ylim()[1])
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    _legend(figure, [axis])
    write_figure(path, figure)


def save_noise_directions(path: str | os.PathLike, rows: Sequence[diagnostics.NoiseRow]) -> None:
    """Draws rows of images under noise with lambda_j and image variance beside (Figure 10)."""
    tiles = np.concatenate([tiles_of(row.images, NOISE_TILE) for row in rows])
    picture = mosaic(tiles, len(rows[0].images), GUTTER)
    height, width, _ = picture.shape
    left, margin = 180, 50  # pixels; the picture itself is not resampled
    full_width, full_height = left + width + 10, height + 2 * margin
    figure = Figure((full_width / DPI, full_height / DPI))
    box = (left / full_width, margin / full_height, width / full_width, height / full_height)
    axis = figure.add_axes(box)
    axis.imshow(picture, interpolation="nearest")
    axis.set_title("One image under N(0, 1) noise along one latent direction a row (Figure 10)")
    axis.set_xlabel("noise added to mu_z: the same draws in every row, from least to greatest")
    labels = [f"lambda = {row.lambda_:.3g}\nvariance {row.variance:.2g}" for row in rows]
    axis.set_yticks((np.arange(len(rows)) + 0.5) * height / len(rows), labels)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    write_figure(path, figure)


def _curve(axis, log: Log, column: str, label: str, color: str) -> None:
    few = {"marker": "o", "markersize": 3} if len(log["epoch"]) < 50 else {}
    axis.plot(log["epoch"], log[column], color=color, label=label, **few)
    axis.grid(alpha=0.3)


def _mark_drops(axis, log: Log, label: str | None) -> None:
    """A line before each epoch that starts with a lower learning rate than the last one."""
    rates = log["learning_rate"]
    for epoch, before, rate in zip(log["epoch"][1:], rates, rates[1:], strict=False):
        if rate < before:
            axis.axvline(epoch - 0.5, color=GREY, linestyle=":", label=label)


def _epochs(axis) -> None:
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _legend(figure: Figure, axes) -> None:
    """One legend below all axes, each label once."""
    pairs = [axis.get_legend_handles_labels() for axis in np.ravel(axes)]
    unique = {
        label: handle
        for handles, labels in pairs
        for handle, label in zip(handles, labels, strict=True)
    }
    figure.legend(unique.values(), unique.keys(), loc="outside lower center", ncols=len(unique))


def write_figure(path: str | os.PathLike, figure: Figure) -> None:
    """Writes a figure as a PNG, whole or not at all."""
    FigureCanvasAgg(figure)
    files.replace_file(path, lambda temporary: figure.savefig(temporary, format="png", dpi=DPI))
