"""The optimisers of a recipe: Adam, once for each side of a game."""

import dataclasses

import keras

from tf_twostage import recipes
from tf_twostage.models.adam import Adam
from tf_twostage.training.schedule import learning_rate


def of(recipe: recipes.Recipe, stage: int, steps: int) -> dict[str, keras.Optimizer]:
    """What a model's `compile` takes.

    Args:
      recipe: the setting.
      stage: whose schedule.
      steps: batches an epoch.
    """
    schedule = recipe.schedule(stage)
    found = {"optimizer": _adam(recipe, schedule, steps)}
    if isinstance(recipe, recipes.GANRecipe):
        found["discriminator_optimizer"] = _adam(
            recipe, schedule, steps * recipe.discriminator_steps, recipe.weight_clip
        )
    if recipe.model == "wae_gan":
        faster = dataclasses.replace(schedule, learning_rate=recipe.adversary_rate)
        found["adversary_optimizer"] = _adam(recipe, faster, steps)
    return found


def _adam(
    recipe: recipes.Recipe, schedule: recipes.Schedule, steps: int, weight_clip: float = 0.0
) -> Adam:
    rate = learning_rate(schedule, steps)
    betas = (recipe.adam_beta_1, recipe.adam_beta_2)
    return Adam(rate, *betas, recipe.adam_epsilon, weight_clip=weight_clip or None)
