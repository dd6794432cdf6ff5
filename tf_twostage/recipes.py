"""Every number of the paper, once, with its source.

Layer sizes are beside it in `network_values`, the paper's results in `table1_values`; no other file
has hyper-parameters of its own.

A recipe is the complete setting of one run. Three are known:

* ``paper``: what the paper's appendix D says. The default.
* ``official_code``: what the authors' published code does where it differs from the paper.
* ``quick``: ours, for a CPU and an evening; its docstring says what it gives up.

Sources are cited as [D] (appendix D of the paper), [F12] (caption of its Figure 12), [code] (the
authors' published TensorFlow 1 code), [TF1] (a TensorFlow 1 default that both rely on), [ours].

Where the paper is silent, the code decides, in `paper` as well:

* the second stage: the skip to its heads, and gamma's start at 1 in both stages;
* layers: InfoGAN's sizes, spectral norm and initial weights, the ResNet's kernels, batch norm's
  epsilon, decay and zero-debiased averages;
* images: CIFAR-10 goes through JPEG, CelebA's crop and resizing, a last partial batch is dropped;
* scores: 10,000 images, samples stretched to their own min..max, reconstructions at a drawn z.

Where it speaks (batch size, weight decay, epochs, the ResNet) `paper` follows it.
"""

import dataclasses
import math
from collections.abc import Callable

from tf_twostage import checks
from tf_twostage.errors import InputError

PAPER_DATASETS = ("mnist", "fashion_mnist", "cifar10", "celeba")
NETWORKS = ("infogan", "resnet", "wae")
GAMMAS = ("learned", "fixed")  # the words of --gamma and of folder names
LIKELIHOODS = ("gaussian", "bernoulli")
FID_PROTOCOLS = ("plain", "table1")

