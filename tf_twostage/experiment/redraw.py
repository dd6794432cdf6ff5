"""`--report RUN`: the figures and the page of a finished run again, from its folder alone."""

import pathlib

import numpy as np

from tf_twostage import sealed
from tf_twostage.data.storage import Storage
from tf_twostage.evaluation import diagnostics
from tf_twostage.evaluation.diagnostics import Latents
from tf_twostage.experiment import finished
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.models.networks import Posterior
from tf_twostage.reporting import grids, pictures, report
from tf_twostage.run_folder import RunFolder


def run(path: str) -> pathlib.Path:
    """Draws all figures and the page of a run, from its weights, posteriors, logs and grids.

    The held-out images that figures show are cut out of `images/reconstructions.png`. Where that
    file or the posteriors are gone or damaged, a printed line names the figures that stay as they
    are.

    Args:
      path: a run folder, `.../trial_000`.

    Returns:
      The page.

    Raises:
      InputError: no run there, it has not finished, or a file of it is damaged.
      WriteError: a file cannot be written.
    """
    folder, config, _, model = finished.load(path)
    seed = config["seed"]
    latents = _latents(folder, model, seed) if model.has_encoder else None
    originals = _originals(folder, config) if latents else None
    pictures.write(folder, model, latents, originals, seed)
    return report.write_report(folder)


def _latents(folder: RunFolder, model: LatentModel, seed: int) -> Latents | None:
    """None, and a line that says so, where the posteriors are gone or damaged."""
    paths = [folder.posterior(name) for name in Posterior._fields]
    for path in paths:
        fault = _fault(path)
        if fault:
            print(f"{path} is {fault}: the figures of the latent space stay as they are")
            return None
    posterior = Posterior(*map(Storage().read_npy, paths))
    return diagnostics.latents(model, posterior, seed)


def _fault(path: pathlib.Path) -> str | None:
    """What is wrong with a posterior's file; a former version's has no checksum and counts."""
    if not path.exists():
        return "missing"
    return "damaged" if sealed.check(path) is sealed.Seal.BROKEN else None


def _originals(folder: RunFolder, config: dict) -> np.ndarray | None:
    """The held-out images that were shown, uint8 [N, H, W, C]; None, and a line, without them."""
    images = config["dataset"]
    path = folder.images / "reconstructions.png"
    count = min(pictures.PAIRS, images["test"])
    pairs = grids.read_pairs(path, tuple(images["image_shape"]), count)
    if pairs is None:
        print(
            f"{path} is missing or of another version: without the held-out images in it, "
            "reconstructions and noise_directions stay as they are"
        )
        return None
    return pairs[0]
