import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_twostage import recipes
from tf_twostage.models import latent_networks
from tf_twostage.models.gaussian_vae import (
    ActiveDimensions,
    GaussianVAE,
    bernoulli_loss,
    gaussian_loss,
    kl_divergence,
)

RNG = np.random.default_rng(0)


def recipe(**values):
    tiny = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)
    return dataclasses.replace(tiny, **values)


def latent_vae(**values):
    setting = recipe(**values)
    model = GaussianVAE(
        *latent_networks.second_stage(setting),
        setting.latent_dim,
        learn_gamma=setting.learn_gamma,
        likelihood=setting.likelihood,
    )
    return model.build_for((setting.latent_dim,))


def data(count=6):
    x = RNG.normal(size=(count, 4)).astype("float32")
    return {"x": x, "noise": RNG.normal(size=x.shape).astype("float32")}


def test_kl_against_scipy_quadrature():
    from scipy import integrate, stats

    def integrand(z, mu, sd):
        log_ratio = stats.norm.logpdf(z, mu, sd) - stats.norm.logpdf(z)
        return stats.norm.pdf(z, mu, sd) * log_ratio

    mu, sd = np.array([[0.7, -1.2]], "float32"), np.array([[0.3, 1.5]], "float32")
    expected = sum(
        integrate.quad(integrand, -12, 12, args=pair)[0] for pair in zip(mu[0], sd[0], strict=True)
    )
    assert float(kl_divergence(mu, sd)[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("log_sd_x", [0.0, -2.3])
def test_gaussian_loss_is_the_negative_log_density(log_sd_x):
    from scipy import stats

    x, x_hat = RNG.uniform(size=(2, 3, 4, 4, 1)).astype("float32")
    expected = -stats.norm.logpdf(x, x_hat, math.exp(log_sd_x)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(gaussian_loss(x, x_hat, log_sd_x), expected, rtol=1e-5)


def test_bernoulli_loss_by_hand_and_at_the_ends():
    x = np.array([[1.0, 0.0, 0.25]], "float32")
    x_hat = np.array([[0.5, 0.0, 1.0]], "float32")
    expected = -(math.log(0.5) + 0.75 * math.log(1e-8))
    assert float(bernoulli_loss(x, x_hat)[0]) == pytest.approx(expected, rel=1e-5)


def test_compute_loss_is_mean_of_terms_plus_weight_decay():
    model, batch = latent_vae(weight_decay=0.02), data()
    model.compile(keras.optimizers.SGD(0.0))
    output = model(batch, training=True)
    loss = float(model.compute_loss(batch, None, output))
    terms = model.loss_terms(batch["x"], output)
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
    assert len(kernels) == 9
    decay = 0.02 * sum(np.square(kernel).sum() for kernel in kernels) / 2  # TF1's l2_regularizer
    expected = np.mean(terms.kl + terms.reconstruction) + decay
    assert loss == pytest.approx(expected, rel=1e-5)
    assert float(model.kl_metric.result()) == pytest.approx(np.mean(terms.kl), rel=1e-5)
    mse = np.mean(np.square(batch["x"] - output.x_hat))
    assert float(model.mse_metric.result()) == pytest.approx(mse, rel=1e-5)


def test_gradient_of_weight_decay_is_its_rate_times_the_weight():
    def gradients(rate):
        keras.utils.set_random_seed(0)
        model = latent_vae(weight_decay=rate)
        model.compile(keras.optimizers.SGD())
        with tf.GradientTape() as tape:
            loss = model.compute_loss(batch, None, model(batch, training=True))
        variables = model.trainable_variables
        return variables, tape.gradient(loss, [v.value for v in variables])

    batch = data()
    variables, plain = gradients(0.0)
    _, decayed = gradients(0.5)
    for variable, without, with_ in zip(variables, plain, decayed, strict=True):
        expected = 0.5 * variable.numpy() if variable.name == "kernel" else 0 * variable.numpy()
        np.testing.assert_allclose(with_ - without, expected, rtol=1e-2, atol=2e-4)


def test_learned_gamma_moves_and_fixed_gamma_does_not():
    for learned in (True, False):
        model = latent_vae(learn_gamma=learned)
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(data(100)["x"], batch_size=10, verbose=0)
        assert (model.gamma != 1.0) == learned
        names = [v.name for v in model.trainable_variables]
        assert ("log_sd_x" in names) == learned


def test_bernoulli_leaves_gamma_alone_and_its_loss_falls():
    model = latent_vae(likelihood="bernoulli")
    assert "log_sd_x" not in [v.name for v in model.trainable_variables]
    assert model.gamma == 1.0


def test_optimal_gamma_is_the_mean_squared_error():
    """At the optimum over gamma alone, the paper's gamma (variance) is the reconstruction MSE."""
    model, batch = latent_vae(weight_decay=0.0), data(500)
    output = model(batch)
    mse = float(np.mean(np.square(batch["x"] - output.x_hat)))
    losses = {}
    for factor in (0.9, 1.0, 1.1):
        model.log_sd_x.assign(0.5 * math.log(mse * factor))
        losses[factor] = float(np.mean(model.loss_terms(batch["x"], output).reconstruction))
    assert losses[1.0] < min(losses[0.9], losses[1.1])
    model.log_sd_x.assign(0.5 * math.log(mse))
    assert model.gamma == pytest.approx(mse, rel=1e-5)


def test_plain_arrays_draw_fresh_noise():
    model = latent_vae()
    x = data()["x"]
    first, second = model(x), model(x)
    np.testing.assert_array_equal(first.mu_z, second.mu_z)
    assert not np.array_equal(first.z, second.z)


def test_active_dimensions_counts_small_lambda():
    metric = ActiveDimensions(4)
    metric.update_state(np.sqrt(np.array([[0.01, 0.08, 0.9, 1.0], [0.03, 0.14, 0.9, 1.0]])))
    assert float(metric.result()) == 1  # lambda = 0.02, 0.11, 0.9, 1
    metric.update_state(np.sqrt(np.array([[0.01, 0.05, 0.9, 1.0]])))
    assert float(metric.result()) == 2  # the second falls to 0.09


def test_theorem_4_linear_case_finds_the_subspace():
    """Data on a 2-dimensional linear manifold in R^4: gamma falls, two dimensions stay active."""
    keras.utils.set_random_seed(1)
    basis = RNG.normal(size=(2, 4))
    x = (RNG.normal(size=(2000, 2)) @ basis).astype("float32")
    model = latent_vae(weight_decay=0.0, stage2_width=32)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(x, batch_size=100, epochs=40, verbose=0)
    lambda_ = np.sort(np.mean(np.square(model(x).sd_z), axis=0))
    assert model.gamma < 0.05
    assert lambda_[1] < 0.2
    assert lambda_[2] > 0.8