BATCH_NORM_DECAY = 0.999  # [code]
PROBABILITY_FLOOR = 1e-8  # [code], inside the logarithms of the cross-entropy
ACTIVE_BELOW = 0.1  # [ours] what counts as lambda_j << 1; they settle near 0 or 1 (Figure 11)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long one stage trains, at the rate learning_rate * 0.5 ** (epoch // halve_every)."""

    epochs: int
    halve_every: int
    learning_rate: float


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One setting, complete.

    Every number and every switch has a flag of its name that overrides it; the flag of
    `learn_gamma` is `--gamma learned` or `--gamma fixed`. `name` and `fid_protocol` have none.
    """

    name: str
    stage1_epochs: int
    stage1_halve_every: int
    stage2_epochs: int
    stage2_halve_every: int
    learning_rate: float = 1e-4  # [D] both stages
    batch_size: int = 100  # [D] the global batch, over all replicas
    weight_decay: float = 5e-4  # [D] TF1's l2_regularizer: adds weight_decay/2 * sum(w^2), kernels
    adam_beta_1: float = 0.9  # [D] "default hyperparameters in TensorFlow" [TF1]
    adam_beta_2: float = 0.999  # [D] [TF1]
    adam_epsilon: float = 1e-8  # [TF1]; Keras' own default is 1e-7
    network: str = "infogan"  # [D] Table 1's network
    learn_gamma: bool = True  # else gamma = 1, the paper's baseline
    likelihood: str = "gaussian"
    latent_dim: int = 64  # kappa [F12], and InfoGAN [code]
    stage2_depth: int = 3  # [D]
    stage2_width: int = 1024  # [D] for Table 1; 2048 with the ResNet of the figures
    stage2_skip: bool = True  # [code] concatenates the input to the last hidden layer
    stage2_log_sd: float = 0.0  # [code] where log sd_z starts: sd_z^2 is stage 2's gamma
    resnet_scales: int = 3  # [F12] N = 4 for CelebA, 3 for the other sets
    resnet_channels: int = 32  # [F12]
    resnet_blocks: int = 2  # [F12] residual blocks a scale, the fully connected scale included
    resnet_flatten: bool = True  # [F12]; [code] averages over positions instead
    resnet_capped: bool = False  # [code] bounds the decoder's channels by RESNET_CAP
    batch_norm_decay: float = BATCH_NORM_DECAY
    jpeg: bool = False  # [code] CIFAR-10 goes through JPEG once before training and scoring
    fid_protocol: str = "table1"  # [code] each sample stretched to its own min..max; or "plain"

    @property
    def kind(self) -> str:
        """The kind of VAE, as folders and Table 1 name it: learned | fixed (gamma) | bernoulli."""
        if self.likelihood != "gaussian":
            return self.likelihood
        return "learned" if self.learn_gamma else "fixed"

    def schedule(self, stage: int) -> Schedule:
        """The schedule of stage 1 or 2."""
        epochs, halve = (
            (self.stage1_epochs, self.stage1_halve_every),
            (self.stage2_epochs, self.stage2_halve_every),
        )[stage - 1]
        return Schedule(epochs, halve, self.learning_rate)

    def scaled(self, fraction: float) -> "Recipe":
        """The same recipe with every epoch count multiplied by `fraction` (at least 1)."""
        names = [f.name for f in dataclasses.fields(self) if f.name.endswith(("epochs", "every"))]
        epochs = {name: max(1, round(getattr(self, name) * fraction)) for name in names}
        return dataclasses.replace(self, **epochs)


# (stage-1 epochs, halve every, stage-2 epochs, halve every)
PAPER_EPOCHS = {
    "mnist": (400, 150, 800, 300),  # [D]
    "fashion_mnist": (400, 150, 800, 300),  # [D]
    "cifar10": (1000, 300, 2000, 600),  # [D]
    "celeba": (120, 48, 300, 120),  # [D]
}
CODE_EPOCHS = {
    "cifar10": (1000, 300, 2000, 600),  # an author, in the repository's discussions
    # An author says that CelebA's row of Table 1 used the code's defaults, as all other sets.
}
CODE_RESNET = {"resnet_blocks": 1, "resnet_capped": True}  # [code] the defaults
# [code] The authors' commands for their pictures, by data set and network.
CODE_COMMANDS = {
    ("celeba", "resnet"): {
        "stage1_epochs": 100,
        "stage1_halve_every": 40,
        "stage2_epochs": 100,
        "stage2_halve_every": 40,
        "resnet_channels": 32,
        "latent_dim": 128,
    },
    ("celeba", "wae"): {
        "stage1_epochs": 70,
        "stage1_halve_every": 30,
        "stage2_epochs": 70,
        "stage2_halve_every": 30,
    },
}
DEFAULT_EPOCHS = (400, 150, 800, 300)  # [code] the defaults; [D] MNIST. Also for unknown images.

QUICK_STEPS = (4_800, 14_400)  # [ours] 8 and 24 epochs of 60,000 images, the rate halved twice
QUICK_LEARNING_RATE = 1e-3  # [ours] log sd_x moves by at most about one rate a step
# [ours] At sd_z = 1 the second stage's data, of about unit variance, are a plateau: encoding
# nothing costs no more than encoding all. 4,000 steps at 1e-3 did not leave it; from exp(-1) the
# loss falls below the plateau's within 1,000. The long schedules have the time to leave it.
QUICK_LOG_SD = -1.0
# [ours] Moving statistics over the last 100 steps, not 1,000: at this rate the weights move on so
# fast that older statistics belong to another network. On the built-in images inference-mode
# reconstructions had 20 times the squared error of training mode with 0.999.
QUICK_BATCH_NORM_DECAY = 0.99
# [ours] The built-in images are small and simple: fewer steps, a higher rate, less capacity.
QUICK_MANIFOLD = {
    "steps": (2_800, 30_000),
    "halvings": 3,
    "learning_rate": 3e-3,
    "latent_dim": 10,  # twice the true 5
    "stage2_width": 128,
}


def paper(dataset: str, train_images: int, network: str = "infogan") -> Recipe:
    """The paper's appendix D. Image sets that the paper does not know get MNIST's epochs."""
    del train_images
    return Recipe(
        "paper",
        *PAPER_EPOCHS.get(dataset, DEFAULT_EPOCHS),
        stage2_width=2048 if network == "resnet" else 1024,
        resnet_scales=4 if dataset == "celeba" else 3,
        jpeg=dataset == "cifar10",
        network=network,
    )


def official_code(dataset: str, train_images: int, network: str = "infogan") -> Recipe:
    """The authors' published code: batch 64, no weight decay, their ResNet.

    With the ResNet or the WAE network on CelebA it is the command behind their pictures.
    """
    del train_images
    recipe = Recipe(
        "official_code",
        *CODE_EPOCHS.get(dataset, DEFAULT_EPOCHS),
        batch_size=64,
        weight_decay=0.0,
        resnet_scales=4,
        resnet_channels=16,
        resnet_flatten=False,
        jpeg=dataset == "cifar10",
        network=network,
    )
    changes = CODE_RESNET if network == "resnet" else {}
    return dataclasses.replace(recipe, **changes | CODE_COMMANDS.get((dataset, network), {}))


def quick(dataset: str, train_images: int, network: str = "infogan") -> Recipe:
    """The paper's setting on a schedule for a CPU: a fixed number of steps, ten times the rate.

    What it gives up: MNIST's 240,000 + 480,000 steps become 4,800 + 14,400, so gamma ends about
    an order of magnitude above the paper's and weak latent dimensions have not yet separated.
    Its FIDs are not to be compared with Table 1. Steps, not epochs, are fixed, because log sd_x
    falls by the step: a small folder of images gets more epochs than a large one. The second
    stage starts at a smaller sd_z, and batch norm forgets faster: see QUICK_LOG_SD and
    QUICK_BATCH_NORM_DECAY. Images stay as they are, and the FID quoted first is the plain one.
    """
    base = paper(dataset, train_images, network)
    values = {"steps": QUICK_STEPS, "halvings": 2, "learning_rate": QUICK_LEARNING_RATE}
    values |= QUICK_MANIFOLD if dataset == "manifold" else {}
    per_epoch = max(1, train_images // base.batch_size)
    epochs = [max(1, round(steps / per_epoch)) for steps in values.pop("steps")]
    parts = values.pop("halvings") + 1
    halve = [max(1, math.ceil(n / parts)) for n in epochs]
    return dataclasses.replace(
        base,
        name="quick",
        stage1_epochs=epochs[0],
        stage1_halve_every=halve[0],
        stage2_epochs=epochs[1],
        stage2_halve_every=halve[1],
        stage2_log_sd=QUICK_LOG_SD,
        batch_norm_decay=QUICK_BATCH_NORM_DECAY,
        jpeg=False,
        fid_protocol="plain",
        **values,
    )


RECIPES: dict[str, Callable[..., Recipe]] = {
    "paper": paper,
    "official_code": official_code,
    "quick": quick,
}


def default_name(dataset: str) -> str:
    """`quick` for the built-in manifold, which the paper does not know; else `paper`."""
    return "quick" if dataset == "manifold" else "paper"


def get(name: str, dataset: str, train_images: int, *, epochs_scale: float = 1.0, **overrides):
    """The recipe `name` for a data set, with overrides.

    Args:
      name: one of `RECIPES`.
      dataset: data set name; unknown ones are treated as images the paper does not know.
      train_images: number of training images (the `quick` recipe counts steps).
      epochs_scale: fraction of the schedule to run, > 0.
      **overrides: field names of `Recipe`; None means "as the recipe says".

    Returns:
      A `Recipe`.

    Raises:
      InputError: unknown recipe, field or value.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}: choose one of {', '.join(RECIPES)}")
    given = {key: value for key, value in overrides.items() if value is not None}
    _check(given)
    if not 0 < epochs_scale < math.inf:
        raise InputError(f"epochs_scale must be a number > 0, not {epochs_scale}")
    network = given.get("network", "infogan")
    recipe = RECIPES[name](dataset, train_images, network)
    return dataclasses.replace(recipe, **given).scaled(epochs_scale)


