"""Writes a trained model as a SavedModel for serving."""

import os
import pathlib

import keras
import tensorflow as tf

from tf_twostage import files
from tf_twostage.models.two_stage import TwoStageVAE

SEED = tf.TensorSpec([2], tf.int32, name="seed")
COUNT = tf.TensorSpec([], tf.int32, name="count")


def export_saved_model(model: TwoStageVAE, path: str | os.PathLike) -> pathlib.Path:
    """Writes the SavedModel; a former one at `path` is replaced once the new one is whole.

    Signatures, all of float32 and images [N, H, W, C] in 0..1, latents [N, kappa]:
      generate(count int32 [], seed int32 [2]) -> images: 2-stage samples; also `serving_default`.
      generate_stage1(count, seed) -> images: samples from z ~ N(0, I).
      encode(images) -> mean, stddev; decode(latents) -> images.
      reconstruct(images) -> images: decoded at the posterior's mean, so that it has no noise.
    Without a trained stage 2 there is no `generate`, and `generate_stage1` is the default.

    Args:
      model: a model whose stage 1 at least is trained.
      path: a folder, for TensorFlow Serving one named by a version number.
    """
    archive = keras.export.ExportArchive()
    archive.track(model.stage1)
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


def _endpoints(model: TwoStageVAE) -> dict:
    images = tf.TensorSpec([None, *model.image_shape], tf.float32, name="images")
    latents = tf.TensorSpec([None, model.recipe.latent_dim], tf.float32, name="latents")
    generators = {"generate_stage1": (_generator(model, 1), [COUNT, SEED])}
    if 2 in model.trained:
        generators["generate"] = (_generator(model, 2), [COUNT, SEED])
    default = generators["generate" if 2 in model.trained else "generate_stage1"]

    def encode(images):
        mean, stddev = model.stage1.encoder(images)
        return {"mean": mean, "stddev": stddev}

    def decode(latents):
        return {"images": model.stage1.decoder(latents)}

    def reconstruct(images):
        return {"images": model.stage1.decoder(model.stage1.encoder(images).mean)}

    return {
        "serving_default": default,
        **generators,
        "encode": (encode, [images]),
        "decode": (decode, [latents]),
        "reconstruct": (reconstruct, [images]),
    }


def _generator(model: TwoStageVAE, stage: int):
    def generate(count, seed):
        shape = tf.stack([count, model.recipe.latent_dim])
        seeds = tf.random.experimental.stateless_split(seed, 2)
        z = tf.random.stateless_normal(shape, seeds[0])
        if stage == 2:
            noise = tf.random.stateless_normal(shape, seeds[1])
            z = model.stage2.draw(model.stage2.decoder(z), noise)
        return {"images": model.stage1.decoder(z)}

    return generate
