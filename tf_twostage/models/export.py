"""Writes a trained model as a SavedModel for serving."""

import os
import pathlib
from collections.abc import Mapping

import keras
import tensorflow as tf

from tf_twostage import files
from tf_twostage.models import signatures
from tf_twostage.models.latent_model import LatentModel


def export_saved_model(
    model: LatentModel, path: str | os.PathLike, beside: Mapping[str, str] | None = None
) -> pathlib.Path:
    """Writes the SavedModel; a former one at `path` is replaced once the new one is whole.

    It loads without this package. Signatures, all of float32, images [N, H, W, C] in 0..1 and
    latents [N, kappa]; N may be 0, and every input and output has the name it has here:
      generate(count int32 [], seed int32 [2]) -> images: 2-stage samples; also `serving_default`.
        The seed (s, 0) gives the images of `LatentModel.sample(count, seed=s)`.
      generate_stage1(count, seed) -> images: samples from z ~ N(0, I).
      generate_latents(count, seed) -> latents: what `generate` decodes.
      generate_png(count, seed) -> png_bytes [count]: the images of `generate`, each a PNG file.
      encode(images) -> mean, stddev; decode(latents) -> images.
      reconstruct(images) -> images: decoded at the posterior's mean, so that it has no noise.
      interpolate(first, second, steps int32 []) -> images [N, steps, H, W, C]: on the line between
        both posterior means.
    At most `signatures.MOST` images are generated in a call, and `signatures.MOST_STEPS` steps
    interpolated.

    Of a two-stage VAE without a trained stage 2 there is no `generate`, and `generate_stage1` is
    the default. A GAN or WAE has no `generate_stage1`; a GAN has no `encode`, `reconstruct` and
    `interpolate`.

    Args:
      model: a model whose stage 1 at least is trained.
      path: a folder, for TensorFlow Serving one named by a version number.
      beside: texts of further files, by their paths in that folder.

    Raises:
      WriteError: the folder cannot be written.
    """
    archive = keras.export.ExportArchive()
    archive.track(model.stage1)
    if model.stage2:
        archive.track(model.stage2)
    for name, (function, signature) in signatures.of(model).items():
        archive.add_endpoint(name, function, input_signature=signature)

    def write(temporary: pathlib.Path) -> None:
        try:
            archive.write_out(temporary, verbose=False)
        except tf.errors.OpError as error:  # what TensorFlow makes of a full disk
            raise OSError(error.message) from error
        for name, text in (beside or {}).items():
            files.replace_text(temporary / name, text)

    files.replace_folder(path, write)
    return pathlib.Path(path)
