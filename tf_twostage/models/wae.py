"""WAE-MMD and WAE-GAN: Wasserstein autoencoders (Tolstikhin et al., ICLR 2018).

Encoder and decoder are those of the first stage, but the encoder gives one z for an image. What
keeps the distribution q(z) of all encodings near the prior p(z) = N(0, I) is a penalty:

  loss = weight * E_x ||x - x_hat||^2 + lambda * D(q(z), p(z)).
"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from tf_twostage import network_values as sizes
from tf_twostage.data.batches import ImageBatches
from tf_twostage.models import networks
from tf_twostage.models.adam import Adam
from tf_twostage.models.layers import Dense
from tf_twostage.models.trainable import Trainable


class WAEOutput(NamedTuple):
    """One pass: the encodings z [B, kappa], and their images x_hat, as x."""

    z: object
    x_hat: object


def squared_error(x, x_hat):
    """||x - x_hat||^2 of images on the scale -1..1, [B]; both are given in 0..1.

    The authors' images and tanh decoder are in -1..1. As tanh(a) = 2 sigmoid(2a) - 1, their decoder
    and ours give the same functions.
    """
    return ops.sum(ops.square(2 * (x - x_hat)), axis=(1, 2, 3))


def kernel(a, b):
    """Inverse multiquadratics: sum_s C_s / (C_s + ||a_i - b_j||^2), C_s = s 2 kappa, [n, m].

    Args:
      a, b: [n, kappa] and [m, kappa].
    """
    squares = ops.sum(ops.square(a), -1)[:, None] + ops.sum(ops.square(b), -1)[None, :]
    distances = squares - 2 * ops.matmul(a, ops.transpose(b))
    widths = [scale * 2 * a.shape[-1] for scale in sizes.MMD_SCALES]
    return sum(width / (width + distances) for width in widths)


def mmd(z, prior):
    """Estimate of MMD^2 between the laws of z and of draws from the prior, [n, kappa] both.

    mean of k(z_i, z_j) over i != j + mean of k(p_i, p_j) over i != j - 2 mean of k(z_i, p_j): its
    expectation is 0 where both laws are the same, and single values may be negative.
    """
    among = _mean_of_pairs(kernel(z, z)) + _mean_of_pairs(kernel(prior, prior))
    return among - 2 * ops.mean(kernel(z, prior))


def _mean_of_pairs(k):
    """The mean of all k_ij, i != j."""
    n = ops.cast(ops.shape(k)[0], k.dtype)
    return (ops.sum(k) - ops.trace(k)) / (n * n - n)


def log_prior(z):
    """log N(z; 0, I), [B]."""
    return -(ops.sum(ops.square(z), -1) + z.shape[-1] * math.log(2 * math.pi)) / 2


def moment_gap(z, prior):
    """Mean squared difference of the means plus that of the covariances' entries.

    Args:
      z, prior: [n, kappa] both.
    """
    gaps = zip(_moments(z), _moments(prior), strict=True)
    return sum(ops.mean(ops.square(ours - theirs)) for ours, theirs in gaps)


def _moments(z):
    """Mean [kappa] and unbiased covariance [kappa, kappa]."""
    mean = ops.mean(z, axis=0)
    centred = z - mean
    return mean, ops.matmul(ops.transpose(centred), centred) / (z.shape[0] - 1)


class WAE(Trainable):
    """What both have in common.

    Call it on images [B, H, W, C] in 0..1; `fit` it on {"x": images, "noise": draws from p(z)
    [B, kappa]}. It logs the two terms without their weights, mean over the epoch.

    Args:
      encoder: model from images to `networks.Posterior`, deterministic.
      decoder: model from latents [B, kappa] to images in 0..1.
      recipe: the setting.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, recipe, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.recipe = recipe
        self.adversary_optimizer = None
        self.reconstruction_metric = keras.metrics.Mean(name="reconstruction")
        self.penalty_metric = keras.metrics.Mean(name="penalty")

    def divergence(self, z, prior):
        """D(q(z), p(z)) from encodings and from draws from the prior, [B, kappa] both: a scalar."""
        raise NotImplementedError

    @property
    def watched(self) -> tuple[keras.metrics.Metric, ...]:
        return self.reconstruction_metric, self.penalty_metric

    def compile(self, optimizer=None, adversary_optimizer=None, **kwargs):
        """`keras.Model.compile`.

        Args:
          optimizer: of encoder and decoder; it counts the steps.
          adversary_optimizer: of WAE-GAN's adversary.
        """
        super().compile(optimizer, **kwargs)
        self.adversary_optimizer = adversary_optimizer

    def call(self, inputs, training=False) -> WAEOutput:
        x = inputs["x"] if isinstance(inputs, dict) else inputs
        z = self.encoder(x, training=training).mean
        return WAEOutput(z, self.decoder(z, training=training))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The sum of both terms with their weights, plus weight decay; updates the logged terms."""
        reconstruction = ops.mean(squared_error(x["x"], y_pred.x_hat))
        penalty = self.divergence(y_pred.z, x["noise"])
        self.reconstruction_metric.update_state(reconstruction)
        self.penalty_metric.update_state(penalty)
        weighted = self.recipe.reconstruction_weight * reconstruction
        return self.total_loss(weighted + self.recipe.penalty * penalty)

    def pretrain(self, batches: ImageBatches) -> None:
        """Fits the encoder alone until mean and covariance of q(z) are about those of p(z).

        It takes at most `recipe.pretrain_steps` steps of Adam on 256 images, and stops where
        `moment_gap` falls below 0.1. The gap is a mean over kappa^2 entries, and 1/kappa where all
        encodings are 0: for kappa = 64 the steps only shrink encodings that are far too large.
        """
        size = min(sizes.PRETRAIN_IMAGES, len(batches.images))
        step = self._pretraining_step()
        stream = dataclasses.replace(batches, batch_size=size).stream()
        for batch in stream.take(self.recipe.pretrain_steps):
            if float(step(batch)) < sizes.PRETRAIN_ENOUGH:
                break

    def _pretraining_step(self) -> Callable:
        """`step(batch)` makes one step and returns the gap before it.

        Every replica does the same on the whole batch: its gradients, which the optimiser sums, are
        divided by the number of replicas.
        """
        strategy, variables = self.distribute_strategy, self.encoder.trainable_variables
        values = self.recipe
        with strategy.scope():
            optimizer = Adam(
                values.learning_rate, values.adam_beta_1, values.adam_beta_2, values.adam_epsilon
            )
            optimizer.build(variables)

        def replica_step(batch):
            with tf.GradientTape() as tape:
                gap = moment_gap(self.encoder(batch["x"], training=True).mean, batch["noise"])
                share = self._aggregate_additional_loss(gap)
            optimizer.apply_gradients(zip(tape.gradient(share, variables), variables, strict=True))
            return gap

        @tf.function(autograph=False)
        def step(batch):
            return strategy.reduce("MEAN", strategy.run(replica_step, (batch,)), axis=None)

        return step


class WAEMMD(WAE):
    """The penalty is the maximum mean discrepancy, D = MMD^2(q(z), p(z))."""

    def divergence(self, z, prior):
        return mmd(_of_all_replicas(z), _of_all_replicas(prior))


class WAEGAN(WAE):
    """The penalty comes from an adversary T that tells draws from p(z) and encodings apart.

    Its logit is T(z) + log p(z), so that T has to learn -log q(z) only. With sigma the sigmoid,
      encoder:    D = -E_q log sigma(logit(z)), the non-saturating loss
      adversary:  lambda * (-E_p log sigma(logit(z)) - E_q log(1 - sigma(logit(z)))).

    Deviation: the authors' code adds the log p(z) of each row to the logits of all others, which
    the paper does not mean.
    """

    def __init__(self, encoder: keras.Model, decoder: keras.Model, recipe, **kwargs):
        super().__init__(encoder, decoder, recipe, **kwargs)
        self.adversary = _adversary(recipe)
        self.adversary_metric = keras.metrics.Mean(name="adversary")

    @property
    def watched(self) -> tuple[keras.metrics.Metric, ...]:
        return *super().watched, self.adversary_metric

    def build_optimizers(self) -> None:
        self.optimizer.build(self._autoencoder_variables())
        self.adversary_optimizer.build(self.adversary.trainable_variables)

    def logit(self, z):
        """How much more likely z [B, kappa] comes from p(z) than from q(z), [B]."""
        return self.adversary(z)[:, 0] + log_prior(z)

    def divergence(self, z, prior):
        return ops.mean(ops.softplus(-self.logit(z)))

    def adversary_loss(self, z, prior):
        """The adversary's loss on encodings and draws from the prior, [B, kappa] both: a scalar."""
        real, fake = ops.softplus(-self.logit(prior)), ops.softplus(self.logit(z))
        return self.recipe.penalty * (ops.mean(real) + ops.mean(fake))

    def train_step(self, data):
        """One step of encoder and decoder, then one of the adversary.

        Deviation: the adversary's step has the encodings of before the update. The authors encode
        the batch a second time.
        """
        batch, *_ = keras.utils.unpack_x_y_sample_weight(data)
        output = self._train_autoencoder(batch)
        self._train_adversary(output.z, batch["noise"])
        return self.compute_metrics(batch, None, output)

    def _train_autoencoder(self, batch) -> WAEOutput:
        variables = self._autoencoder_variables()
        with tf.GradientTape() as tape:
            output = self(batch, training=True)
            loss = self.compute_loss(batch, None, output)
        self.track_loss(loss)
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return output

    def _train_adversary(self, z, prior) -> None:
        variables = self.adversary.trainable_variables
        with tf.GradientTape() as tape:
            loss = self.adversary_loss(z, prior)
            share = self._aggregate_additional_loss(loss)
        self.adversary_metric.update_state(loss)
        gradients = tape.gradient(share, variables)
        self.adversary_optimizer.apply_gradients(zip(gradients, variables, strict=True))

    def _autoencoder_variables(self) -> list:
        return [*self.encoder.trainable_variables, *self.decoder.trainable_variables]


