import math

import graphs
import keras
import numpy as np
import pytest
import small_wae
import tensorflow as tf

from tf_twostage.data.batches import ImageBatches
from tf_twostage.models import networks, wae

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def mmd_by_hand(z, prior):
    """The estimator's definition, pair by pair."""

    def k(a, b):
        widths = [s * 2 * len(a) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)]
        return sum(c / (c + np.sum((a - b) ** 2)) for c in widths)

    n = len(z)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    same = sum(k(z[i], z[j]) + k(prior[i], prior[j]) for i, j in pairs if i != j)
    return same / (n**2 - n) - 2 * sum(k(z[i], prior[j]) for i, j in pairs) / n**2


def test_mmd_is_its_definition():
    z, prior = 1.5 * normal(5, 3) + 1, normal(5, 3)
    expected = mmd_by_hand(z.astype("float64"), prior.astype("float64"))
    assert float(wae.mmd(z, prior)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("scale", "shift", "same"), [(1, 0, True), (1.5, 0, False), (1, 0.5, False)]
)
def test_mmd_is_zero_on_average_under_equal_laws_alone(scale, shift, same):
    values = [float(wae.mmd(scale * normal(50, 4) + shift, normal(50, 4))) for _ in range(60)]
    standard_error = np.std(values) / math.sqrt(len(values))
    if same:
        assert abs(np.mean(values)) < 3 * standard_error
        assert min(values) < 0
    else:
        assert np.mean(values) > 5 * standard_error


def test_log_prior_is_the_density():
    from scipy import stats

    z = normal(4, 3)
    np.testing.assert_allclose(wae.log_prior(z), stats.norm.logpdf(z).sum(axis=1), rtol=1e-5)


def test_moment_gap_by_hand():
    z, prior = 2 * normal(20, 3) + 1, normal(20, 3)
    means = np.mean((z.mean(axis=0) - prior.mean(axis=0)) ** 2)
    covariances = np.mean((np.cov(z.T) - np.cov(prior.T)) ** 2)
    assert float(wae.moment_gap(z, prior)) == pytest.approx(means + covariances, rel=1e-5)


def batch(count=6):
    x = RNG.uniform(size=(count, *small_wae.SHAPE)).astype("float32")
    return {"x": x, "noise": normal(count, small_wae.KAPPA)}


def loss_and_logs(model, data):
    output = small_wae.compiled(model)(data, training=True)
    loss = float(model.compute_loss(data, None, output))
    return output, loss, {m.name: float(m.result()) for m in model.metrics}


def reconstruction_by_hand(data, output):
    x, x_hat = 2 * data["x"] - 1, 2 * np.asarray(output.x_hat) - 1
    return np.mean(np.sum((x - x_hat) ** 2, axis=(1, 2, 3)))


def decay_by_hand(model):
    kernels = [v.numpy() for v in model.encoder.trainable_variables if v.name == "kernel"]
    return 0.02 * sum(np.square(kernel).sum() for kernel in kernels) / 2


def test_loss_of_wae_mmd_by_hand():
    model, data = small_wae.make("wae_mmd", penalty=100.0), batch()
    output, loss, logs = loss_and_logs(model, data)
    reconstruction = reconstruction_by_hand(data, output)
    penalty = mmd_by_hand(np.asarray(output.z, "float64"), data["noise"].astype("float64"))
    expected = 0.05 * reconstruction + 100 * penalty + decay_by_hand(model)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert logs["reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    assert logs["penalty"] == pytest.approx(penalty, abs=1e-5)


def adversary_by_hand(model, z):
    """The logits, from the layers' weights."""
    for layer in model.adversary.layers:
        z_next = z @ layer.kernel.numpy() + layer.bias.numpy()
        hidden = np.maximum(z_next, 0)
        z, logit = hidden, z_next[:, 0]
    return logit


def logit_by_hand(model, z):
    prior = -np.sum(z**2, axis=1) / 2 - z.shape[1] / 2 * math.log(2 * math.pi)
    return adversary_by_hand(model, z) + prior


def log_sigmoid(t):
    return -np.log1p(np.exp(-t))


@pytest.fixture
def wae_gan():
    """With weights large enough that the adversary's logits count."""
    model = small_wae.make("wae_gan")
    for variable in model.adversary.variables:
        variable.assign(normal(*variable.shape))
    return model


def test_losses_of_wae_gan_by_hand(wae_gan):
    data = batch()
    output, loss, logs = loss_and_logs(wae_gan, data)
    encoded = logit_by_hand(wae_gan, np.asarray(output.z))
    drawn = logit_by_hand(wae_gan, data["noise"])
    penalty = -np.mean(log_sigmoid(encoded))
    expected = 0.05 * reconstruction_by_hand(data, output) + 10 * penalty + decay_by_hand(wae_gan)
    assert loss == pytest.approx(expected, rel=1e-4)
    assert logs["penalty"] == pytest.approx(penalty, rel=1e-4)
    adversary = -10 * (np.mean(log_sigmoid(drawn)) + np.mean(log_sigmoid(-encoded)))
    found = float(wae_gan.adversary_loss(output.z, data["noise"]))
    assert found == pytest.approx(adversary, rel=1e-4)


def test_a_step_of_wae_gan_moves_each_half_along_its_own_gradient(wae_gan):
    """With plain gradient descent; both gradients are those at the weights before the step."""
    data = {name: tf.constant(value) for name, value in batch().items()}
    wae_gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.01), jit_compile=False)
    wae_gan.build_optimizers()
    halves = [*wae_gan.encoder.trainable_variables, *wae_gan.decoder.trainable_variables]
    adversary = wae_gan.adversary.trainable_variables
    with tf.GradientTape(persistent=True) as tape:
        output = wae_gan(data, training=True)
        loss = wae_gan.compute_loss(data, None, output)
        adversary_loss = wae_gan.adversary_loss(output.z, data["noise"])
    expected = [v - 0.1 * g for v, g in zip(halves, tape.gradient(loss, halves), strict=True)]
    gradients = tape.gradient(adversary_loss, adversary)
    expected += [v - 0.01 * g for v, g in zip(adversary, gradients, strict=True)]
    wae_gan.reset_metrics()
    logs = wae_gan.train_step((data,))
    for variable, value in zip([*halves, *adversary], expected, strict=True):
        np.testing.assert_allclose(variable, value, rtol=1e-4, atol=1e-6)
    assert int(wae_gan.optimizer.iterations.numpy()) == 1
    assert float(logs["loss"]) == pytest.approx(float(loss), rel=1e-5)
    assert float(logs["adversary"]) == pytest.approx(float(adversary_loss), rel=1e-5)


