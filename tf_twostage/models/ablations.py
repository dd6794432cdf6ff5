"""What the paper leaves out of the two-stage VAE to see what it is for (footnotes 5 and 6)."""

import math
from typing import NamedTuple

import keras
from keras import ops

from tf_twostage.models.gaussian_vae import (
    ActiveDimensions,
    GaussianVAE,
    Latest,
    LossTerms,
    VAEOutput,
)
from tf_twostage.models.trainable import Trainable


class Autoencoder(GaussianVAE):
    """Stage 1 without the KL term (footnote 5): z is the mean, and the loss the reconstruction.

    Its encoder is deterministic, so sd_z is 0, and the noise has no effect. All kappa dimensions
    count as active.
    """

    def loss_terms(self, x, output: VAEOutput) -> LossTerms:
        reconstruction = self.reconstruction_loss(x, output.x_hat)
        return LossTerms(ops.zeros_like(reconstruction), reconstruction)


class JointOutput(NamedTuple):
    """One pass through both stages: x -> z -> x_hat, and that z -> u -> z_hat."""

    stage1: VAEOutput
    stage2: VAEOutput


def entropy(sd_z):
    """The entropy of N(mu, diag(sd^2)), sum_j log sd_j + (1 + log 2 pi) / 2, [B]."""
    return ops.sum(ops.log(sd_z) + (1 + math.log(2 * math.pi)) / 2, axis=-1)


class JointVAE(Trainable):
    """Both stages as one model with two layers of latents, trained together (footnote 6).

    The model is p(x, z, u) = p(x|z) p(z|u) p(u), the posterior q(z|x) q(u|z). Jensen's inequality
    gives the loss of an image,

      -log p(x) <= E_q(z|x) E_q(u|z) [log q(z|x) + log q(u|z) - log p(x|z) - log p(z|u) - log p(u)]
                 = E_q(z|x) [-log p(x|z)]                                  (a)
                   + E_q(z|x) [log q(z|x)]                                 (b)
                   + E_q(z|x) [E_q(u|z) [-log p(z|u)] + KL(q(u|z) || p(u))]  (c).

    (a) is stage 1's reconstruction term, (c) stage 2's loss on z. Where one stage has
    KL(q(z|x) || p(z)), here stands (b) + (c): it is logged as `kl`. (b) is minus the entropy of
    q(z|x), which is known, so nothing is drawn for it. (At a draw of z it has the same gradient,
    as z - mu_z over sd_z is the noise, which no weight moves; only its value is noisier.) The other
    expectations are taken at one draw of z and one of u.

    `fit` it on {"x": images [B, H, W, C], "noise": [B, 2 kappa]}: the noise of z, then that of u.

    Args:
      stage1, stage2: built. Their own weights are trained, so each can be used, saved and loaded as
        after training them one by one.
    """

    def __init__(self, stage1: GaussianVAE, stage2: GaussianVAE, **kwargs):
        super().__init__(**kwargs)
        self.stage1 = stage1
        self.stage2 = stage2
        self.kl_metric = keras.metrics.Mean(name="kl")
        self.reconstruction_metric = keras.metrics.Mean(name="reconstruction")
        self.mse_metric = keras.metrics.MeanSquaredError(name="mse")  # a pixel
        self.gamma_metric = Latest(name="gamma", initializer="ones")
        self.active_metric = ActiveDimensions(stage1.latent_dim)
        self.gamma_z_metric = Latest(name="gamma_z", initializer="ones")
        self.built = True

    @property
    def watched(self) -> tuple[keras.metrics.Metric, ...]:
        return self.kl_metric, self.reconstruction_metric

    def call(self, inputs, training=False) -> JointOutput:
        noise_z, noise_u = ops.split(inputs["noise"], 2, axis=-1)
        first = self.stage1({"x": inputs["x"], "noise": noise_z}, training=training)
        second = self.stage2({"x": first.z, "noise": noise_u}, training=training)
        return JointOutput(first, second)

    def loss_terms(self, x, output: JointOutput) -> LossTerms:
        """The bound's terms for each example, [B] each."""
        first, second = output
        of_z = self.stage2.loss_terms(first.z, second)
        kl = of_z.kl + of_z.reconstruction - entropy(first.sd_z)
        return LossTerms(kl, self.stage1.reconstruction_loss(x, first.x_hat))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The bound, mean over the batch, plus weight decay; updates the logged terms."""
        terms = self.loss_terms(x["x"], y_pred)
        self.kl_metric.update_state(terms.kl)
        self.reconstruction_metric.update_state(terms.reconstruction)
        self.mse_metric.update_state(x["x"], y_pred.stage1.x_hat)
        self.gamma_metric.update_state(ops.exp(2 * self.stage1.log_sd_x))
        self.active_metric.update_state(y_pred.stage1.sd_z)
        self.gamma_z_metric.update_state(ops.exp(2 * self.stage2.log_sd_x))
        return self.total_loss(ops.mean(terms.kl + terms.reconstruction))
