"""OneStageModel: a GAN or a Wasserstein autoencoder, to sample from."""

import math
from collections.abc import Callable

import keras
import numpy as np
from scipy import special

from tf_twostage import keras_settings, recipes
from tf_twostage.models import gans, wae
from tf_twostage.models.latent_model import LatentModel


class OneStageModel(LatentModel):
    """One decoder, whose latents z come from its prior: U(-1, 1) for a GAN, N(0, I) for a WAE.

    Args:
      recipe: a `GANRecipe` or a `WAERecipe`.
      image_shape: (H, W, C).
      seed: int; the same seed gives the same initial weights.
      synchronized: whether batch norm averages over the replicas of a strategy.
      predict: `predict(keras_model, batch)` in inference mode; None: on one device.
    """

    RECIPE = (recipes.GANRecipe, recipes.WAERecipe)

    @keras_settings.ours()
    def __init__(
        self,
        recipe: recipes.Recipe,
        image_shape: tuple[int, int, int],
        seed: int = 0,
        synchronized: bool = False,
        predict: Callable | None = None,
    ):
        super().__init__(recipe, image_shape, predict)
        keras.utils.set_random_seed(2 * seed)
        build = gans.build if isinstance(recipe, recipes.GANRecipe) else wae.build
        self.stage1 = build(recipe, self.image_shape, synchronized)

    def from_normal(self, noise: np.ndarray) -> np.ndarray:
        # P(|n| < a) = erf(a / sqrt(2)) for n ~ N(0, 1): so this is uniform in -1..1.
        return noise if self.has_encoder else special.erf(noise / np.float32(math.sqrt(2)))
