"""What the command line asks for, and the single trials that it spreads out into."""

import dataclasses
import functools
import itertools
import os
import pathlib

from tf_twostage import recipes
from tf_twostage.data import datasets
from tf_twostage.data.storage import GB, Storage
from tf_twostage.errors import InputError
from tf_twostage.evaluation import scores
from tf_twostage.models import shapes


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says; see `run_experiments.py --help`.

    `dataset`, `gamma` and `likelihood` may name several, and `trials` be above 1: `trials_of` makes
    of them the options of single trials.
    """

    dataset: str = "manifold"
    stage: str = "both"
    recipe: str | None = None
    overrides: dict = dataclasses.field(default_factory=dict)
    gamma: tuple[str, ...] = ()
    likelihood: tuple[str, ...] = ()
    epochs_scale: float = 1.0
    seed: int = 0
    trials: int = 1
    trial: int = 0  # the number of this one
    output_dir: str = "runs"
    data_dir: str | None = None
    celeba_dir: str | None = None
    fid: str | None = None
    inception: str | None = None
    fid_dims: int = 2048
    fid_images: int = 10_000
    image_size: int | None = None
    memory_gb: float | None = None
    strategy: str = "auto"
    jit_compile: bool | None = None
    deterministic: bool = False
    dry_run: bool = False

    @property
    def stages(self) -> list[int]:
        """The stages to train."""
        return [1, 2] if self.stage == "both" else [int(self.stage)]

    @property
    def changes(self) -> dict:
        """What differs from the recipe as it stands."""
        scaled = {} if self.epochs_scale == 1 else {"epochs_scale": self.epochs_scale}
        return self.overrides | scaled

    @property
    def measures_fid(self) -> bool:
        """Whether FIDs are asked for: by default for the paper's data sets."""
        return self.fid == "on" if self.fid else self.dataset in recipes.PAPER_DATASETS


def settings_of(options: Options) -> list[Options]:
    """One `Options` for every setting that is asked for: each data set with each kind of VAE."""
    kinds = _kinds(options)
    return [
        dataclasses.replace(
            options,
            dataset=name,
            overrides=options.overrides | kind,
            gamma=(),
            likelihood=(),
            stage=_stage(options, kind, len(kinds)),
        )
        for name in dataset_names(options.dataset)
        for kind in kinds
    ]


def trials_of(setting: Options) -> list[Options]:
    """One `Options` for every trial of a setting: seed, seed + 1, ..."""
    return [
        dataclasses.replace(setting, trial=k, seed=setting.seed + k, trials=1)
        for k in range(setting.trials)
    ]


def dataset_names(text: str) -> list[str]:
    """`all`, or names with commas between them; the path of an existing file or folder is one."""
    if text == "all":
        return list(recipes.PAPER_DATASETS)
    if os.path.exists(os.path.expanduser(text)):
        return [text]
    names = [name.strip() for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name)) or [text]


def _kinds(options: Options) -> list[dict]:
    """Overrides of each kind of VAE; a cross-entropy has no gamma, so it comes once."""
    pairs = itertools.product(options.likelihood or (None,), options.gamma or (None,))
    kinds = []
    for likelihood, gamma in pairs:
        gamma = None if likelihood == "bernoulli" else gamma
        kind = {"likelihood": likelihood, "gamma": gamma}
        kind = {name: value for name, value in kind.items() if value is not None}
        if kind not in kinds:
            kinds.append(kind)
    return kinds


def _stage(options: Options, kind: dict, kinds: int) -> str:
    """Among several kinds of VAE only the one with learned gamma has a second stage in Table 1."""
    if kinds == 1 or options.stage != "both":
        return options.stage
    learned = kind.get("gamma") != "fixed" and kind.get("likelihood") != "bernoulli"
    return "both" if learned else "1"


def recipe_of(options: Options) -> recipes.Recipe:
    """The recipe with the command line's overrides."""
    return recipes.get(
        options.recipe or recipes.default_name(options.dataset),
        options.dataset,
        outline(options).train_images,
        epochs_scale=options.epochs_scale,
        **recipes.renamed(options.overrides),
    )


def run_path(options: Options, recipe: recipes.Recipe) -> pathlib.Path:
    """`<output_dir>/<dataset>/<recipe>-<network>-<gamma>[+override=value...]/trial_<k>`."""
    named = {"network", "gamma", "likelihood"}
    changed = [f"+{k}={v}" for k, v in sorted(options.changes.items()) if k not in named]
    setting = f"{recipe.name}-{recipe.network}-{recipe.kind}{''.join(changed)}"
    root = pathlib.Path(options.output_dir).expanduser()
    return (
        root
        / datasets.run_name(options.dataset, options.image_size)
        / setting
        / f"trial_{options.trial:03d}"
    )


def fid_setting(options: Options, recipe: recipes.Recipe) -> scores.FidSetting:
    """How a run measures FIDs."""
    return scores.FidSetting(
        options.inception,
        options.fid_dims,
        recipe.fid_protocol,
        options.fid_images,
        "through JPEG" if recipe.jpeg else "",
    )


def storage(options: Options) -> Storage:
    """Where a run's images and posteriors go."""
    limit = None if options.memory_gb is None else options.memory_gb * GB
    return Storage(limit, os.path.expanduser(options.output_dir))


def source(options: Options) -> dict:
    """Where the images come from, as keyword arguments of `datasets`' functions."""
    return {
        "name": options.dataset,
        "data_dir": options.data_dir,
        "celeba_dir": options.celeba_dir,
        "image_size": options.image_size,
    }


def outline(options: Options) -> datasets.Outline:
    """Shape and number of the images, without loading them; looked up once in a process."""
    return _outline(**source(options))


_outline = functools.cache(datasets.outline)


def check(options: Options, recipe: recipes.Recipe, images: datasets.Outline) -> None:
    """Raises `InputError` where this setting cannot be trained on these images."""
    shapes.check_image_shape(recipe.network, tuple(images.image_shape))
    if images.train_images < recipe.batch_size:
        raise InputError(
            f"{options.dataset} has {images.train_images} training images, fewer than one batch "
            f"of {recipe.batch_size}: give more images or a smaller --batch_size"
        )
