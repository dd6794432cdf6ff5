"""Every number of the paper, once, with its source; no hyper-parameter lives elsewhere.

A recipe is the complete setting of one run. Three are known:

* ``paper``: what the paper's appendix D says. The default.
* ``official_code``: what the authors' published code does where it differs from the paper.
* ``quick``: ours, for a CPU and an evening; its docstring says what it gives up.

Sources are cited as [D] (appendix D of the paper), [F12] (caption of its Figure 12), [code] (the
authors' published TensorFlow 1 code), [TF1] (a TensorFlow 1 default that both rely on), [ours].
"""

import dataclasses
import math
from collections.abc import Callable

from tf_twostage.errors import InputError

PAPER_DATASETS = ("mnist", "fashion_mnist", "cifar10", "celeba")
NETWORKS = ("infogan", "resnet", "wae")
GAMMAS = ("learned", "fixed")
LIKELIHOODS = ("gaussian", "bernoulli")

BATCH_NORM_EPSILON = 1e-5  # [code]
LEAKY_RELU_SLOPE = 0.2  # [code], InfoGAN
SD_FLOOR = 1e-6  # [code], InfoGAN: sigma_z = 1e-6 + softplus(.)
INITIAL_STDDEV = 0.02  # [code], InfoGAN: (truncated) normal kernels
PROBABILITY_FLOOR = 1e-8  # [code], inside the logarithms of the cross-entropy
ACTIVE_BELOW = 0.1  # [ours] what counts as lambda_j << 1; they settle near 0 or 1 (Figure 11)


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long one stage trains: rate(epoch) = learning_rate * 0.5 ** (epoch // halve_every)."""

    epochs: int
    halve_every: int
    learning_rate: float

    def rate(self, epoch: int) -> float:
        """Learning rate during `epoch` (counted from 0)."""
        return self.learning_rate * 0.5 ** (epoch // self.halve_every)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One setting, complete. Every field can be overridden by a flag of the same name."""

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
    gamma: str = "learned"
    likelihood: str = "gaussian"
    latent_dim: int = 64  # kappa [F12], and InfoGAN [code]
    second_stage_depth: int = 3  # [D]
    second_stage_width: int = 1024  # [D] for Table 1; 2048 with the ResNet of the figures
    second_stage_skip: bool = False  # [code] concatenates the input to the last hidden layer
    second_stage_log_gamma: float = 0.0  # [code] start of log gamma_z (a standard deviation)
    resnet_scales: int = 3  # [F12] N = 4 for CelebA, 3 for the other sets
    resnet_channels: int = 32  # [F12]
    resnet_flatten: bool = True  # [F12]; [code] averages over positions instead
    batch_norm_decay: float = 0.999  # [code]
    jpeg: bool = False  # [code] CIFAR-10 goes through JPEG once before training and scoring
    fid_protocol: str = "plain"  # [code] "table1": each sample stretched to its own min..max

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
DEFAULT_EPOCHS = (400, 150, 800, 300)  # [code] the defaults; [D] MNIST. Also for unknown images.

QUICK_STEPS = (4_800, 14_400)  # [ours] 8 and 24 epochs of 60,000 images, the rate halved twice
QUICK_LEARNING_RATE = 1e-3  # [ours] log gamma moves by at most about one rate a step
# [ours] At gamma_z = 1 the second stage's data, of about unit variance, are a plateau: encoding
# nothing costs no more than encoding all. 4,000 steps at 1e-3 did not leave it; from exp(-1) the
# loss falls below the plateau's within 1,000. The long schedules have the time to leave it.
QUICK_LOG_GAMMA = -1.0
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
    "second_stage_width": 128,
}


def paper(dataset: str, train_images: int, network: str = "infogan") -> Recipe:
    """The paper's appendix D. Image sets that the paper does not know get MNIST's epochs."""
    del train_images
    return Recipe(
        "paper",
        *PAPER_EPOCHS.get(dataset, DEFAULT_EPOCHS),
        second_stage_width=2048 if network == "resnet" else 1024,
        resnet_scales=4 if dataset == "celeba" else 3,
        network=network,
    )


def official_code(dataset: str, train_images: int, network: str = "infogan") -> Recipe:
    """The authors' published code: batch 64, no weight decay, a skip in the second stage."""
    del train_images
    return Recipe(
        "official_code",
        *CODE_EPOCHS.get(dataset, DEFAULT_EPOCHS),
        batch_size=64,
        weight_decay=0.0,
        second_stage_skip=True,
        resnet_scales=4,
        resnet_channels=16,
        resnet_flatten=False,
        jpeg=dataset == "cifar10",
        fid_protocol="table1",
        network=network,
    )


def quick(dataset: str, train_images: int, network: str = "infogan") -> Recipe:
    """The paper's setting on a schedule for a CPU: a fixed number of steps, ten times the rate.

    What it gives up: MNIST's 240,000 + 480,000 steps become 4,800 + 14,400, so gamma ends about
    an order of magnitude above the paper's and weak latent dimensions have not yet separated.
    Its FIDs are not to be compared with Table 1. Steps, not epochs, are fixed, because log gamma
    falls by the step: a small folder of images gets more epochs than a large one. The second
    stage is the authors' (with its skip) and starts at a smaller gamma_z, and batch norm forgets
    faster: see QUICK_LOG_GAMMA and QUICK_BATCH_NORM_DECAY.
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
        second_stage_skip=True,
        second_stage_log_gamma=QUICK_LOG_GAMMA,
        batch_norm_decay=QUICK_BATCH_NORM_DECAY,
        **values,
    )


# Table 1: FID, (mean, standard deviation over 10 trials); None where no deviation is given.
# [Table 1] of the paper; [camera-ready] rows that only its published version has.
TABLE1_TRIALS = 10
TABLE1_FID = {
    "VAE (fixed γ)": ((52.0, 0.6), (84.6, 0.9), (160.5, 1.1), (55.9, 0.6)),  # [Table 1]
    "VAE (learned γ)": ((54.5, 1.0), (60.0, 1.1), (76.7, 0.8), (60.5, 0.6)),  # [Table 1]
    "2-Stage VAE": ((12.6, 1.5), (29.3, 1.0), (72.9, 0.9), (44.4, 0.7)),  # [Table 1]
    "VAE (cross-entropy)": ((16.6, 0.4), (43.6, 0.7), (106.0, 1.0), (53.3, 0.6)),  # [camera-ready]
}
# Models that are not reproduced here, as the paper cites them.
TABLE1_CITED = {
    "MM GAN, tuned": ((9.8, 0.9), (29.6, 1.6), (72.7, 3.6), (65.6, 4.2)),  # [Table 1]
    "NS GAN, tuned": ((6.8, 0.5), (26.5, 1.6), (58.5, 1.9), (55.0, 3.3)),  # [Table 1]
    "LSGAN, tuned": ((7.8, 0.6), (30.7, 2.2), (87.1, 47.5), (53.9, 2.8)),  # [Table 1]
    "WGAN, tuned": ((6.7, 0.4), (21.5, 1.6), (55.2, 2.3), (41.3, 2.0)),  # [Table 1]
    "WGAN GP, tuned": ((20.3, 5.0), (24.5, 2.1), (55.8, 0.9), (30.3, 1.0)),  # [Table 1]
    "DRAGAN, tuned": ((7.6, 0.4), (27.7, 1.2), (69.8, 2.0), (42.3, 3.0)),  # [Table 1]
    "BEGAN, tuned": ((13.1, 1.0), (22.9, 0.9), (71.4, 1.6), (38.9, 0.9)),  # [Table 1]
    "Best GAN, default": ((10, None), (32, None), (70, None), (49, None)),  # [Table 1]
    "VAE + Flow": ((54.8, 2.8), (62.1, 1.6), (81.2, 2.0), (65.7, 2.8)),  # [camera-ready]
    "WAE-MMD": ((115.0, 1.1), (101.7, 0.8), (80.9, 0.4), (62.9, 0.8)),  # [camera-ready]
}
# What makes an FID one of Table 1's.
TABLE1_RECIPES = ("paper", "official_code")
TABLE1_NETWORK = "infogan"  # [D]
TRAIN_IMAGES = {"mnist": 60_000, "fashion_mnist": 60_000, "cifar10": 50_000, "celeba": 162_770}


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
    _check(given, epochs_scale)
    network = given.get("network", "infogan")
    recipe = RECIPES[name](dataset, train_images, network)
    return dataclasses.replace(recipe, **given).scaled(epochs_scale)


def _check(given: dict, epochs_scale: float) -> None:
    known = {field.name: field.type for field in dataclasses.fields(Recipe)}
    for key, value in given.items():
        if key not in known or key == "name":
            raise InputError(f"a recipe has no value {key!r}: it has {', '.join(known)}")
        least = -math.inf if key == "second_stage_log_gamma" else 0
        if known[key] in (int, float) and not (math.isfinite(value) and value >= least):
            raise InputError(f"{key} must be a finite number >= {least}, not {value}")
        if known[key] is int and value < 1:
            raise InputError(f"{key} must be at least 1, not {value}")
    for key, allowed in (("network", NETWORKS), ("gamma", GAMMAS), ("likelihood", LIKELIHOODS)):
        if given.get(key, allowed[0]) not in allowed:
            raise InputError(f"unknown {key} {given[key]!r}: choose one of {', '.join(allowed)}")
    if not 0 < epochs_scale < math.inf:
        raise InputError(f"epochs_scale must be a number > 0, not {epochs_scale}")
