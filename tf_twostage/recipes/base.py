"""What the recipes of all models share."""

import dataclasses
from typing import ClassVar

from tf_twostage import checks
from tf_twostage.errors import InputError

PAPER_DATASETS = ("mnist", "fashion_mnist", "cifar10", "celeba")
FID_PROTOCOLS = ("plain", "table1")
BATCH_NORM_DECAY = 0.999  # [code], and [study]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long one stage trains, and at which rate.

    The rate is learning_rate * 0.5 ** (epoch // halve_every), where `halve_every` is set. Each
    (epoch, divisor) of `drops` divides it from that epoch on.
    """

    epochs: int
    halve_every: int | None
    learning_rate: float
    drops: tuple[tuple[int, float], ...] = ()

    def __str__(self) -> str:
        """'400 epochs, learning rate 0.0001 halved every 150'."""
        text = f"{self.epochs} epochs, learning rate {self.learning_rate:g}"
        if self.halve_every:
            text += f" halved every {self.halve_every}"
        return text + "".join(f", divided by {by:g} at {epoch}" for epoch, by in self.drops)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One setting, complete.

    Every number and every switch has a flag of its name that overrides it; the flag of
    `learn_gamma` is `--gamma learned` or `--gamma fixed`. `name`, `model` and `fid_protocol` have
    none.
    """

    name: str
    model: str  # one of the models of its class
    stage1_epochs: int
    learning_rate: float
    batch_size: int  # the global batch, over all replicas
    adam_beta_1: float
    adam_beta_2: float = 0.999  # [TF1]
    adam_epsilon: float = 1e-8  # [TF1]; Keras' own default is 1e-7
    weight_decay: float = 0.0  # TF1's l2_regularizer: adds weight_decay/2 * sum(w^2), kernels
    network: str = "infogan"
    latent_dim: int = 64  # kappa
    batch_norm_decay: float = BATCH_NORM_DECAY
    jpeg: bool = False  # [code] CIFAR-10 goes through JPEG once before training and scoring
    fid_every: int = 0  # epochs between FIDs while the last stage trains, the best is kept; 0: none
    fid_protocol: str = "table1"  # [code] each sample stretched to its own min..max; or "plain"

    CHOICES: ClassVar[dict[str, tuple[str, ...]]] = {}  # field -> the words that it may have
    LEAST: ClassVar[dict[str, float]] = {"fid_every": 0}  # field -> its least value
    CUSTOM: ClassVar[tuple[str, ...]] = ()  # fields that may name a function, "module:function"

    @property
    def kind(self) -> str:
        """What folders call this kind of model, beside recipe and network."""
        return self.model

    @classmethod
    def stages_of(cls, model: str) -> tuple[int, ...]:
        """The stages that a model of this class trains, one after the other."""
        del model
        return (1,)

    @property
    def stages(self) -> tuple[int, ...]:
        """The stages that this model trains, one after the other."""
        return self.stages_of(self.model)

    @property
    def own_networks(self) -> list[str]:
        """The names of a user's own networks."""
        return [name for key in self.CUSTOM if is_custom(name := getattr(self, key))]

    @property
    def images_per_step(self) -> int:
        """Training images that one step takes."""
        return self.batch_size

    def schedule(self, stage: int) -> Schedule:
        """The schedule of a stage."""
        del stage
        return Schedule(self.stage1_epochs, None, self.learning_rate)

    def scaled(self, fraction: float) -> "Recipe":
        """The same recipe with every epoch of its schedule multiplied by `fraction`, at least 1."""
        names = [f.name for f in dataclasses.fields(self) if is_of_the_schedule(f.name)]
        epochs = {name: max(1, round(getattr(self, name) * fraction)) for name in names}
        return dataclasses.replace(self, **epochs)

    @classmethod
    def check(cls, given: dict) -> None:
        """Raises `InputError` for an unknown field or a value that does not fit."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in given:
            if key not in known:
                raise InputError(f"a recipe has no value {key!r}: it has {', '.join(known)}")
        choices = {"fid_protocol": FID_PROTOCOLS, **cls.CHOICES}
        for key in cls.CUSTOM:
            if is_custom(given.get(key)):
                del choices[key]
        least = Recipe.LEAST | cls.LEAST
        checks.check_fields(cls, given, choices, least, own=cls.CUSTOM)


def is_custom(network: object) -> bool:
    """Whether a recipe's network is a user's own: the name of a function, "module:function"."""
    return isinstance(network, str) and ":" in network


def is_of_the_schedule(name: str) -> bool:
    """Whether a recipe's field counts epochs of its schedule."""
    return name.endswith(("_epochs", "_halve_every", "_drop_epoch"))


def epochs_of(steps: float, train_images: int, batch_size: int) -> int:
    """So many epochs are nearest to a number of steps; at least 1."""
    return max(1, round(steps / max(1, train_images // batch_size)))
