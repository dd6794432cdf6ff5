"""Pictures: grids of images, pixel by pixel, and the plots behind the paper's Figures 1, 10, 11.

Every file is a PNG that appears whole or not at all: it is written under a temporary name first.
"""

import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image, ImageDraw, ImageFont

from tf_twostage import epoch_log, files, recipes
from tf_twostage.evaluation import diagnostics
from tf_twostage.models import two_stage

TILE = 80  # pixels: an image is enlarged by the least whole factor that makes it this wide
NOISE_TILE = 48  # pixels, likewise, where many images stand in a row
GUTTER = 4  # white pixels around every tile
PAIR_GAP = 16  # white pixels between one pair and the next
CAPTION = "each pair: original | reconstruction"
CAPTION_SIZE = 16  # pixels
WHITE = 255

DPI = 110
# Okabe and Ito's colours, told apart with any colour vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
SINGULAR_SAMPLES = 10_000  # latents behind the singular values

Log = Mapping[str, Sequence[float]]  # column -> a value an epoch, as `epoch_log.read_log` gives


def save_grid(path: str | os.PathLike, images: np.ndarray, columns: int | None = None) -> None:
    """Writes a grid of images as a PNG, row by row, with white gutters.

    Args:
      path: the file; its folder is made if absent.
      images: [N, H, W, C], N >= 1, C 1 (grey) or 3 (RGB); uint8 0..255, or float taken as 0..1
        and clipped to it.
      columns: tiles in a row; by default the least number that makes the grid no taller than wide.

    Raises:
      ValueError: images of another shape or type, or with values that are not finite.
    """
    tiles = _tiles(images)
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    _write_png(path, Image.fromarray(_mosaic(tiles, columns, GUTTER)))


def save_pairs(
    path: str | os.PathLike,
    originals: np.ndarray,
    reconstructions: np.ndarray,
    columns: int | None = None,
) -> None:
    """Writes each original with its reconstruction at its right, under a caption, as a PNG.

    Args:
      path: the file; its folder is made if absent.
      originals, reconstructions: [N, H, W, C] each, as in `save_grid`.
      columns: pairs in a row; by default about as many as make the picture square.

    Raises:
      ValueError: as `save_grid`; or the two differ in shape.
    """
    if np.shape(originals) != np.shape(reconstructions):
        raise ValueError(
            f"originals {np.shape(originals)} and reconstructions {np.shape(reconstructions)} "
            "differ in shape"
        )
    left, right = _tiles(originals), _tiles(reconstructions)
    between = np.full((*left.shape[:2], GUTTER, 3), WHITE, np.uint8)
    pairs = np.concatenate([left, between, right], axis=2)
    columns = columns or math.ceil(math.sqrt(len(pairs) / 2))
    _write_png(path, _captioned(_mosaic(pairs, columns, PAIR_GAP)))


def _tiles(images: np.ndarray, width: int = TILE) -> np.ndarray:
    """Images of `save_grid` -> uint8 RGB [N, kH, kW, 3], each pixel a k x k square, kW >= width."""
    images = np.asarray(images)
    if images.ndim != 4 or not images.size or images.shape[-1] not in (1, 3):
        raise ValueError(f"images must be [N, H, W, 1 or 3] with N >= 1, not {images.shape}")
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            raise ValueError("images hold values that are not finite")
        images = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    if images.dtype != np.uint8:
        raise ValueError(f"images must be uint8 or float, not {images.dtype}")
    factor = math.ceil(width / images.shape[2])
    enlarged = images.repeat(factor, axis=1).repeat(factor, axis=2)
    return np.broadcast_to(enlarged, (*enlarged.shape[:3], 3))


