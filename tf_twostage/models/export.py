"""Writes a trained model as a SavedModel for serving."""

import math
import os
import pathlib

import keras
import tensorflow as tf

from tf_twostage import files, recipes
from tf_twostage.models.latent_model import LatentModel

SEED = tf.TensorSpec([2], tf.int32, name="seed")
COUNT = tf.TensorSpec([], tf.int32, name="count")


def export_saved_model(model: LatentModel, path: str | os.PathLike) -> pathlib.Path:
    """Writes the SavedModel; a former one at `path` is replaced once the new one is whole.

    Signatures, all of float32 and images [N, H, W, C] in 0..1, latents [N, kappa]:
      generate(count int32 [], seed int32 [2]) -> images: 2-stage samples; also `serving_default`.
      generate_stage1(count, seed) -> images: samples from z ~ N(0, I).
      encode(images) -> mean, stddev; decode(latents) -> images.
      reconstruct(images) -> images: decoded at the posterior's mean, so that it has no noise.
    Of a two-stage VAE without a trained stage 2 there is no `generate`, and `generate_stage1` is
    the default. A GAN or WAE has one `generate` and no `generate_stage1`; a GAN has no `encode` and
    no `reconstruct`. N and count may be 0. Another shape or range is an InvalidArgument error, and
    serving goes on.

    Args:
      model: a model whose stage 1 at least is trained.
      path: a folder, for TensorFlow Serving one named by a version number.
    """
    archive = keras.export.ExportArchive()
    archive.track(model.stage1)
    if model.stage2:
        archive.track(model.stage2)
    for name, (function, signature) in _endpoints(model).items():
        archive.add_endpoint(name, function, input_signature=signature)

    def write(temporary: pathlib.Path) -> None:
        try:
            archive.write_out(temporary, verbose=False)
        except tf.errors.OpError as error:  # what TensorFlow makes of a full disk
            raise OSError(error.message) from error

    files.replace_folder(path, write)
    return pathlib.Path(path)


def _endpoints(model: LatentModel) -> dict:
    images = tf.TensorSpec([None, *model.image_shape], tf.float32, name="images")
    latents = tf.TensorSpec([None, model.recipe.latent_dim], tf.float32, name="latents")
    decoder, generators = _decoder(model), _generators(model)

    def encode(images):
        checked = _checked_images(images, model.image_shape)
        mean, stddev = _even_without_rows(model.stage1.encoder, checked)
        return {"mean": mean, "stddev": stddev}

    def decode(latents):
        return {"images": decoder(latents)}

    def reconstruct(images):
        return decode(encode(images)["mean"])

    encoding = {"encode": (encode, [images]), "reconstruct": (reconstruct, [images])}
    return {
        "serving_default": next(iter(generators.values())),
        **generators,
        "decode": (decode, [latents]),
        **(encoding if model.has_encoder else {}),
    }


def _generators(model: LatentModel) -> dict:
    """The signatures that sample, the default first."""
    if model.last_stage == 1:
        return {"generate": (_generator(model, 1), [COUNT, SEED])}
    first = {"generate_stage1": (_generator(model, 1), [COUNT, SEED])}
    if 2 not in model.trained:
        return first
    return {"generate": (_generator(model, 2), [COUNT, SEED]), **first}


def _generator(model: LatentModel, stage: int):
    kappa, decoder = model.recipe.latent_dim, _decoder(model)

    def generate(count, seed):
        seeds = tf.random.experimental.stateless_split(tf.ensure_shape(seed, [2]), 2)
        shape = tf.stack([tf.ensure_shape(count, []), kappa])
        z = tf.random.stateless_normal(shape, seeds[0])
        if isinstance(model.recipe, recipes.GANRecipe):
            z = tf.math.erf(z / math.sqrt(2))  # as `from_normal`: U(-1, 1)
        if stage == 2:
            noise = tf.random.stateless_normal(shape, seeds[1])
            z = model.stage2.draw(_even_without_rows(model.stage2.decoder, z), noise)
        return {"images": decoder(z)}

    return generate


def _decoder(model: LatentModel):
    kappa = model.recipe.latent_dim

    def decode(latents):
        latents = tf.ensure_shape(latents, [None, kappa])
        latents = tf.debugging.check_numerics(latents, "latents must be finite")
        return _even_without_rows(model.stage1.decoder, latents)

    return decode


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