def test_the_adversarys_layers_start_apart():
    model = small_wae.make("wae_gan", adversary_width=small_wae.KAPPA)
    first, second, _ = model.adversary.layers
    assert first.kernel.shape == second.kernel.shape
    assert np.all(first.kernel.numpy() != second.kernel.numpy())


PRETRAINING = ImageBatches(
    RNG.integers(0, 256, (500, *small_wae.SHAPE), np.uint8),
    small_wae.BATCH,
    small_wae.KAPPA,
    seed=1,
)


def gap(model):
    """Of the moments of all encodings to those of N(0, I)."""
    z = np.asarray(model.encoder(PRETRAINING.images / np.float32(255)).mean)
    covariance = np.cov(z.T) - np.eye(small_wae.KAPPA)
    return np.mean(z.mean(axis=0) ** 2) + np.mean(covariance**2)


def test_pretraining_fits_the_moments_of_the_encodings():
    models = [small_wae.make("wae_mmd") for _ in range(2)]
    before = [v.numpy() for v in models[0].decoder.variables]
    for model in models:
        model.encoder.mean.kernel.assign(10 * model.encoder.mean.kernel)
    assert gap(models[0]) > 5
    for model in models:
        model.pretrain(PRETRAINING)
    assert gap(models[0]) < 0.15  # below 0.1 on the last 256 images, to the moments of 256 draws
    for one, two in zip(models[0].variables, models[1].variables, strict=True):
        np.testing.assert_array_equal(one, two)
    for variable, value in zip(models[0].decoder.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_pretraining_takes_at_most_its_steps():
    model = small_wae.make("wae_mmd", pretrain_steps=0)
    before = [v.numpy() for v in model.variables]
    model.pretrain(small_wae.batches("wae_mmd"))
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_pretraining_leaves_no_graph_behind():
    model, batches = small_wae.make("wae_mmd", pretrain_steps=2), small_wae.batches("wae_mmd")
    model.pretrain(batches)
    before = graphs.count()
    model.pretrain(batches)
    assert graphs.count() <= before


@pytest.mark.parametrize("kind", ["wae_mmd", "wae_gan"])
def test_build_makes_the_infogan_network_deterministic(kind):
    model = wae.build(small_wae.recipe(model=kind), (8, 8, 1))
    assert (model.encoder.row_shape, model.decoder.row_shape) == ((8, 8, 1), (small_wae.KAPPA,))
    x = RNG.uniform(size=(2, 8, 8, 1)).astype("float32")
    posterior = model.encoder(x)
    assert isinstance(posterior, networks.Posterior)
    assert posterior.mean.shape == (2, small_wae.KAPPA)
    np.testing.assert_array_equal(posterior.stddev, np.zeros((2, small_wae.KAPPA)))
    images = np.asarray(model(x).x_hat)
    assert images.shape == x.shape
    assert 0 <= images.min() <= images.max() <= 1
    assert model.encoder.body.layers[-1].units == small_wae.KAPPA


def test_training_wae_mmd_fits_the_prior_and_the_images():
    model = small_wae.compiled(small_wae.make("wae_mmd"))
    data = ImageBatches(small_wae.IMAGES, len(small_wae.IMAGES) // small_wae.STEPS, 3, seed=0)
    logs = small_wae.train(model, data, epochs=30)
    assert logs["reconstruction"][-1] < 0.8 * logs["reconstruction"][0]
    assert set(logs) == {"loss", "reconstruction", "penalty"}
