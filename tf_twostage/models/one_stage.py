"""OneStageModel: a GAN or a Wasserstein autoencoder, to sample from."""

import math

import keras
import numpy as np
from scipy import special

from tf_twostage import recipes
from tf_twostage.models import gans, wae
from tf_twostage.models.latent_model import LatentModel


class OneStageModel(LatentModel):
    """One decoder, whose latents z come from its prior: U(-1, 1) for a GAN, N(0, I) for a WAE.

    Its recipe is a `GANRecipe` or a `WAERecipe`; see `LatentModel` for the rest.
    """

    RECIPE = (recipes.GANRecipe, recipes.WAERecipe)

    def _build(self, seed: int, synchronized: bool) -> None:
        keras.utils.set_random_seed(2 * seed)
        make = gans.build if isinstance(self.recipe, recipes.GANRecipe) else wae.build
        self.stage1 = make(self.recipe, self.image_shape, synchronized)

    def from_normal(self, noise: np.ndarray) -> np.ndarray:
        # P(|n| < a) = erf(a / sqrt(2)) for n ~ N(0, 1): so this is uniform in -1..1.
        return noise if self.has_encoder else special.erf(noise / np.float32(math.sqrt(2)))
