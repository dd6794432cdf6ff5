"""Small dense networks for points of R^d; without hidden layers they are linear."""

import keras
from keras import ops

from tf_twostage.models.ablations import Autoencoder
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.layers import Dense
from tf_twostage.models.networks import Posterior, point


class Hidden(keras.Model):
    """`depth` dense layers with SiLU; the input is put beside their output: [B, m + width].

    With depth 0 it hands its input on.
    """

    def __init__(self, width: int, depth: int, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [Dense(width, activation="silu") for _ in range(depth)]

    def call(self, x, training=False):
        y = x
        for layer in self.hidden:
            y = layer(y)
        return ops.concatenate([x, y], axis=-1) if self.hidden else x


class Encoder(keras.Model):
    """q(z|x) of points [B, d]: hidden layers, heads mu_z and log sd_z.

    sd_z is 1 at the start; with `deterministic` it is 0 for ever.
    """

    def __init__(self, kappa: int, width: int, depth: int, deterministic: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.body = Hidden(width, depth)
        self.mean = Dense(kappa)
        self.log_stddev = None if deterministic else Dense(kappa, kernel_initializer="zeros")

    def call(self, x, training=False):
        hidden = self.body(x)
        mean = self.mean(hidden)
        if self.log_stddev is None:
            return point(mean)
        return Posterior(mean, ops.exp(self.log_stddev(hidden)))


class Decoder(keras.Model):
    """The decoder mean x_hat [B, d] at latents [B, kappa]: hidden layers, one linear head."""

    def __init__(self, d: int, width: int, depth: int, **kwargs):
        super().__init__(**kwargs)
        self.body = Hidden(width, depth)
        self.mean = Dense(d)

    def call(self, z, training=False):
        return self.mean(self.body(z))


def vae(d: int, kappa: int, width: int, depth: int, seed: int, **options) -> GaussianVAE:
    """A VAE of points [B, d], built; its weights depend on `seed` alone."""
    keras.utils.set_random_seed(seed)
    halves = Encoder(kappa, width, depth), Decoder(d, width, depth)
    return GaussianVAE(*halves, kappa, seed=seed, **options).build_for((d,))


def autoencoder(d: int, kappa: int, width: int, depth: int, seed: int) -> Autoencoder:
    """The same without noise and KL term."""
    keras.utils.set_random_seed(seed)
    halves = Encoder(kappa, width, depth, deterministic=True), Decoder(d, width, depth)
    return Autoencoder(*halves, kappa, seed=seed).build_for((d,))
