"""The VAEs: the paper's two-stage model, its baselines and its two ablations.

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
from typing import ClassVar

from tf_twostage.recipes.base import Recipe, Schedule, epochs_of

MODELS = (
    "two_stage",
    "autoencoder",  # footnote 5: stage 1 without its KL term; stage 2 as ever
    "joint",  # footnote 6: both stages trained together
)
NETWORKS = ("infogan", "resnet", "wae")
GAMMAS = ("learned", "fixed")  # the words of --gamma and of folder names
LIKELIHOODS = ("gaussian", "bernoulli")

PROBABILITY_FLOOR = 1e-8  # [code], inside the logarithms of the cross-entropy
ACTIVE_BELOW = 0.1  # [ours] what counts as lambda_j << 1; they settle near 0 or 1 (Figure 11)


@dataclasses.dataclass(frozen=True, kw_only=True)
class VAERecipe(Recipe):
    """One setting of a VAE."""

    model: str = "two_stage"
    stage1_halve_every: int
    stage2_epochs: int
    stage2_halve_every: int
    learning_rate: float = 1e-4  # [D] both stages
    batch_size: int = 100  # [D]
    weight_decay: float = 5e-4  # [D]
    adam_beta_1: float = 0.9  # [D] "default hyperparameters in TensorFlow" [TF1]
    network: str = "infogan"  # [D] Table 1's network
    learn_gamma: bool = True  # else gamma = 1, the paper's baseline
    likelihood: str = "gaussian"
    latent_dim: int = 64  # kappa [F12], and InfoGAN [code]
    stage2_network: str = "mlp"  # [D]
    stage2_depth: int = 3  # [D]
    stage2_width: int = 1024  # [D] for Table 1; 2048 with the ResNet of the figures
    stage2_skip: bool = True  # [code] concatenates the input to the last hidden layer
    stage2_log_sd: float = 0.0  # [code] where log sd_z starts: sd_z^2 is stage 2's gamma
    resnet_scales: int = 3  # [F12] N = 4 for CelebA, 3 for the other sets
    resnet_channels: int = 32  # [F12]
    resnet_blocks: int = 2  # [F12] residual blocks a scale, the fully connected scale included
    resnet_flatten: bool = True  # [F12]; [code] averages over positions instead
    resnet_capped: bool = False  # [code] bounds the decoder's channels by RESNET_CAP
    bounded_sd: bool = False  # [ours] log sd_z of resnet, wae, log sd_u: within SD_BOUND

    CHOICES: ClassVar = {
        "model": MODELS,
        "network": NETWORKS,
        "stage2_network": ("mlp",),
        "likelihood": LIKELIHOODS,
    }
    CUSTOM: ClassVar = ("network", "stage2_network")
    LEAST: ClassVar = {"stage2_log_sd": -math.inf}

    @property
    def kind(self) -> str:
        """learned | fixed (gamma) | bernoulli; before it the model, where it is an ablation."""
        kind = "learned" if self.learn_gamma else "fixed"
        kind = self.likelihood if self.likelihood != "gaussian" else kind
        return kind if self.model == "two_stage" else f"{self.model}-{kind}"

    @classmethod
    def stages_of(cls, model: str) -> tuple[int, ...]:
        return (1,) if model == "joint" else (1, 2)

    def schedule(self, stage: int) -> Schedule:
        epochs, halve = (
            (self.stage1_epochs, self.stage1_halve_every),
            (self.stage2_epochs, self.stage2_halve_every),
        )[stage - 1]
        return Schedule(epochs, halve, self.learning_rate)


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


def _epochs(values: tuple[int, int, int, int]) -> dict[str, int]:
    names = ("stage1_epochs", "stage1_halve_every", "stage2_epochs", "stage2_halve_every")
    return dict(zip(names, values, strict=True))


def paper(model: str, dataset: str, train_images: int, network: str) -> VAERecipe:
    """The paper's appendix D. Image sets that the paper does not know get MNIST's epochs."""
    del train_images
    return VAERecipe(
        name="paper",
        model=model,
        **_epochs(PAPER_EPOCHS.get(dataset, DEFAULT_EPOCHS)),
        stage2_width=2048 if network == "resnet" else 1024,
        resnet_scales=4 if dataset == "celeba" else 3,
        jpeg=dataset == "cifar10",
        network=network,
    )


def official_code(model: str, dataset: str, train_images: int, network: str) -> VAERecipe:
    """The authors' published code: batch 64, no weight decay, their ResNet.

    With the ResNet or the WAE network on CelebA it is the command behind their pictures.
    """
    del train_images
    recipe = VAERecipe(
        name="official_code",
        model=model,
        **_epochs(CODE_EPOCHS.get(dataset, DEFAULT_EPOCHS)),
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


def quick(model: str, dataset: str, train_images: int, network: str) -> VAERecipe:
    """The paper's setting on a schedule for a CPU: a fixed number of steps, ten times the rate.

    What it gives up: MNIST's 240,000 + 480,000 steps become 4,800 + 14,400, so gamma ends about
    an order of magnitude above the paper's and weak latent dimensions have not yet separated.
    Its FIDs are not to be compared with Table 1. Steps, not epochs, are fixed, because log sd_x
    falls by the step: a small folder of images gets more epochs than a large one. The second
    stage starts at a smaller sd_z, and batch norm forgets faster: see QUICK_LOG_SD and
    QUICK_BATCH_NORM_DECAY. Images stay as they are, and the FID quoted first is the plain one.
    """
    base = paper(model, dataset, train_images, network)
    values = {"steps": QUICK_STEPS, "halvings": 2, "learning_rate": QUICK_LEARNING_RATE}
    values |= QUICK_MANIFOLD if dataset == "manifold" else {}
    steps, parts = values.pop("steps"), values.pop("halvings") + 1
    first, second = (epochs_of(count, train_images, base.batch_size) for count in steps)
    return dataclasses.replace(
        base,
        name="quick",
        **_epochs((first, math.ceil(first / parts), second, math.ceil(second / parts))),
        stage2_log_sd=QUICK_LOG_SD,
        batch_norm_decay=QUICK_BATCH_NORM_DECAY,
        jpeg=False,
        fid_protocol="plain",
        bounded_sd=True,  # at this rate a bad start is more likely to run away
        **values,
    )
