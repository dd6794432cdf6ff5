"""What the page of a finished model shows: grids, figures, the decoder for the browser."""

import numpy as np

from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.diagnostics import Latents
from tf_twostage.models.inputs import as_float
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.reporting import grids, image_rows, live_decoder, plots
from tf_twostage.reporting.image_rows import ImageRow
from tf_twostage.run_folder import RunFolder

SAMPLES = 64  # in a grid of samples
PAIRS = 32  # originals with their reconstructions, at most
IN_A_ROW = 10  # images in a row of samples or reconstructions


def write(
    folder: RunFolder,
    model: LatentModel,
    latents: Latents | None,
    originals: np.ndarray | None,
    seed: int,
) -> None:
    """Writes whatever this kind of model has: grids of samples, curves, latent space, images.

    Args:
      folder: the run folder.
      model: trained; a second stage is shown where it is trained.
      latents: `diagnostics.latents` of it; None without an encoder.
      originals: uint8 [N, H, W, C], the first held-out images, at most `PAIRS`; None where they are
        not at hand: figures of them stay as they are.
      seed: int >= 0, of samples and noise.
    """
    write_samples(folder, model, seed)
    live_decoder.write(folder, model, seed)
    plots.write_curves(folder)
    if latents is None:
        return
    plots.save_lambda_histogram(folder.figures / "lambda.png", latents.lambda_)
    plots.save_singular_values(folder.figures / "singular_values.png", latents.spectra)
    if originals is not None:
        write_reconstructions(folder, model, originals, seed)
        rows = diagnostics.noise_along_directions(
            model, originals[0], seed=seed, lambda_=latents.lambda_
        )
        plots.save_noise_directions(folder.figures / "noise_directions.png", rows)


def write_samples(folder: RunFolder, model: LatentModel, seed: int) -> None:
    """A grid of samples of each stage, and a row of each in one figure (Figures 2-5)."""
    rows = []
    for stage in sorted(model.trained):
        samples = model.sample(SAMPLES, seed, stage)
        grids.save_grid(folder.images / f"samples_stage{stage}.png", samples)
        rows.append(ImageRow(f"stage {stage}", samples[:IN_A_ROW]))
    numbers = {"rows": [row.label for row in rows], "images_in_a_row": IN_A_ROW, "seed": seed}
    image_rows.save(folder.figures / "samples.png", rows, numbers)


def write_reconstructions(
    folder: RunFolder, model: LatentModel, originals: np.ndarray, seed: int
) -> None:
    """A grid of pairs, and some of them as two rows (Figures 6-9).

    Deviation: the paper shows training images. Held-out ones tell whether the manifold was found.
    """
    again = model.reconstruct(originals, seed)
    grids.save_pairs(folder.images / "reconstructions.png", as_float(originals), again)
    shown, images = as_float(originals)[:IN_A_ROW], again[:IN_A_ROW]
    errors = np.square(shown - images, dtype=np.float64).mean(axis=(1, 2, 3))
    rows = [
        ImageRow("held-out images", shown),
        ImageRow(f"reconstructions\nerror {errors.mean():.2g}", images),
    ]
    numbers = {"squared_errors": errors.tolist(), "mean": float(errors.mean()), "seed": seed}
    below = "error: squared, mean over pixels in 0..1"
    image_rows.save(folder.figures / "reconstructions.png", rows, numbers, below)