# Names of former versions, which config.json files may hold.
FORMER_NAMES = {
    "gamma": "learn_gamma",  # a word then, learned or fixed
    "second_stage_depth": "stage2_depth",
    "second_stage_width": "stage2_width",
    "second_stage_skip": "stage2_skip",
    "second_stage_log_gamma": "stage2_log_sd",
}


def renamed(values: dict) -> dict:
    """A recipe's values (all, or some overrides) with former names put into today's."""
    given = {FORMER_NAMES.get(name, name): value for name, value in values.items()}
    if given.get("learn_gamma") in GAMMAS:
        given["learn_gamma"] = given["learn_gamma"] == "learned"
    return given


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
    missing = {f.name for f in dataclasses.fields(Recipe) if f.default is dataclasses.MISSING}
    missing -= set(given)
    if missing:
        raise InputError(f"the recipe of config.json has no {', '.join(sorted(missing))}")
    _check(given)
    return Recipe(**given)


_CHOICES = {"network": NETWORKS, "likelihood": LIKELIHOODS, "fid_protocol": FID_PROTOCOLS}
_LEAST = {"stage2_log_sd": -math.inf}


def _check(given: dict) -> None:
    known = [field.name for field in dataclasses.fields(Recipe)]
    for key in given:
        if key not in known:
            raise InputError(f"a recipe has no value {key!r}: it has {', '.join(known)}")
    checks.check_fields(Recipe, given, _CHOICES, _LEAST)
