"""TwoStageVAE: encode, decode, reconstruct, sample (section 4 of the paper); save and load."""

import io
import os
import pathlib
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from tf_twostage import files, keras_settings, recipes
from tf_twostage.errors import InputError
from tf_twostage.models import inference, inputs, latent_networks, networks
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.inputs import as_float
from tf_twostage.models.networks import Posterior
from tf_twostage.run_folder import RunFolder

INFERENCE_BATCH = 1000


class TwoStageVAE:
    """Both stages of one setting.

    Stage 1 models images x with latents z; stage 2 models those z with latents u. Samples go
    u ~ N(0, I), z ~ p(z|u), x = the decoder mean at z. Images are float32 [N, H, W, C] in 0..1 on
    the way out, and uint8 in 0..255 or float in 0..1 on the way in. N may be 0. Any other shape,
    dtype or range is an `InputError`, and the model is usable after it.

    Args:
      recipe: the setting.
      image_shape: (H, W, C).
      seed: int; the same seed gives the same initial weights.
      synchronized: whether batch norm averages over the replicas of a strategy.
      predict: `predict(keras_model, batch)` in inference mode; None: on one device.

    Attributes:
      stage1, stage2: `GaussianVAE`s, built.
      trained: the set of stages whose weights come from training.
    """

    @keras_settings.ours()
    def __init__(
        self,
        recipe: recipes.Recipe,
        image_shape: tuple[int, int, int],
        seed: int = 0,
        synchronized: bool = False,
        predict: Callable | None = None,
    ):
        self.recipe = recipe
        self.image_shape = tuple(image_shape)
        self.trained: set[int] = set()
        self.predict = predict or inference.Predictor()
        # Each stage draws its initial weights from a seed of its own, whatever else was built.
        keras.utils.set_random_seed(2 * seed)
        first = networks.first_stage(recipe, self.image_shape, synchronized)
        self.stage1 = GaussianVAE(
            *first,
            recipe.latent_dim,
            learn_gamma=recipe.learn_gamma,
            likelihood=recipe.likelihood,
            seed=seed,
        ).build_for(self.image_shape)
        keras.utils.set_random_seed(2 * seed + 1)
        second = latent_networks.second_stage(recipe)
        self.stage2 = GaussianVAE(
            *second, recipe.latent_dim, log_sd_x=recipe.stage2_log_sd, seed=seed
        ).build_for((recipe.latent_dim,))

    def stage(self, number: int) -> GaussianVAE:
        """Stage 1 or 2."""
        return (self.stage1, self.stage2)[number - 1]

    def encode(self, images: np.ndarray) -> Posterior:
        """q(z|x) of images [N, H, W, C]: mean and stddev, float32 [N, kappa] each."""
        images = inputs.as_images(images, self.image_shape)
        return self._apply(self.stage1.encoder, images, as_float)

    def encode_latents(self, z: np.ndarray) -> Posterior:
        """q(u|z) of latents z [N, kappa]: mean and stddev, float32 [N, kappa] each."""
        return self._apply(self.stage2.encoder, inputs.as_latents(z, self.recipe.latent_dim))

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The decoder mean at latents z [N, kappa]: images float32 [N, H, W, C] in 0..1."""
        return self._apply(self.stage1.decoder, inputs.as_latents(z, self.recipe.latent_dim))

    def reconstruct(self, images: np.ndarray, seed: int = 0) -> np.ndarray:
        """The decoder mean at a draw z ~ q(z|x), as the authors score reconstructions."""
        mean, stddev = self.encode(images)
        return self.decode(mean + stddev * _normal(mean.shape, seed))

    def sample(self, count: int, seed: int = 0, stage: int = 2) -> np.ndarray:
        """`count` images, float32 [count, H, W, C] in 0..1; the same for the same seed.

        Args:
          count: how many, >= 0.
          seed: int >= 0.
          stage: 2 for z ~ p(z|u) with u ~ N(0, I); 1 for z ~ N(0, I).

        Raises:
          InputError: a bad count; that stage is not trained.
        """
        return self.decode(self.sample_latents(count, seed, stage))

    def sample_latents(self, count: int, seed: int = 0, stage: int = 2) -> np.ndarray:
        """The latents z behind `sample`, float32 [count, kappa]."""
        inputs.check_stage(stage)
        if stage not in self.trained:
            raise InputError(f"stage {stage} of this model is not trained: run --stage {stage}")
        shape = (inputs.as_count(count), self.recipe.latent_dim)
        generator = keras.random.SeedGenerator(seed)
        first = _normal(shape, generator)
        return first if stage == 1 else self.latents_from(first, _normal(shape, generator))

    def latents_from(self, u: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """z ~ p(z|u) for u and noise, both draws from N(0, I): float32 [N, kappa]."""
        u = inputs.as_latents(u, self.recipe.latent_dim)
        noise = inputs.as_latents(noise, self.recipe.latent_dim, "noise")
        if len(u) != len(noise):
            raise InputError(f"{len(u)} latents need as many rows of noise, not {len(noise)}")
        return self.stage2.draw(self._apply(self.stage2.decoder, u), noise)

    def _apply(self, model: keras.Model, rows: np.ndarray, convert: Callable = np.asarray):
        """`model` in inference mode for rows [N, ...], a thousand at a time; its outputs joined."""
        starts = range(0, max(1, len(rows)), INFERENCE_BATCH)
        parts = [
            self._predict(model, convert(rows[start : start + INFERENCE_BATCH])) for start in starts
        ]
        return keras.tree.map_structure(lambda *columns: np.concatenate(columns), *parts)

    def _predict(self, model: keras.Model, batch: np.ndarray):
        """`predict`; without rows, that of a row of zeros cut off: convolutions fail on none."""
        if len(batch):
            return self.predict(model, batch)
        one = self.predict(model, np.zeros((1, *batch.shape[1:]), np.float32))
        return keras.tree.map_structure(lambda output: output[:0], one)

    def save_stage(self, folder: RunFolder, number: int) -> None:
        """Writes the weights of one finished stage into a run folder, atomically."""
        save_weights(self.stage(number), folder.weights(number))

    def load_stage(self, folder: RunFolder, number: int) -> None:
        """Reads the weights of one stage from a run folder.

        Raises:
          InputError: the file is missing, damaged, or of another network.
        """
        path = folder.weights(number)
        if not path.exists():
            raise InputError(f"{path} is missing: stage {number} of this run has not finished")
        load_weights(self.stage(number), path)
        self.trained.add(number)

    @classmethod
    def load(cls, run: str | os.PathLike) -> "TwoStageVAE":
        """The model of a run folder (`.../trial_000`), with every stage that has finished.

        Raises:
          InputError: no run there, its config.json is damaged, or stage 1 has not finished.
        """
        folder = RunFolder(pathlib.Path(run).expanduser())
        config = folder.load_config()
        try:
            recipe, seed = recipes.from_config(config["recipe"]), config["seed"]
            image_shape = config["dataset"]["image_shape"]
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder.config} is damaged ({error!r}): restore it") from None
        model = cls(recipe, tuple(image_shape), seed)
        model.load_stage(folder, 1)
        if 2 in folder.trained_stages():
            model.load_stage(folder, 2)
        return model


class _Memory(io.BytesIO):
    """A file in memory. Keras knows files of weights by their name."""

    def __str__(self) -> str:
        return "memory.weights.h5"


def save_weights(model: keras.Model, path: pathlib.Path) -> None:
    """Writes weights (and, of a compiled model, its optimiser's state), whole or not at all.

    By way of memory: HDF5 itself crashes the process where a disk is full.
    """
    memory = _Memory()
    model.save_weights(memory)
    files.replace_file(path, lambda temporary: temporary.write_bytes(memory.getbuffer()))


def load_weights(model: keras.Model, path: pathlib.Path) -> None:
    """Reads what `save_weights` wrote; `InputError` where it is damaged or does not fit."""
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is damaged or of another network ({reason}): delete it") from None


def _normal(shape: tuple[int, ...], seed) -> np.ndarray:
    return ops.convert_to_numpy(keras.random.normal(shape, dtype="float32", seed=seed))
