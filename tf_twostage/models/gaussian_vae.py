"""GaussianVAE: the objective (2) of the paper with Gaussian encoder and decoder.

One class serves both stages. Stage 1 has images x and latents z; stage 2 has those z as its data
and latents u. The names here are stage 1's.
"""

import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tf_twostage import recipes
from tf_twostage.models.trainable import Trainable


class VAEOutput(NamedTuple):
    """One pass: q(z|x) = N(mu_z, sd_z^2), a draw z from it, and the decoder mean x_hat at z."""

    mu_z: object  # [B, kappa]
    sd_z: object  # [B, kappa], > 0
    z: object  # [B, kappa]
    x_hat: object  # as x


class LossTerms(NamedTuple):
    """The two terms of equation (2), nats per example, [B] each; their sum may be negative."""

    kl: object
    reconstruction: object


def kl_divergence(mu_z, sd_z):
    """KL[N(mu, sd^2) || N(0, I)] = sum_j (mu_j^2 + sd_j^2 - 2 log sd_j - 1) / 2, [B]."""
    return ops.sum(ops.square(mu_z) + ops.square(sd_z) - 2 * ops.log(sd_z) - 1, axis=-1) / 2


def gaussian_loss(x, x_hat, log_sd_x):
    """-log N(x; x_hat, gamma I), [B], where sqrt(gamma) = sd_x = exp(log_sd_x).

    sum_i ((x_i - x_hat_i) / sd_x)^2 / 2 + log sd_x + log(2 pi) / 2.
    """
    squares = ops.square((x - x_hat) * ops.exp(-log_sd_x)) / 2
    return _sum_over_data(squares + log_sd_x + math.log(2 * math.pi) / 2)


def bernoulli_loss(x, x_hat):
    """Cross-entropy -sum_i x_i log x_hat_i + (1 - x_i) log(1 - x_hat_i), [B], for x in 0..1."""
    floor = recipes.PROBABILITY_FLOOR
    positive = x * ops.log(ops.maximum(x_hat, floor))
    negative = (1 - x) * ops.log(ops.maximum(1 - x_hat, floor))
    return -_sum_over_data(positive + negative)


def _sum_over_data(values):
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


class Latest(keras.metrics.Metric):
    """The latest value it was given, rather than a mean over the epoch."""

    def __init__(self, name: str, initializer="zeros", **kwargs):
        super().__init__(name=name, **kwargs)
        # Replicas hold the same value; Keras' default would read back their sum.
        self.value = self.add_variable((), initializer, aggregation="mean", name="value")

    def update_state(self, value):
        self.value.assign(value)

    def result(self):
        return self.value + 0.0  # a tensor, not the variable


