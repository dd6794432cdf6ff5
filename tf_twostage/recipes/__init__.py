"""Every number of the paper and of the models that it compares with, once, with its source.

A recipe is the complete setting of one run. Each family of models has its own kind of recipe:

* `vae`: the two-stage VAE, its baselines and ablations; recipes `paper`, `official_code`, `quick`;
* `gan`: the seven GANs of Table 1; recipes `suggested`, `quick`;
* `wae`: the two Wasserstein autoencoders; recipes `suggested`, `quick`.

`paper` is the default for VAEs, `suggested` for the others. Layer sizes stand in `network_values`,
the paper's results in `table1_values`; no other file has hyper-parameters of its own.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

from tf_twostage.errors import InputError
from tf_twostage.recipes import gan, vae, wae
from tf_twostage.recipes.base import (
    BATCH_NORM_DECAY,
    FID_PROTOCOLS,
    PAPER_DATASETS,
    Recipe,
    Schedule,
    is_custom,
    is_of_the_schedule,
)
from tf_twostage.recipes.former import FORMER_NAMES, renamed
from tf_twostage.recipes.gan import GANRecipe
from tf_twostage.recipes.vae import (
    ACTIVE_BELOW,
    GAMMAS,
    LIKELIHOODS,
    NETWORKS,
    PROBABILITY_FLOOR,
    VAERecipe,
)
from tf_twostage.recipes.wae import WAERecipe

__all__ = [
    "FAMILIES",
    "ACTIVE_BELOW",
    "BATCH_NORM_DECAY",
    "FID_PROTOCOLS",
    "FORMER_NAMES",
    "GAMMAS",
    "LIKELIHOODS",
    "MODELS",
    "NAMES",
    "NETWORKS",
    "PAPER_DATASETS",
    "PROBABILITY_FLOOR",
    "GANRecipe",
    "Recipe",
    "Schedule",
    "VAERecipe",
    "WAERecipe",
    "default_name",
    "family",
    "from_config",
    "get",
    "is_custom",
    "is_of_the_schedule",
    "recipe_class",
    "renamed",
]


class Family(NamedTuple):
    """Models that share a kind of recipe."""

    models: tuple[str, ...]
    recipe: type[Recipe]
    makers: dict[str, Callable[..., Recipe]]  # the long one first


FAMILIES = (
    Family(
        vae.MODELS,
        VAERecipe,
        {"paper": vae.paper, "official_code": vae.official_code, "quick": vae.quick},
    ),
    Family(gan.MODELS, GANRecipe, {"suggested": gan.suggested, "quick": gan.quick}),
    Family(wae.MODELS, WAERecipe, {"suggested": wae.suggested, "quick": wae.quick}),
)
MODELS = tuple(model for family in FAMILIES for model in family.models)
NAMES = ("paper", "official_code", "suggested", "quick")


def family(model: str) -> Family:
    """The family of a model.

    Raises:
      InputError: unknown model.
    """
    found = [family for family in FAMILIES if model in family.models]
    if not found:
        raise InputError(f"unknown model {model!r}: choose from {', '.join(MODELS)}")
    return found[0]


def default_name(dataset: str, model: str = "two_stage") -> str:
    """`quick` for the built-in manifold, which the paper does not know; else the long one."""
    return "quick" if dataset == "manifold" else next(iter(family(model).makers))


def get(
    name: str,
    dataset: str,
    train_images: int,
    *,
    model: str = "two_stage",
    epochs_scale: float = 1.0,
    **overrides,
) -> Recipe:
    """The recipe `name` of a model for a data set, with overrides.

    Args:
      name: one of `NAMES` that the model's family has.
      dataset: data set name; unknown ones are treated as images the paper does not know.
      train_images: number of training images (some recipes count steps).
      model: one of `MODELS`.
      epochs_scale: fraction of the schedule to run, > 0.
      **overrides: field names of the recipe; None means "as the recipe says".

    Returns:
      A recipe of the model's family.

    Raises:
      InputError: unknown model, recipe, field or value.
    """
    known = family(model)
    if name not in known.makers:
        owner = "" if model == "two_stage" else f" of {model}"
        raise InputError(f"unknown recipe {name!r}{owner}: choose one of {', '.join(known.makers)}")
    given = {key: value for key, value in overrides.items() if value is not None}
    known.recipe.check(given)
    if not 0 < epochs_scale < math.inf:
        raise InputError(f"epochs_scale must be a number > 0, not {epochs_scale}")
    recipe = known.makers[name](model, dataset, train_images, given.get("network", "infogan"))
    return dataclasses.replace(recipe, **given).scaled(epochs_scale)


def from_config(values: dict) -> Recipe:
    """The recipe that a config.json holds, of this version or a former one.

    Args:
      values: its "recipe": names of fields, today's or former ones, with their values. What a
        former version did not know yet has today's default, which is what that version did.

    Raises:
      InputError: it is not a recipe; an unknown name; a value that does not fit.
    """
    if not isinstance(values, dict):
        raise InputError(f"config.json is damaged: its recipe is {values!r}")
    given = renamed(values)
    kind = recipe_class(given)
    missing = {f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING}
    missing -= set(given)
    if missing:
        raise InputError(f"the recipe of config.json has no {', '.join(sorted(missing))}")
    kind.check(given)
    return kind(**given)


def recipe_class(values: dict) -> type[Recipe]:
    """The class of a recipe's values; those of a former version name no model."""
    return family(values.get("model", "two_stage")).recipe
