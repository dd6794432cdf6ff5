"""The seven GANs of Table 1, as the study that it cites trained them.

Sources are cited as [study] (Lucic et al., "Are GANs Created Equal?", and its public code), [TF1]
(a TensorFlow 1 default), [ours]. A step is one update of the discriminator D.
"""

import dataclasses
from typing import ClassVar, NamedTuple

from tf_twostage.recipes.base import Recipe, epochs_of

MODELS = ("mm_gan", "ns_gan", "lsgan", "wgan", "wgan_gp", "dragan", "began")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GANRecipe(Recipe):
    """One setting of a GAN."""

    batch_size: int = 64  # [study]
    fid_every: int = 5  # [study] the best of these checkpoints is reported
    discriminator_steps: int  # updates of D for each one of the generator
    discriminator_norm: bool  # batch norm in D
    penalty: float = 0.0  # lambda: of the gradient penalty; in BEGAN the rate at which k moves
    weight_clip: float = 0.0  # WGAN: D's weights stay within +-this; 0: not clipped
    equilibrium: float = 0.0  # BEGAN's gamma, L(G) / L(x) in equilibrium

    CHOICES: ClassVar = {"model": MODELS, "network": ("infogan",)}

    @property
    def images_per_step(self) -> int:
        """A step is one update of the generator, and those of D before it."""
        return self.batch_size * self.discriminator_steps


class Suggested(NamedTuple):
    """The settings that each model's authors suggest [study]."""

    adam_beta_1: float
    learning_rate: float
    discriminator_steps: int
    discriminator_norm: bool


SUGGESTED = {
    "mm_gan": Suggested(0.0, 5e-5, 1, True),
    "ns_gan": Suggested(0.0, 5e-5, 1, True),
    "lsgan": Suggested(0.5, 2e-4, 1, True),
    "wgan": Suggested(0.5, 5e-5, 5, True),
    "wgan_gp": Suggested(0.5, 1e-4, 5, False),
    "dragan": Suggested(0.5, 1e-4, 1, True),
    "began": Suggested(0.5, 1e-4, 5, False),
}
# [study] What single models have besides.
PENALTIES = {
    "wgan": {"weight_clip": 0.01},
    "wgan_gp": {"penalty": 10.0},
    "dragan": {"penalty": 10.0},
    "began": {"penalty": 1e-3, "equilibrium": 0.75},
}
# [study] 20, 20, 100 and 40 epochs of its 50,000 (CelebA: 162,000) images at batch 64. Our sets
# hold other numbers of images, so steps are kept.
STEPS = {"mnist": 15_625, "fashion_mnist": 15_625, "cifar10": 78_125, "celeba": 101_250}
DEFAULT_STEPS = 15_625  # for images that the study does not know: MNIST's

# [study] The ranges ("narrow") of the random settings behind the table's upper half: uniform in the
# logarithm, but for `equilibrium`, which is uniform, and the batch norm, which is on or off.
SEARCH_RANGES = {
    "learning_rate": (1e-4, 1e-3),
    "weight_clip": (1e-2, 1.0),  # WGAN
    "penalty": (0.1, 10.0),  # WGAN GP, DRAGAN
    "equilibrium": (0.6, 0.9),  # BEGAN
}
SEARCH_FIXED = {"adam_beta_1": 0.5, "discriminator_steps": 1}
SEARCHED = {  # what else is drawn than the learning rate
    "mm_gan": ("discriminator_norm",),
    "ns_gan": ("discriminator_norm",),
    "lsgan": ("discriminator_norm",),
    "wgan": ("discriminator_norm", "weight_clip"),
    "wgan_gp": ("penalty",),
    "dragan": ("penalty",),
    "began": ("discriminator_norm", "equilibrium"),
}
SEARCH_OFF = {"dragan": {"discriminator_norm": False}}  # where it differs from the suggested one

QUICK_STEPS = 2_000  # [ours] some minutes on a CPU
# [ours] The suggested rates of 5e-5 have hardly begun by then: the middle of the study's narrow
# ranges, and one update of D for each one of the generator.
QUICK = {"adam_beta_1": 0.5, "learning_rate": 3e-4, "discriminator_steps": 1}
QUICK_BATCH_NORM_DECAY = 0.99  # [ours] see `vae.QUICK_BATCH_NORM_DECAY`
# [ours] At WGAN's suggested 0.01 batch norm's scales are clipped as well: after 937 steps the
# generator's gradient was 1e-14, and its images were noise. At 0.1 it trains.
QUICK_WGAN_CLIP = 0.1


def suggested(model: str, dataset: str, train_images: int, network: str) -> GANRecipe:
    """The settings by each model's authors, on the study's network and number of steps."""
    values = SUGGESTED[model]._asdict() | PENALTIES.get(model, {})
    epochs = epochs_of(STEPS.get(dataset, DEFAULT_STEPS), train_images, GANRecipe.batch_size)
    return GANRecipe(
        name="suggested",
        model=model,
        stage1_epochs=epochs,
        fid_protocol="plain",  # [study]
        network=network,
        **values,
    )


def quick(model: str, dataset: str, train_images: int, network: str) -> GANRecipe:
    """A schedule for a CPU: an eighth of MNIST's steps or less, at a higher rate.

    Its FIDs are not to be compared with Table 1.
    """
    base = suggested(model, dataset, train_images, network)
    return dataclasses.replace(
        base,
        name="quick",
        weight_clip=QUICK_WGAN_CLIP if model == "wgan" else 0.0,
        stage1_epochs=epochs_of(QUICK_STEPS, train_images, base.batch_size),
        batch_norm_decay=QUICK_BATCH_NORM_DECAY,
        **QUICK,
    )