class ActiveDimensions(keras.metrics.Metric):
    """How many lambda_j, the mean over examples of sd_z_j^2, lie below `recipes.ACTIVE_BELOW`.

    lambda_j are the eigenvalues of Sigma_z (section 3): about 0 where the dimension carries the
    manifold, 1 where it is superfluous.
    """

    def __init__(self, latent_dim: int, name: str = "active_dimensions", **kwargs):
        super().__init__(name=name, **kwargs)
        self.total = self.add_variable((latent_dim,), "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, sd_z):
        self.total.assign(self.total + ops.sum(ops.square(sd_z), axis=0))
        self.count.assign(self.count + ops.cast(ops.shape(sd_z)[0], self.count.dtype))

    def result(self):
        lambda_ = self.total / ops.maximum(self.count, 1.0)
        return ops.sum(ops.cast(lambda_ < recipes.ACTIVE_BELOW, lambda_.dtype))


class GaussianVAE(Trainable):
    """A kappa-simple VAE (definition 1): Gaussian encoder, Gaussian decoder with variance gamma.

    Call it, or `fit` it, on data [B, ...], or on {"x": data, "noise": eps [B, kappa]} where the
    caller wants to fix the noise of z = mu_z + sd_z * eps. `compile` needs an optimiser only: the
    loss is the mean over the batch of kl + reconstruction, plus the weight decay of the layers.

    Args:
      encoder: model from data to `networks.Posterior`.
      decoder: model from latents [B, kappa] to the decoder mean.
      latent_dim: kappa.
      learn_gamma: whether gamma is trained; False: gamma stays where it starts.
      likelihood: "gaussian", or "bernoulli" for the cross-entropy on data in 0..1; gamma is then
        unused and stays where it starts.
      log_sd_x: where log sd_x starts. 0 is gamma = 1, the paper's baseline where gamma is fixed.
      seed: int, seeds the noise where none is given.

    Attributes:
      log_sd_x: the weight behind gamma: the logarithm of the decoder's standard deviation
        sd_x = sqrt(gamma), as the authors train it.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        latent_dim: int,
        *,
        learn_gamma: bool = True,
        likelihood: str = "gaussian",
        log_sd_x: float = 0.0,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.latent_dim = latent_dim
        self.likelihood = likelihood
        self.noise = keras.random.SeedGenerator(seed)
        self.log_sd_x = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(log_sd_x),
            trainable=learn_gamma and likelihood == "gaussian",
            name="log_sd_x",
        )
        self.kl_metric = keras.metrics.Mean(name="kl")
        self.reconstruction_metric = keras.metrics.Mean(name="reconstruction")
        self.mse_metric = keras.metrics.MeanSquaredError(name="mse")  # a pixel, of draws z ~ q(z|x)
        self.gamma_metric = Latest(name="gamma", initializer="ones")
        self.active_metric = ActiveDimensions(latent_dim)

    @property
    def watched(self) -> tuple[keras.metrics.Metric, ...]:
        return self.kl_metric, self.reconstruction_metric

    @property
    def gamma(self) -> float:
        """The paper's gamma: the decoder's variance, exp(2 log_sd_x)."""
        return math.exp(2 * float(ops.convert_to_numpy(self.log_sd_x)))

    @property
    def sd_x(self) -> float:
        """The decoder's standard deviation sqrt(gamma), a number even where a graph is traced."""
        with tf.init_scope():
            return float(np.exp(self.log_sd_x.numpy()))

    def draw(self, x_hat, noise):
        """x ~ p(x|z): x_hat + sd_x * noise, [B, ...], arrays or tensors; sd_x as it is now.

        Args:
          x_hat: the decoder mean at z, [B, ...].
          noise: draws from N(0, 1), as x_hat.
        """
        return x_hat + self.sd_x * noise

    def build_for(self, data_shape: tuple[int, ...]) -> "GaussianVAE":
        """Creates all weights for data of this shape (without the batch); returns self.

        `row_shape` of either half is the shape of what it takes, without the batch.
        """
        self.encoder.row_shape = tuple(data_shape)
        self.decoder.row_shape = (self.latent_dim,)
        if not self.built:
            self(ops.zeros((1, *data_shape), self.compute_dtype))
        return self

    def call(self, inputs, training=False) -> VAEOutput:
        x, noise = self._split(inputs)
        mu_z, sd_z = self.encoder(x, training=training)
        if noise is None:
            noise = keras.random.normal(ops.shape(mu_z), dtype=mu_z.dtype, seed=self.noise)
        z = mu_z + sd_z * noise
        return VAEOutput(mu_z, sd_z, z, self.decoder(z, training=training))

    def loss_terms(self, x, output: VAEOutput) -> LossTerms:
        """KL and reconstruction term of equation (2) for each example."""
        kl = kl_divergence(output.mu_z, output.sd_z)
        return LossTerms(kl, self.reconstruction_loss(x, output.x_hat))

    def reconstruction_loss(self, x, x_hat):
        """-log p(x|z) at the decoder mean x_hat, or the cross-entropy, [B]."""
        if self.likelihood == "bernoulli":
            return bernoulli_loss(x, x_hat)
        return gaussian_loss(x, x_hat, self.log_sd_x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Equation (2), mean over the batch, plus weight decay; updates the logged terms."""
        data, _ = self._split(x)
        terms = self.loss_terms(data, y_pred)
        self.kl_metric.update_state(terms.kl)
        self.reconstruction_metric.update_state(terms.reconstruction)
        self.mse_metric.update_state(data, y_pred.x_hat)
        self.gamma_metric.update_state(ops.exp(2 * self.log_sd_x))
        self.active_metric.update_state(y_pred.sd_z)
        return self.total_loss(ops.mean(terms.kl + terms.reconstruction))

    def _split(self, inputs):
        if isinstance(inputs, dict):
            return inputs["x"], inputs["noise"]
        return inputs, None
