"""The signatures of a SavedModel: what a client may call. Each checks its inputs in the graph.

Another shape, dtype, range or number is an InvalidArgument error with a message; serving goes on.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from tf_twostage import recipes
from tf_twostage.models.latent_model import LatentModel

MOST = 1000  # images that one call makes
MOST_STEPS = 100  # of an interpolation

SEED = tf.TensorSpec([2], tf.int32, name="seed")
COUNT = tf.TensorSpec([], tf.int32, name="count")
STEPS = tf.TensorSpec([], tf.int32, name="steps")

Signature = tuple[Callable, list[tf.TensorSpec]]  # a function, and what it takes


def of(model: LatentModel) -> dict[str, Signature]:
    """Those that this model has, the default among them; see `export_saved_model`."""
    generators = _generators(model)
    return {
        "serving_default": next(iter(generators.values())),
        **generators,
        "decode": (_decode(model), [_latents(model)]),
        **(_encoders(model) if model.has_encoder else {}),
    }


def _generators(model: LatentModel) -> dict[str, Signature]:
    """The signatures that sample, the default first."""
    last = max(model.trained)
    found = {}
    if last == model.last_stage:
        found["generate"] = _generate(model, last)
    if model.last_stage == 2:
        found["generate_stage1"] = _generate(model, 1)
    found |= {"generate_latents": _sample_latents(model, last), "generate_png": _png(model, last)}
    return {name: (function, [COUNT, SEED]) for name, function in found.items()}


def _encoders(model: LatentModel) -> dict[str, Signature]:
    images, first, second = (_images(model, name) for name in ("images", "first", "second"))
    return {
        "encode": (_encode(model), [images]),
        "reconstruct": (_reconstruct(model), [images]),
        "interpolate": (_interpolate(model), [first, second, STEPS]),
    }


def _images(model: LatentModel, name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None, *model.image_shape], tf.float32, name=name)


def _latents(model: LatentModel) -> tf.TensorSpec:
    return tf.TensorSpec([None, model.recipe.latent_dim], tf.float32, name="latents")


def _sample_latents(model: LatentModel, stage: int) -> Callable:
    """(count, seed) -> latents, as `LatentModel.sample_latents` draws them."""

    def sample_latents(count, seed):
        count = _within(count, 0, MOST, "count")
        shape = tf.stack([count, model.recipe.latent_dim])
        # Keras' generator with the seed s draws from (s, 0) and then from (s, 1), s modulo this.
        first, second = tf.unstack(tf.cast(tf.ensure_shape(seed, [2]), tf.int64))
        first = tf.math.floormod(first, tf.int32.max - 1)
        z = tf.random.stateless_normal(shape, tf.stack([first, 2 * second]))
        if isinstance(model.recipe, recipes.GANRecipe):
            z = tf.math.erf(z / math.sqrt(2))  # as `from_normal`: U(-1, 1)
        if stage == 2:
            noise = tf.random.stateless_normal(shape, tf.stack([first, 2 * second + 1]))
            z = model.stage2.draw(_even_without_rows(model.stage2.decoder, z), noise)
        return {"latents": z}

    return sample_latents


def _generate(model: LatentModel, stage: int) -> Callable:
    """(count, seed) -> images."""
    sample_latents, decode = _sample_latents(model, stage), _decode(model)
    return lambda count, seed: decode(sample_latents(count, seed)["latents"])


def _png(model: LatentModel, stage: int) -> Callable:
    """(count, seed) -> png_bytes. By its last five letters, a REST server sends it in base64."""
    generate = _generate(model, stage)

    def generate_png(count, seed):
        pixels = tf.cast(tf.round(255 * generate(count, seed)["images"]), tf.uint8)
        files = tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)
        return {"png_bytes": files}

    return generate_png


def _decode(model: LatentModel) -> Callable:
    def decode(latents):
        latents = tf.ensure_shape(latents, [None, model.recipe.latent_dim])
        latents = tf.debugging.check_numerics(latents, "latents must be finite")
        return {"images": _even_without_rows(model.stage1.decoder, latents)}

    return decode


def _encode(model: LatentModel) -> Callable:
    def encode(images):
        checked = _checked_images(images, model.image_shape)
        mean, stddev = _even_without_rows(model.stage1.encoder, checked)
        return {"mean": mean, "stddev": stddev}

    return encode


def _reconstruct(model: LatentModel) -> Callable:
    encode, decode = _encode(model), _decode(model)
    return lambda images: decode(encode(images)["mean"])


def _interpolate(model: LatentModel) -> Callable:
    encode, decode, kappa = _encode(model), _decode(model), model.recipe.latent_dim

    def interpolate(first, second, steps):
        steps = _within(steps, 2, MOST_STEPS, "steps")
        ends = [encode(images)["mean"][:, None] for images in (first, second)]  # [N, 1, kappa]
        message = "first and second must hold as many images"
        tf.debugging.assert_equal(*(tf.shape(end)[0] for end in ends), message)
        part = tf.linspace(0.0, 1.0, steps)[:, None]  # [steps, 1]
        z = (1 - part) * ends[0] + part * ends[1]  # [N, steps, kappa]
        images = decode(tf.reshape(z, [-1, kappa]))["images"]
        shape = [tf.shape(z)[0], steps, *model.image_shape]
        return {"images": tf.reshape(images, shape)}

    return interpolate


def _within(number, least: int, most: int, name: str):
    """An int32 [] in least..most."""
    number = tf.ensure_shape(number, [])
    inside = (number >= least) & (number <= most)
    check = tf.debugging.Assert(inside, [f"{name} must be in {least}..{most}, not", number])
    with tf.control_dependencies([check]):
        return tf.identity(number)


def _checked_images(images, image_shape):
    images = tf.ensure_shape(images, [None, *image_shape])
    inside = tf.reduce_all((images >= 0) & (images <= 1))  # False for NaN
    check = tf.debugging.Assert(inside, ["images must be float in 0..1"])
    with tf.control_dependencies([check]):
        return tf.identity(images)


def _even_without_rows(model, rows):
    """`model(rows)`; without rows, that of a row of zeros cut off: convolutions fail on none."""
    count = tf.shape(rows)[0]
    some = tf.cond(count > 0, lambda: rows, lambda: tf.zeros([1, *rows.shape[1:]]))
    some = tf.ensure_shape(some, rows.shape)
    return tf.nest.map_structure(lambda output: output[:count], model(some))
