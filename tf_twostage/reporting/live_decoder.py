"""A run's decoder in the browser: its weights in 8 bits, for the script beside this file."""

import base64
import dataclasses
import json
import math
import pathlib

import keras
import numpy as np

from tf_twostage import files
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.models.layers import ZeroDebiasedBatchNormalization
from tf_twostage.models.networks import ImageDecoder
from tf_twostage.reporting import page
from tf_twostage.run_folder import RunFolder

MOST_BYTES = 4_000_000  # of the weights in a page; its pictures leave it below 5 MB
MOST_SLIDERS = 4096
DRAWS = 256  # latents behind each button
SCRIPT = pathlib.Path(__file__).with_suffix(".js")
ABSENT = (
    "This page has no live decoder: it takes a decoder of dense layers and deconvolutions whose "
    f"weights fill at most {MOST_BYTES / 1e6:.0f} MB of the page."
)
CAPTION = (
    "The decoder runs in this page, its weights rounded to 8 bits. Each slider is one latent "
    "dimension, and a button draws new latents."
)
ORDERED = (
    " The dimensions stand in the order of lambda: those near 0 change the image, those near 1 are "
    "superfluous and do nothing (Theorem 4, Figures 10 and 11)."
)
BUTTONS = {"1": "a new draw of stage 1", "2": "a new draw of both stages"}


@dataclasses.dataclass(frozen=True)
class Layer:
    """y = f(x * kernel + bias), where f(v) is v if v > 0, else slope v.

    Attributes:
      kernel: of a dense layer [m, n], of a deconvolution [k, k, n, m].
      bias: [n].
      slope: 1 where there is no activation, 0 for a ReLU.
      stride: of a deconvolution, else 0.
      size: (H, W) of what a deconvolution takes.
    """

    kernel: np.ndarray
    bias: np.ndarray
    slope: float = 1.0
    stride: int = 0
    size: tuple[int, int] = (0, 0)

    def scaled(self, scale: np.ndarray) -> np.ndarray:
        """The kernel, each output channel times its number in `scale` [n]."""
        return self.kernel * (scale[:, None] if self.stride else scale)

    def normalised(self, norm: ZeroDebiasedBatchNormalization) -> "Layer":
        """This layer and the batch norm after it in one."""
        gamma, beta, mean, variance, _ = norm.get_weights()
        scale = gamma / np.sqrt(variance + norm.epsilon)
        bias = (self.bias - mean) * scale + beta
        return dataclasses.replace(self, kernel=self.scaled(scale), bias=bias)

    def packed(self) -> dict:
        """For JSON: the kernel as int8 times a scale for each output channel."""
        others = (0, 1, 3) if self.stride else (0,)
        scale = np.maximum(np.abs(self.kernel).max(axis=others), 1e-30) / 127
        return {
            "kernel": _base64(np.round(self.scaled(1 / scale)).astype(np.int8)),
            "shape": self.kernel.shape,
            "scale": _base64(scale.astype("<f4")),
            "bias": _base64(self.bias.astype("<f4")),
            "slope": self.slope,
            "stride": self.stride,
            "size": self.size,
        }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def layers_of(decoder: keras.Model) -> list[Layer] | None:
    """The layers before the sigmoid, with the batch norms folded in.

    Returns:
      None where the decoder is more than a chain of dense layers and deconvolutions, or a user's.
    """
    if not isinstance(decoder, ImageDecoder):
        return None
    found = []
    for layer in decoder.body.layers:
        match layer:
            case keras.layers.Dense() | keras.layers.Conv2DTranspose():
                found.append(_linear(layer))
            case ZeroDebiasedBatchNormalization():
                found[-1] = found[-1].normalised(layer)
            case keras.layers.ReLU() | keras.layers.LeakyReLU():
                found[-1] = dataclasses.replace(found[-1], slope=float(layer.negative_slope))
            case keras.layers.Reshape():
                pass  # rows of numbers are stored in the same order
            case _:
                return None
    return found


def _linear(layer: keras.layers.Dense | keras.layers.Conv2DTranspose) -> Layer:
    slope = {keras.activations.linear: 1.0, keras.activations.relu: 0.0}[layer.activation]
    if isinstance(layer, keras.layers.Dense):
        return Layer(*layer.get_weights(), slope)
    return Layer(*layer.get_weights(), slope, layer.strides[0], layer.input.shape[1:3])


def write(folder: RunFolder, model: LatentModel, seed: int) -> None:
    """Writes the decoder and some draws of latents as JSON, where the page can hold them.

    Args:
      folder: the run folder.
      model: trained.
      seed: int >= 0, of the draws.
    """
    decoder = model.stage1.decoder
    layers = layers_of(decoder) if decoder.count_params() * 4 / 3 <= MOST_BYTES else None
    if layers is None:
        folder.live_decoder.unlink(missing_ok=True)  # of a former version
        return
    draws = {stage: model.sample_latents(DRAWS, seed, stage) for stage in sorted(model.trained)}
    content = {
        "image_shape": model.image_shape,
        "limit": math.ceil(max(np.abs(z).max() for z in draws.values())),
        "latent_dim": model.recipe.latent_dim,
        "draws": {stage: _base64(z.astype("<f4")) for stage, z in draws.items()},
        "layers": [layer.packed() for layer in layers],
    }
    files.replace_text(folder.live_decoder, json.dumps(content))


def html(folder: RunFolder, lambda_: object) -> str:
    """The live decoder of a run, or the line that says that there is none.

    Args:
      folder: the run folder.
      lambda_: what metrics.json has for lambda_j; sliders have their order where it is a number
        for each latent dimension.
    """
    stored = folder.read_live_decoder()
    if not _is_whole(stored):
        return page.missing(ABSENT)
    known = [value for value in page.as_list(lambda_) if page.is_number(value)]
    ordered = len(known) == stored["latent_dim"]
    data = stored | _sliders(known if ordered else None, stored["latent_dim"])
    data["draws"] = _buttons(stored["draws"])
    text = json.dumps(data).replace("<", "\\u003c")
    return (
        f"<p>{page.escape(CAPTION + (ORDERED if ordered else ''))}</p>"
        '<div class="live" id="live"></div><noscript>It needs JavaScript.</noscript>'
        f'<script type="application/json" id="live-data">{text}</script>'
        f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>"
    )


def _is_whole(stored: dict) -> bool:
    """Whether all that the script needs is there."""
    shape, kappa, draws = (stored.get(name) for name in ("image_shape", "latent_dim", "draws"))
    known = bool(draws) and set(draws) <= set(BUTTONS) and None not in draws.values()
    return known and shape is not None and len(shape) == 3 and 0 < (kappa or 0) <= MOST_SLIDERS


def _sliders(lambda_: list[float] | None, kappa: int) -> dict:
    """The latent dimension of each slider, and its label."""
    if lambda_ is None:
        return {"order": list(range(kappa)), "labels": [f"z {j + 1}" for j in range(kappa)]}
    order = sorted(range(kappa), key=lambda_.__getitem__)
    return {"order": order, "labels": [f"λ = {lambda_[j]:.2g}" for j in order]}


def _buttons(draws: dict[str, str]) -> list[dict]:
    """Name and latents of each button, the last stage's first."""
    names = BUTTONS if len(draws) > 1 else dict.fromkeys(draws, "a new draw")
    return [{"name": names[stage], "latents": draws[stage]} for stage in sorted(draws)[::-1]]