def _adversary(recipe) -> keras.Sequential:
    """Dense layers with relu, then a logit: [B, kappa] -> [B, 1]."""

    def dense(units, activation=None):
        # An initialiser gives all its layers the same numbers, so each layer has its own.
        return Dense(units, activation, **networks.Context().kernel(sizes.ADVERSARY_STDDEV))

    hidden = [dense(recipe.adversary_width, "relu") for _ in range(recipe.adversary_depth)]
    adversary = keras.Sequential([*hidden, dense(1)])
    adversary.build((None, recipe.latent_dim))
    return adversary


def _of_all_replicas(values):
    """The rows [b, ...] of all replicas: [B, ...]. Gradients go back to where they come from."""
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
        return values
    return tf.ensure_shape(context.all_gather(values, axis=0), (None, *values.shape[1:]))


def build(recipe, image_shape: tuple[int, int, int], synchronized: bool = False) -> WAE:
    """The model of a recipe, with all weights, for images [H, W, C].

    Deviation: its networks see images in 0..1 and not in -1..1, as all others do here.
    """
    halves = networks.first_stage(recipe, image_shape, synchronized, deterministic=True)
    model = {"wae_mmd": WAEMMD, "wae_gan": WAEGAN}[recipe.model](*halves, recipe)
    model.encoder.row_shape = tuple(image_shape)
    model.decoder.row_shape = (recipe.latent_dim,)
    model(ops.zeros((1, *image_shape), model.compute_dtype))
    return model