def _mosaic(tiles: np.ndarray, columns: int, gutter: int) -> np.ndarray:
    """Tiles uint8 [N, h, w, 3] -> one picture; cells beyond the last tile stay white."""
    count, height, width, _ = tiles.shape
    columns = min(columns, count)
    rows = math.ceil(count / columns)
    shape = (rows * (height + gutter) + gutter, columns * (width + gutter) + gutter, 3)
    picture = np.full(shape, WHITE, np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = gutter + row * (height + gutter), gutter + column * (width + gutter)
        picture[top : top + height, left : left + width] = tile
    return picture


def _captioned(picture: np.ndarray) -> Image.Image:
    """The picture with `CAPTION` above it, widened with white where the caption is wider."""
    font = ImageFont.load_default(CAPTION_SIZE)
    needed = math.ceil(font.getlength(CAPTION)) + 2 * PAIR_GAP
    strip = CAPTION_SIZE + PAIR_GAP
    height, width, _ = picture.shape
    page = Image.new("RGB", (max(width, needed), height + strip), "white")
    page.paste(Image.fromarray(picture), (0, strip))
    ImageDraw.Draw(page).text((PAIR_GAP, PAIR_GAP // 2), CAPTION, "black", font)
    return page


def _write_png(path: str | os.PathLike, image: Image.Image) -> None:
    files.replace_file(path, lambda temporary: image.save(temporary, "PNG", optimize=True))


def write_all(
    run: str | os.PathLike,
    model: two_stage.TwoStageVAE,
    test_images: np.ndarray,
    mean: np.ndarray,
    stddev: np.ndarray,
    seed: int = 0,
) -> list[pathlib.Path]:
    """Draws every figure of a run into `figures/` of its folder.

    Args:
      run: the run folder; `stage1.csv` and `stage2.csv` are read from it where they exist.
      model: stage 1 trained; stage 2 is shown where it is.
      test_images: held-out images [N, H, W, C], uint8 0..255 or float 0..1, N >= 1. The first
        one is shown under noise.
      mean, stddev: q(z|x) of the training images, [N, kappa] each.
      seed: int >= 0, of the noise and of the samples behind the singular values.

    Returns:
      The files written: losses.png and gamma.png (where there are logs), lambda.png,
      singular_values.png, noise_directions.png.
    """
    folder = pathlib.Path(run) / "figures"
    lambda_ = diagnostics.eigenvalues(stddev)
    spectra = diagnostics.singular_values(model, mean, stddev, SINGULAR_SAMPLES, seed)
    rows = diagnostics.noise_along_directions(model, test_images[0], seed=seed, lambda_=lambda_)
    save_lambda_histogram(folder / "lambda.png", lambda_)
    save_singular_values(folder / "singular_values.png", spectra)
    save_noise_directions(folder / "noise_directions.png", rows)
    written = ["lambda.png", "singular_values.png", "noise_directions.png"]
    if logs := read_logs(run):
        save_losses(folder / "losses.png", logs)
        save_gamma(folder / "gamma.png", logs)
        written = ["losses.png", "gamma.png", *written]
    return [folder / name for name in written]


def read_logs(run: str | os.PathLike) -> dict[int, Log]:
    """The logs of a run folder: stage -> columns, for each stage with at least one epoch."""
    logs = {stage: epoch_log.read_log(pathlib.Path(run) / f"stage{stage}.csv") for stage in (1, 2)}
    return {stage: log for stage, log in logs.items() if log}


def save_losses(path: str | os.PathLike, logs: Mapping[int, Log]) -> None:
    """Plots both terms of equation (2), nats per example, over the epochs of each stage in `logs`.

    Log columns: epoch, kl, reconstruction, learning_rate.
    """
    figure = Figure((5 * len(logs), 5.5), layout="constrained")
    figure.suptitle("Terms of the loss, equation (2)")
    axes = figure.subplots(2, len(logs), sharex="col", squeeze=False)
    for (upper, lower), (stage, log) in zip(axes.T, sorted(logs.items()), strict=True):
        upper.set_title(f"stage {stage}", fontsize="medium")
        _curve(upper, log, "kl", "KL divergence", BLUE)
        _curve(lower, log, "reconstruction", "reconstruction, -log p", ORANGE)
        _mark_halvings(upper, log, label=None)
        _mark_halvings(lower, log)
        upper.set_ylabel("nats per example")
        lower.set_ylabel("nats per example")
        _epochs(lower)
    figure.align_ylabels()
    _legend(figure, axes)
    _write_figure(path, figure)


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
    _write_figure(path, figure)


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
    _write_figure(path, figure)


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
    _write_figure(path, figure)


def save_noise_directions(path: str | os.PathLike, rows: Sequence[diagnostics.NoiseRow]) -> None:
    """Draws rows of images under noise with lambda_j and image variance beside (Figure 10)."""
    tiles = np.concatenate([_tiles(row.images, NOISE_TILE) for row in rows])
    picture = _mosaic(tiles, len(rows[0].images), GUTTER)
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
    _write_figure(path, figure)


def _curve(axis, log: Log, column: str, label: str, color: str) -> None:
    few = {"marker": "o", "markersize": 3} if len(log["epoch"]) < 50 else {}
    axis.plot(log["epoch"], log[column], color=color, label=label, **few)
    axis.grid(alpha=0.3)


def _mark_halvings(axis, log: Log, label: str | None = "learning rate halved") -> None:
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


def _write_figure(path: str | os.PathLike, figure: Figure) -> None:
    FigureCanvasAgg(figure)
    files.replace_file(path, lambda temporary: figure.savefig(temporary, format="png", dpi=DPI))
