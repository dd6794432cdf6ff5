"""The plan: command line -> settings -> trials. Everything that is decided is decided here.

A setting is a recipe on one data set; its trials differ by their seed. Plans go to a trial's own
process as they are, so nothing here imports TensorFlow.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

from tf_twostage import recipes
from tf_twostage.data import npz_images, sources
from tf_twostage.data.sources import Source
from tf_twostage.data.splits import Outline
from tf_twostage.errors import InputError
from tf_twostage.evaluation.fid_spec import FidSpec
from tf_twostage.experiment import kinds
from tf_twostage.experiment.options import Options
from tf_twostage.models import custom, shapes
from tf_twostage.run_folder import RunFolder

_IN_THE_NAME = (
    "model",
    "network",
    "learn_gamma",
    "likelihood",
)  # these say themselves in a setting's name
_FORMER = {today: former for former, today in recipes.FORMER_NAMES.items()}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One recipe on one data set: what its trials share."""

    options: Options
    dataset: str  # one name, or one path
    stages: tuple[int, ...]  # to train
    changes: dict  # what differs from the recipe as it stands
    source: Source
    outline: Outline
    recipe: recipes.Recipe
    path: pathlib.Path  # the folder of its trials
    trials: int = 1
    search: int | None = None  # which of the random settings of a search this is

    @property
    def images(self) -> dict:
        """What tells these images from others, as `config.json` keeps it."""
        shape, train, test, identity = self.outline
        return {"identity": identity, "image_shape": list(shape), "train": train, "test": test}

    @property
    def fid(self) -> FidSpec | None:
        """How FIDs are measured; None where they are not. By default on the paper's data sets."""
        options = self.options
        wanted = options.fid == "on" if options.fid else self.dataset in recipes.PAPER_DATASETS
        note = "through JPEG" if self.recipe.jpeg else ""
        spec = (options.inception, options.fid_dims, self.recipe.fid_protocol, options.fid_images)
        return FidSpec(*spec, note) if wanted else None

    @property
    def plans(self) -> list["Plan"]:
        """A plan for each trial."""
        return [Plan(self, number) for number in range(self.trials)]

    def check(self) -> None:
        """Raises `InputError` where this recipe cannot be trained on these images."""
        for name in self.recipe.own_networks:
            custom.check(name)
        shapes.check_image_shape(self.recipe.network, tuple(self.outline.image_shape))
        images, needed = self.outline.train_images, self.recipe.images_per_step
        if images < needed:
            raise InputError(
                f"{self.dataset} has {images} training images, fewer than the {needed} of one "
                "step: give more images or a smaller --batch_size"
            )


@dataclasses.dataclass(frozen=True)
class Plan:
    """One trial of a setting."""

    setting: Setting
    number: int

    @property
    def options(self) -> Options:
        """The command line."""
        return self.setting.options

    @property
    def recipe(self) -> recipes.Recipe:
        """The setting's recipe."""
        return self.setting.recipe

    @property
    def seed(self) -> int:
        """Fixes weights, order, noise and samples."""
        return self.options.seed + self.number

    @property
    def folder(self) -> RunFolder:
        """Where the trial's files go."""
        return RunFolder(self.setting.path / f"trial_{self.number:03d}")

    @property
    def lock(self) -> pathlib.Path:
        """The lock file of this trial, see `lock`."""
        root = root_of(self.options)
        return root / ".locks" / self.folder.path.relative_to(root)


def root_of(options: Options) -> pathlib.Path:
    """The output folder."""
    return pathlib.Path(options.output_dir).expanduser()


def make(options: Options) -> list[Setting]:
    """Every setting that the command line asks for: each data set with each kind of model.

    Raises:
      InputError: an unknown data set, model, recipe or value; a value that no model asked for has;
        images that a network cannot take.
    """
    settings = list(_settings(options))
    for setting in settings:
        setting.check()
    return settings


def _settings(options: Options) -> Iterator[Setting]:
    variants = kinds.of(options)
    for name in dataset_names(options.dataset):
        source = sources.find(
            name,
            data_dir=options.data_dir,
            celeba_dir=options.celeba_dir,
            image_size=options.image_size,
        )
        outline = source.outline()
        for kind in variants:
            alike = sum(other["model"] == kind["model"] for other in variants)
            yield _setting(options, name, source, outline, kind, alike)


def _setting(
    options: Options, name: str, source: Source, outline: Outline, kind: dict, alike: int
) -> Setting:
    """The setting of one kind of model on one data set; `alike` are the kinds of that model."""
    kind = dict(kind)
    search = kind.pop("search", None)
    recipe_name, overrides = kinds.recipe_of(options, name, kind)
    scale = options.epochs_scale
    recipe = recipes.get(
        recipe_name,
        name,
        outline.train_images,
        model=kind["model"],
        epochs_scale=scale,
        **overrides,
    )
    changes = overrides | ({} if scale == 1 else {"epochs_scale": scale})
    path = _path(root_of(options) / source.run_name, recipe, changes)
    return Setting(
        options,
        name,
        kinds.stages(options, recipe, alike),
        changes,
        source,
        outline,
        recipe,
        path,
        options.trials if search is None else 1,
        search,
    )


def _path(parent: pathlib.Path, recipe: recipes.Recipe, changes: dict) -> pathlib.Path:
    """`<recipe>-<network>-<gamma>[+override=value...]`; where it exists, under its former name."""

    network = recipe.network.replace(":", ".")

    def named(name_of: Callable[[str], str]) -> pathlib.Path:
        parts = sorted(f"+{name_of(k)}={v}" for k, v in changes.items() if k not in _IN_THE_NAME)
        return parent / f"{recipe.name}-{network}-{recipe.kind}{''.join(parts)}"

    today, former = named(str), named(lambda name: _FORMER.get(name, name))
    return former if former.exists() and not today.exists() else today


def dataset_names(text: str) -> list[str]:
    """`all`, or names with commas between them; the path of an existing file or folder is one."""
    if text == "all":
        return list(recipes.PAPER_DATASETS)
    if npz_images.split_key(text)[0].exists():
        return [text]
    names = [name.strip() for name in text.split(",")]
    return list(dict.fromkeys(name for name in names if name)) or [text]
