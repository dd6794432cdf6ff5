"""The kinds of models that a command line asks for: `--model` times `--gamma` times `--likelihood`.

With several models, a recipe or a value that only some of them have is used for those.
"""

import dataclasses
import itertools

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.experiment import draws
from tf_twostage.experiment.options import Options
from tf_twostage.recipes import gan

TABLE1 = ("two_stage", *recipes.family("ns_gan").models, "wae_mmd")
GROUPS = {"table1": TABLE1, "all": recipes.MODELS}
TABLE1_KINDS = {"gamma": ("learned", "fixed"), "likelihood": recipes.LIKELIHOODS}


def models(options: Options) -> tuple[str, ...]:
    """The models by name, each once.

    Raises:
      InputError: unknown model.
    """
    names = [one for name in options.model for one in GROUPS.get(name, (name,))]
    for name in names:
        recipes.family(name)
    return tuple(dict.fromkeys(names))


def of(options: Options) -> list[dict]:
    """The model of each kind, with the overrides that make it one.

    Raises:
      InputError: unknown model; a recipe or a value that none of the models has.
    """
    names = models(options)
    _check(options, names)
    return [kind for name in names for kind in _kinds(options, name)]


def _kinds(options: Options, model: str) -> list[dict]:
    """Those of one model; a cross-entropy has no gamma, so it comes once."""
    if options.search and model in gan.MODELS:
        numbers = range(options.search)
        return [
            {"model": model, "search": k, **draws.draw(model, k, options.seed)} for k in numbers
        ]
    if not _has(model, "learn_gamma"):
        return [{"model": model}]
    default = TABLE1_KINDS if "table1" in options.model else {}
    likelihoods = options.likelihood or default.get("likelihood") or (None,)
    gammas = options.gamma or default.get("gamma") or (None,)
    kinds = []
    for likelihood, gamma in itertools.product(likelihoods, gammas):
        gamma = None if likelihood == "bernoulli" else gamma
        kind = {"model": model, "likelihood": likelihood, "gamma": gamma}
        kind = {name: value for name, value in kind.items() if value is not None}
        if kind not in kinds:
            kinds.append(kind)
    return kinds


def recipe_of(options: Options, dataset: str, kind: dict) -> tuple[str, dict]:
    """The name of a kind's recipe, and the overrides that its model has."""
    model = kind["model"]
    asked = options.recipe in recipes.family(model).makers
    name = options.recipe if asked else recipes.default_name(dataset, model)
    given = recipes.renamed(kind | options.overrides)
    return name, {key: v for key, v in given.items() if key != "model" and _has(model, key)}


def stages(options: Options, recipe: recipes.Recipe, kinds: int) -> tuple[int, ...]:
    """The stages to train.

    Among several kinds of VAE only the one with learned gamma has a second stage in Table 1.

    Raises:
      InputError: the model has no such stage.
    """
    if options.stage != "both":
        stage = int(options.stage)
        if stage not in recipe.stages:
            raise InputError(f"{recipe.model} has no stage {stage}: leave out --stage")
        return (stage,)
    if kinds > 1 and recipe.model == "two_stage" and recipe.kind != "learned":
        return (1,)
    return recipe.stages


def _has(model: str, value: str) -> bool:
    """Whether the recipe of a model has this value."""
    fields = dataclasses.fields(recipes.family(model).recipe)
    return value in [field.name for field in fields]


def _check(options: Options, names: tuple[str, ...]) -> None:
    """Refuses what none of the models has."""
    known = {name for model in names for name in recipes.family(model).makers}
    if options.recipe and options.recipe not in known:
        raise InputError(
            f"{', '.join(names)} has no recipe {options.recipe}: choose one of "
            f"{', '.join(sorted(known))}"
        )
    asked = {name: name for name in recipes.renamed(options.overrides)}  # value -> its flag
    asked |= {"learn_gamma": "gamma"} if options.gamma else {}
    asked |= {"likelihood": "likelihood"} if options.likelihood else {}
    for value, flag in asked.items():
        if not any(_has(model, value) for model in names):
            raise InputError(f"{', '.join(names)} has no --{flag}: leave it out")
