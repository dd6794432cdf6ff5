import math

import keras
import numpy as np
import pytest
import small_wae
import tensorflow as tf

from tf_twostage.models.ablations import JointVAE
from tf_twostage.models.gaussian_vae import GaussianVAE
from tf_twostage.models.networks import Posterior

RNG = np.random.default_rng(0)
KAPPA = small_wae.KAPPA


def batch(noise, count=6):
    x = RNG.uniform(size=(count, *small_wae.SHAPE)).astype("float32")
    return {"x": x, "noise": RNG.normal(size=(count, noise)).astype("float32")}


def loss_and_logs(model, data):
    output = small_wae.compiled(model)(data, training=True)
    loss = float(model.compute_loss(data, None, output))
    return output, loss, {m.name: float(m.result()) for m in model.metrics}


def log_density(x, mean, sd):
    from scipy import stats

    values = stats.norm.logpdf(np.asarray(x, "float64"), mean, sd)
    return values.reshape(len(values), -1).sum(axis=1)


def decay_by_hand(*encoders):
    variables = [v for encoder in encoders for v in encoder.trainable_variables]
    return 0.01 * sum(np.square(v.numpy()).sum() for v in variables if v.name == "kernel")


def test_the_autoencoder_has_no_noise_and_no_kl():
    model, data = small_wae.make("autoencoder"), batch(KAPPA)
    model.log_sd_x.assign(-0.7)
    output, loss, logs = loss_and_logs(model, data)
    np.testing.assert_array_equal(output.sd_z, np.zeros((6, KAPPA)))
    np.testing.assert_array_equal(output.z, output.mu_z)
    reconstruction = -np.mean(log_density(data["x"], output.x_hat, math.exp(-0.7)))
    assert loss == pytest.approx(reconstruction + decay_by_hand(model.encoder), rel=1e-5)
    assert logs["kl"] == 0
    assert logs["reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    assert logs["gamma"] == pytest.approx(math.exp(-1.4), rel=1e-5)


def test_the_autoencoder_learns_gamma_and_both_halves():
    model = small_wae.compiled(small_wae.make("autoencoder"))
    before = [v.numpy() for v in model.trainable_variables]
    logs = small_wae.train(model, small_wae.batches("autoencoder"))
    assert np.isfinite(logs["loss"]).all()
    for variable, value in zip(model.trainable_variables, before, strict=True):
        assert np.any(variable.numpy() != value), variable.path


def test_the_joint_loss_by_hand():
    model, data = small_wae.make("joint"), batch(2 * KAPPA)
    model.stage1.log_sd_x.assign(-0.7)
    model.stage2.log_sd_x.assign(-0.2)
    (first, second), loss, logs = loss_and_logs(model, data)
    eps_z, eps_u = np.split(data["noise"], 2, axis=1)
    np.testing.assert_allclose(first.z, first.mu_z + first.sd_z * eps_z, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(second.z, second.mu_z + second.sd_z * eps_u, rtol=1e-5, atol=1e-6)
    entropy = np.sum(np.log(first.sd_z) + (1 + math.log(2 * math.pi)) / 2, axis=1)
    mu, sd = np.asarray(second.mu_z), np.asarray(second.sd_z)
    kl_u = np.sum(mu**2 + sd**2 - 2 * np.log(sd) - 1, axis=1) / 2
    kl = np.mean(-entropy - log_density(first.z, second.x_hat, math.exp(-0.2)) + kl_u)
    reconstruction = -np.mean(log_density(data["x"], first.x_hat, math.exp(-0.7)))
    decay = decay_by_hand(model.stage1.encoder, model.stage2.encoder)
    assert loss == pytest.approx(kl + reconstruction + decay, rel=1e-5)
    assert logs["kl"] == pytest.approx(kl, rel=1e-5)
    assert logs["reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    gammas = {"gamma": math.exp(-1.4), "gamma_z": math.exp(-0.4)}
    assert {name: logs[name] for name in gammas} == pytest.approx(gammas, rel=1e-5)


class Linear(keras.Model):
    """x -> N(factor * x, sd^2), or where sd is None, factor * x alone."""

    def __init__(self, factor, sd=None):
        super().__init__()
        self.factor, self.sd = factor, sd

    def call(self, x, training=False):
        mean = self.factor * x
        return mean if self.sd is None else Posterior(mean, self.sd * tf.ones_like(x))


def linear_vae(factor, gamma, prior_variance):
    """p(x|z) = N(factor * z, gamma) with the exact posterior under z ~ N(0, prior_variance)."""
    variance = 1 / (1 / prior_variance + factor**2 / gamma)
    encoder = Linear(variance * factor / gamma, math.sqrt(variance))
    log_sd = 0.5 * math.log(gamma)
    return GaussianVAE(encoder, Linear(factor), 1, log_sd_x=log_sd).build_for((1,))


def test_the_joint_bound_is_the_evidence_where_both_posteriors_are_exact():
    """u ~ N(0, 1), z = 0.8 u + noise of variance 0.3, x = 1.7 z + noise of variance 0.5."""
    variance_z = 0.8**2 + 0.3
    model = JointVAE(linear_vae(1.7, 0.5, variance_z), linear_vae(0.8, 0.3, 1.0))
    count = 40_000
    x = np.repeat(np.float32([[-1.0], [0.4], [2.5]]), count, axis=0)
    data = {"x": x, "noise": RNG.normal(size=(len(x), 2)).astype("float32")}
    terms = model.loss_terms(x, model(data))
    bounds = np.reshape(terms.kl + terms.reconstruction, (3, count))
    evidence = log_density(x[::count], 0, math.sqrt(1.7**2 * variance_z + 0.5))
    errors = np.std(bounds, axis=1) / math.sqrt(count)
    assert np.all(errors < 0.01)
    assert np.all(np.abs(np.mean(bounds, axis=1) + evidence) < 4 * errors)


def test_the_joint_bound_is_looser_with_another_posterior():
    model = JointVAE(linear_vae(1.7, 0.5, 5.0), linear_vae(0.8, 0.3, 1.0))  # for a wider p(z)
    x = np.full((40_000, 1), 1.5, "float32")
    data = {"x": x, "noise": RNG.normal(size=(len(x), 2)).astype("float32")}
    terms = model.loss_terms(x, model(data))
    evidence = log_density(x[:1], 0, math.sqrt(1.7**2 * (0.8**2 + 0.3) + 0.5))[0]
    assert float(np.mean(terms.kl + terms.reconstruction)) > -evidence + 0.02


def test_joint_gradients_reach_every_weight_of_both_stages():
    model = small_wae.compiled(small_wae.make("joint"))
    before = [v.numpy() for v in model.trainable_variables]
    logs = small_wae.train(model, small_wae.batches("joint"))
    expected = {"loss", "kl", "reconstruction", "mse", "gamma", "active_dimensions", "gamma_z"}
    assert set(logs) == expected
    stages = [*model.stage1.trainable_variables, *model.stage2.trainable_variables]
    assert {id(v) for v in stages} == {id(v) for v in model.trainable_variables}
    for variable, value in zip(model.trainable_variables, before, strict=True):
        assert np.any(variable.numpy() != value), variable.path
