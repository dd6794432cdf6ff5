"""LatentModel: what every generative model here offers to NumPy users, whatever trained it."""

import abc
import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tf_twostage import keras_settings, recipes
from tf_twostage.errors import InputError
from tf_twostage.models import inference, inputs, shapes, weights
from tf_twostage.models.inputs import as_float
from tf_twostage.models.networks import Posterior
from tf_twostage.run_folder import RunFolder

INFERENCE_BATCH = 1000


class LatentModel(abc.ABC):
    """A model whose images are decoded from latents z [kappa].

    Images are float32 [N, H, W, C] in 0..1 on the way out, and uint8 in 0..255 or float in 0..1 on
    the way in. N may be 0. Any other shape, dtype or range is an `InputError`, and the model is
    usable after it.

    Args:
      recipe: the setting.
      image_shape: (H, W, C).
      seed: int; the same seed gives the same initial weights.
      synchronized: whether batch norm averages over the replicas of a strategy.
      predict: `predict(keras_model, batch)` in inference mode; None: on one device.

    Attributes:
      stage1: a built Keras model with a `decoder`, and an `encoder` where it has one.
      stage2: the `GaussianVAE` of its latents; None where there is none.
      trained: the set of stages whose weights come from training.
      folder: the run folder that it was loaded from; None where it was not.
    """

    folder: RunFolder | None = None
    RECIPE: type | tuple[type, ...]  # the kinds of recipe that this class takes
    stage1: keras.Model
    stage2: keras.Model | None = None

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
        self._build(seed, synchronized)

    @abc.abstractmethod
    def _build(self, seed: int, synchronized: bool) -> None:
        """Makes the stages, with all their weights; see the arguments of the class."""

    @property
    def last_stage(self) -> int:
        """The stage that samples come from."""
        return 1 if self.stage2 is None else 2

    @property
    def has_encoder(self) -> bool:
        """Whether it can encode and reconstruct images."""
        return hasattr(self.stage1, "encoder")

    def stage(self, number: int) -> keras.Model:
        """Stage 1 or 2."""
        return (self.stage1, self.stage2)[number - 1]

    def trainee(self, number: int) -> keras.Model:
        """What is fitted in this stage."""
        return self.stage(number)

    def trained_by(self, number: int) -> tuple[int, ...]:
        """The stages whose weights come from fitting this one."""
        return (number,)

    def encode(self, images: np.ndarray) -> Posterior:
        """q(z|x) of images [N, H, W, C]: mean and stddev, float32 [N, kappa] each.

        Raises:
          InputError: bad images; the model has no encoder.
        """
        if not self.has_encoder:
            raise InputError(f"{self.recipe.model} has no encoder: it can only sample and decode")
        images = inputs.as_images(images, self.image_shape)
        return self._apply(self.stage1.encoder, images, as_float)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The decoder mean at latents z [N, kappa]: images float32 [N, H, W, C] in 0..1."""
        return self._apply(self.stage1.decoder, inputs.as_latents(z, self.recipe.latent_dim))

    def reconstruct(self, images: np.ndarray, seed: int = 0) -> np.ndarray:
        """The decoder mean at a draw z ~ q(z|x), as the authors score reconstructions."""
        mean, stddev = self.encode(images)
        return self.decode(mean + stddev * normal(mean.shape, seed))

    def interpolate(self, first: np.ndarray, second: np.ndarray, steps: int = 9) -> np.ndarray:
        """Images on the line between the posterior means of two images, both ends included.

        Args:
          first, second: images [N, H, W, C].
          steps: how many, >= 2.

        Returns:
          float32 [N, steps, H, W, C] in 0..1; the ends are decoded at the means.

        Raises:
          InputError: bad images, not as many of them, or fewer steps; the model has no encoder.
        """
        ends = [self.encode(images).mean[:, None] for images in (first, second)]  # [N, 1, kappa]
        if len(ends[0]) != len(ends[1]):
            raise InputError(f"{len(ends[0])} first images and {len(ends[1])} second ones")
        steps = inputs.as_count(steps, least=2, what="steps")
        part = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
        z = (1 - part) * ends[0] + part * ends[1]  # [N, steps, kappa]
        images = self.decode(z.reshape(-1, self.recipe.latent_dim))
        return images.reshape(len(z), steps, *self.image_shape)

    def sample(self, count: int, seed: int = 0, stage: int | None = None) -> np.ndarray:
        """`count` images, float32 [count, H, W, C] in 0..1; the same for the same seed.

        Args:
          count: how many, >= 0.
          seed: int >= 0.
          stage: of two stages, 2 for z ~ p(z|u) with u ~ N(0, I); 1 for z from stage 1's prior. By
            default the last one.

        Raises:
          InputError: a bad count; there is no such stage, or it is not trained.
        """
        return self.decode(self.sample_latents(count, seed, stage))

    def sample_latents(self, count: int, seed: int = 0, stage: int | None = None) -> np.ndarray:
        """The latents z behind `sample`, float32 [count, kappa]."""
        stage = self.last_stage if stage is None else stage
        inputs.check_stage(stage)
        if stage > self.last_stage:
            raise InputError(f"{self.recipe.model} has no stage {stage}")
        if stage not in self.trained:
            raise InputError(f"stage {stage} of this model is not trained: run --stage {stage}")
        generator = keras.random.SeedGenerator(seed)
        return self._sample((inputs.as_count(count), self.recipe.latent_dim), generator, stage)

    def from_normal(self, noise: np.ndarray) -> np.ndarray:
        """Latents z from stage 1's prior, made of draws from N(0, I) [N, kappa]."""
        return noise

    def _sample(
        self, shape: tuple[int, int], generator: keras.random.SeedGenerator, stage: int
    ) -> np.ndarray:
        """Latents z of this shape."""
        del stage
        return self.from_normal(normal(shape, generator))

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
        weights.save(self.stage(number), folder.weights(number))

    def save(self, path: str | os.PathLike) -> None:
        """Writes what `load` needs into a folder: the setting, and the weights of trained stages.

        Raises:
          InputError: the folder holds a run of another setting, or cannot be written.
        """
        folder = RunFolder(pathlib.Path(path).expanduser())
        if not folder.config.exists():
            images = {"image_shape": list(self.image_shape)}
            folder.open({"recipe": dataclasses.asdict(self.recipe), "dataset": images, "seed": 0})
        elif Setting.of(folder)[:2] != (self.recipe, self.image_shape):
            raise InputError(f"{folder} holds a run of another setting: choose another folder")
        for number in self.trained:
            self.save_stage(folder, number)

    def load_stage(self, folder: RunFolder, number: int) -> None:
        """Reads the weights of one stage from a run folder.

        Raises:
          InputError: the file is missing, damaged, or of another network.
        """
        path = folder.weights(number)
        if not path.exists():
            raise InputError(f"{path} is missing: stage {number} of this run has not finished")
        weights.load(self.stage(number), path)
        self.trained.add(number)

    @classmethod
    def load(cls, run: str | os.PathLike, **networks) -> "LatentModel":
        """The model of a run folder (`.../trial_000`), with every stage that has finished.

        Args:
          run: the folder.
          **networks: your own networks, where the recipe cannot find them by name.

        Raises:
          InputError: no run there, or of another kind of model; its config.json is damaged, or
            stage 1 has not finished.
        """
        folder = RunFolder(pathlib.Path(run).expanduser())
        setting = Setting.of(folder)
        if not isinstance(setting.recipe, cls.RECIPE):
            raise InputError(f"{folder} holds a {setting.recipe.model}: use tf_twostage.load")
        model = cls(*setting, **networks)
        model.load_stage(folder, 1)
        if 2 in folder.trained_stages():
            model.load_stage(folder, 2)
        model.folder = folder
        return model


class Setting(NamedTuple):
    """What a model is built of."""

    recipe: recipes.Recipe
    image_shape: tuple[int, int, int]
    seed: int

    @classmethod
    def of(cls, folder: RunFolder) -> "Setting":
        """That of a run.

        Raises:
          InputError: no run there, or its config.json is damaged.
        """
        config = folder.load_config()
        try:
            image_shape = tuple(config["dataset"]["image_shape"])
            setting = cls(recipes.from_config(config["recipe"]), image_shape, int(config["seed"]))
        except (KeyError, TypeError) as error:
            raise InputError(f"{folder.config} is damaged ({error!r}): restore it") from None
        shapes.check_image_shape(setting.recipe.network, image_shape)
        return setting


def normal(shape: tuple[int, ...], seed) -> np.ndarray:
    """N(0, 1), float32."""
    return ops.convert_to_numpy(keras.random.normal(shape, dtype="float32", seed=seed))
