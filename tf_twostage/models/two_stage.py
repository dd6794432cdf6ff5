"""TwoStageVAE: encode, decode, reconstruct, sample (section 4 of the paper)."""

import dataclasses

import keras
import numpy as np

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.models import custom, custom_networks, inputs, latent_networks, networks
from tf_twostage.models.ablations import Autoencoder, JointVAE
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.latent_model import LatentModel, normal
from tf_twostage.models.networks import Posterior


class TwoStageVAE(LatentModel):
    """Both stages of one setting.

    Stage 1 models images x with latents z; stage 2 models those z with latents u. Samples go
    u ~ N(0, I), z ~ p(z|u), x = the decoder mean at z.

    Its recipe is a `VAERecipe`, whose model is `two_stage` or one of the two ablations:
    `autoencoder` has no KL term in stage 1 (footnote 5), `joint` fits both stages together
    (footnote 6). See `LatentModel` for the rest.

    Args:
      network, stage2_network: the halves of stage 1 and stage 2 where they are your own; see
        `custom_networks.first_stage` and `second_stage`. By default those that the recipe names.

    Attributes:
      stage1: a `GaussianVAE` of images, built.
      stage2: a `GaussianVAE` of the latents z, built.
      trained: the set of stages whose weights come from training.
    """

    RECIPE = recipes.VAERecipe

    def __init__(
        self, recipe: recipes.VAERecipe, *args, network=None, stage2_network=None, **kwargs
    ):
        own = {"network": network, "stage2_network": stage2_network}
        names = {key: custom.name_of(make) for key, make in own.items() if make is not None}
        recipe = dataclasses.replace(recipe, **names)
        self._own = {key: own[key] or getattr(recipe, key) for key in own}
        super().__init__(recipe, *args, **kwargs)

    def _build(self, seed: int, synchronized: bool) -> None:
        recipe = self.recipe
        plain = recipe.model == "autoencoder"  # its encoder is deterministic
        # Each stage draws its initial weights from a seed of its own, whatever else was built.
        keras.utils.set_random_seed(2 * seed)
        first = (
            custom_networks.first_stage(self._own["network"], recipe, self.image_shape, plain)
            if recipes.is_custom(recipe.network)
            else networks.first_stage(recipe, self.image_shape, synchronized, plain)
        )
        self.stage1 = (Autoencoder if plain else GaussianVAE)(
            *first,
            recipe.latent_dim,
            learn_gamma=recipe.learn_gamma,
            likelihood=recipe.likelihood,
            seed=seed,
        ).build_for(self.image_shape)
        keras.utils.set_random_seed(2 * seed + 1)
        second = (
            custom_networks.second_stage(self._own["stage2_network"], recipe)
            if recipes.is_custom(recipe.stage2_network)
            else latent_networks.second_stage(recipe)
        )
        self.stage2 = GaussianVAE(
            *second, recipe.latent_dim, log_sd_x=recipe.stage2_log_sd, seed=seed
        ).build_for((recipe.latent_dim,))
        self.joint = JointVAE(self.stage1, self.stage2) if recipe.model == "joint" else None

    def trainee(self, number: int) -> keras.Model:
        return self.joint or self.stage(number)

    def trained_by(self, number: int) -> tuple[int, ...]:
        return (2, 1) if self.joint else (number,)

    def encode_latents(self, z: np.ndarray) -> Posterior:
        """q(u|z) of latents z [N, kappa]: mean and stddev, float32 [N, kappa] each."""
        return self._apply(self.stage2.encoder, inputs.as_latents(z, self.recipe.latent_dim))

    def latents_from(self, u: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """z ~ p(z|u) for u and noise, both draws from N(0, I): float32 [N, kappa]."""
        u = inputs.as_latents(u, self.recipe.latent_dim)
        noise = inputs.as_latents(noise, self.recipe.latent_dim, "noise")
        if len(u) != len(noise):
            raise InputError(f"{len(u)} latents need as many rows of noise, not {len(noise)}")
        return self.stage2.draw(self._apply(self.stage2.decoder, u), noise)

    def _sample(self, shape, generator, stage) -> np.ndarray:
        first = normal(shape, generator)
        return first if stage == 1 else self.latents_from(first, normal(shape, generator))
