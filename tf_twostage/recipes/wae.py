"""The two Wasserstein autoencoders of section 6.

Sources are cited as [WAE] (Tolstikhin et al., "Wasserstein Auto-Encoders", CelebA, and its public
code), [TF1] (a TensorFlow 1 default), [ours].
"""

import dataclasses
from typing import ClassVar

from tf_twostage.recipes import vae
from tf_twostage.recipes.base import Recipe, Schedule, epochs_of

MODELS = ("wae_mmd", "wae_gan")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WAERecipe(Recipe):
    """One setting of a WAE."""

    stage1_epochs: int = 55  # [WAE]
    first_drop_epoch: int = 30  # [WAE] the rates are halved
    second_drop_epoch: int = 50  # [WAE] the rates are divided by five
    batch_size: int = 100  # [WAE]
    adam_beta_1: float = 0.5  # [WAE]
    penalty: float  # lambda, of the distance of q(z) to N(0, I)
    reconstruction_weight: float = 0.05  # [WAE] of sum (x - x_hat)^2, images in -1..1
    adversary_rate: float = 1e-3  # [WAE-GAN] learning rate of the adversary on z
    adversary_depth: int = 4  # [WAE-GAN]
    adversary_width: int = 512  # [WAE-GAN]
    pretrain_steps: int = 200  # [WAE] at most: the encoder alone, to the prior's moments

    CHOICES: ClassVar = {"model": MODELS, "network": ("infogan", "wae")}
    LEAST: ClassVar = {"pretrain_steps": 0}

    def schedule(self, stage: int) -> Schedule:
        drops = ((self.first_drop_epoch, 2), (self.second_drop_epoch, 5))
        return Schedule(self.stage1_epochs, None, self.learning_rate, drops)


SUGGESTED = {
    "wae_mmd": {"learning_rate": 1e-3, "penalty": 100.0},  # [WAE]
    "wae_gan": {"learning_rate": 3e-4, "penalty": 1.0},  # [WAE]
}
QUICK_STEPS = vae.QUICK_STEPS[0]  # [ours] as stage 1


def suggested(model: str, dataset: str, train_images: int, network: str) -> WAERecipe:
    """The WAE paper's settings for CelebA, on any images."""
    del train_images
    jpeg = dataset == "cifar10"  # as the VAE rows of the table
    return WAERecipe(name="suggested", model=model, jpeg=jpeg, network=network, **SUGGESTED[model])


def quick(model: str, dataset: str, train_images: int, network: str) -> WAERecipe:
    """The same on a schedule for a CPU, with as many steps as stage 1 of the `quick` VAE."""
    base = suggested(model, dataset, train_images, network)
    epochs = epochs_of(QUICK_STEPS, train_images, base.batch_size)
    return dataclasses.replace(
        base.scaled(epochs / base.stage1_epochs),
        name="quick",
        stage1_epochs=epochs,
        batch_norm_decay=vae.QUICK_BATCH_NORM_DECAY,
        jpeg=False,
        fid_protocol="plain",
    )
