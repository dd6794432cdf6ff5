"""The weights behind tests/fixtures/infogan_28x28x1.npz: a function of a variable's name and shape.

The file holds what the authors' InfoGAN graph (28 x 28 x 1, batch 8) computes when every variable
has the value that `value` gives for its name in that graph, so no weights need storing.
"""

import zlib

import numpy as np

FILE = "infogan_28x28x1.npz"

BATCH_NORMS = (
    "stage1/encoder/bn2_w",
    "stage1/encoder/bn3_w",
    "stage1/decoder/bn1_w",
    "stage1/decoder/bn2_w",
    "stage1/decoder/bn3_w",
)
# Official scope, names of kernel and bias, name of u (spectrally normalised layers only).
STAGE1_LAYERS = (
    ("stage1/encoder/conv1", "w", "biases", "w0"),
    ("stage1/encoder/conv2", "w", "biases", "w0"),
    ("stage1/encoder/fc3", "Matrix", "bias", "Matrix0"),
    ("stage1/encoder/en4", "Matrix", "bias", "Matrix0"),
    ("stage1/decoder/fc1", "Matrix", "bias", None),
    ("stage1/decoder/fc2", "Matrix", "bias", None),
    ("stage1/decoder/conv3", "w", "biases", None),
    ("stage1/decoder/conv4", "w", "biases", None),
)
STAGE2_LAYERS = tuple(
    (f"stage2/{scope}", "kernel", "bias", None)
    for scope in (
        *(f"encoder/{name}" for name in ("fc0", "fc1", "fc2", "mu_u", "logsd_u")),
        *(f"decoder/{name}" for name in ("fc0", "fc1", "fc2", "z_hat")),
    )
)


def _rng(text: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(text.encode()))


def value(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The value of the official variable `name`."""
    rng, leaf = _rng(name), name.split("/")[-1]
    if leaf in ("loggamma_x", "loggamma_z"):
        return np.array({"loggamma_x": -0.7, "loggamma_z": -0.4}[leaf])
    if leaf == "variance":
        return rng.uniform(0.5, 1.5, shape)
    if leaf == "gamma":
        return rng.uniform(0.8, 1.2, shape)
    if leaf == "u_var":
        return rng.normal(size=shape)
    if len(shape) < 2:
        return 0.1 * rng.normal(size=shape)
    transposed = len(shape) == 4 and ("/conv3/" in name or "/conv4/" in name)
    fan_in = shape[-1] * 4 if transposed else int(np.prod(shape[:-1]))
    return rng.normal(size=shape) / np.sqrt(fan_in)


def direction(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The direction along which the reference stores a gradient's inner product."""
    return _rng("direction " + name).normal(size=shape)


def layers_in_order(model) -> list:
    """The layers of encoder and decoder, heads last, as the tables above list them."""
    found = []
    for half in (model.encoder, model.decoder):
        heads = [getattr(half, name) for name in ("mean", "log_stddev") if hasattr(half, name)]
        found += [*half.body.layers, *heads]
    return found


def variables(model, stage: int) -> dict:
    """Official name -> variable of our model, for everything that has a counterpart."""
    found = {}
    layers = STAGE1_LAYERS if stage == 1 else STAGE2_LAYERS
    ours = [layer for layer in layers_in_order(model) if hasattr(layer, "kernel")]
    for (scope, kernel, bias, u), layer in zip(layers, ours, strict=True):
        found[f"{scope}/{kernel}"] = layer.kernel
        found[f"{scope}/{bias}"] = layer.bias
        if u:
            found[f"{scope}/{scope}/{u}/u_var"] = layer.u
    norms = [layer for layer in layers_in_order(model) if hasattr(layer, "moving_mean")]
    for scope, layer in zip(BATCH_NORMS if stage == 1 else (), norms, strict=True):
        found[f"{scope}/mean"] = layer.moving_mean
        found[f"{scope}/variance"] = layer.moving_variance
        found[f"{scope}/beta"] = layer.beta
        found[f"{scope}/gamma"] = layer.gamma
    found[f"stage{stage}/decoder/loggamma_{'xz'[stage - 1]}"] = model.log_sd_x
    return found


def assign(model, stage: int) -> dict:
    """Gives every variable of `model` its official value; returns `variables(model, stage)`."""
    found = variables(model, stage)
    for name, variable in found.items():
        variable.assign(value(name, tuple(variable.shape)))
    for layer in layers_in_order(model):
        if hasattr(layer, "steps"):
            layer.steps.assign(1e6)  # zero-debiasing has faded
    return found
