"""Every loss, penalty and update of the GANs against NumPy."""

import keras
import numpy as np
import pytest
import small_gan
import tensorflow as tf
from small_gan import recipe

from tf_twostage.errors import InputError
from tf_twostage.models import fused, gan_networks, gans
from tf_twostage.models.gan import Scores, slope_penalty
from tf_twostage.models.layers import ZeroDebiasedBatchNormalization
from tf_twostage.models.networks import Context

RNG = np.random.default_rng(0)
F_REAL, F_FAKE = RNG.normal(0, 2, (2, 6, 1)).astype("float32")
ERRORS = RNG.uniform(size=(2, 6)).astype("float32")  # BEGAN's L
NAMES = tuple(gans.MODELS)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


class Squares(keras.layers.Layer):
    """f(x) = |x|^2 / 2, whose gradient at x is x."""

    def call(self, x, training=False):
        return keras.ops.sum(keras.ops.square(x), axis=-1, keepdims=True) / 2


class Halves(keras.layers.Layer):
    """An autoencoder that gives back x / 2."""

    def call(self, x, training=False):
        return x / 2


class Constant(keras.layers.Layer):
    """A generator of the points (0.5, 0.5), whatever z."""

    def call(self, z, training=False):
        return keras.ops.full((z.shape[0], 2), 0.5)


def model_of(name, discriminator=None, generator=None, **values):
    halves = generator or Constant(), discriminator or Squares()
    return gans.MODELS[name](*halves, recipe(name, **values))


def losses_by_hand(real, fake):
    """Name -> (the discriminator's loss, the generator's) for logits."""
    d_real, d_fake = sigmoid(real), sigmoid(fake)
    minimax = -np.mean(np.log(d_real)) - np.mean(np.log(1 - d_fake))
    saturating, not_saturating = np.mean(np.log(1 - d_fake)), -np.mean(np.log(d_fake))
    squares = (np.mean((d_real - 1) ** 2) + np.mean(d_fake**2)) / 2
    wasserstein = -np.mean(real) + np.mean(fake)
    return {
        "mm_gan": (minimax, saturating),
        "ns_gan": (minimax, not_saturating),
        "lsgan": (squares, np.mean((d_fake - 1) ** 2) / 2),
        "wgan": (wasserstein, -np.mean(fake)),
        "wgan_gp": (wasserstein, -np.mean(fake)),
        "dragan": (minimax, not_saturating),
    }


@pytest.mark.parametrize("name", [name for name in NAMES if name != "began"])
def test_both_losses_are_those_of_the_formulas(name):
    model, expected = model_of(name), losses_by_hand(F_REAL, F_FAKE)[name]
    found = model.discriminator_loss(Scores(F_REAL, F_FAKE)), model.generator_loss(F_FAKE)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_began_weighs_the_error_of_generated_images_by_k():
    model = model_of("began", Halves())
    model.k.assign(0.3)
    real, fake = ERRORS
    loss = model.discriminator_loss(Scores(real, fake))
    np.testing.assert_allclose(loss, real.mean() - 0.3 * fake.mean(), rtol=1e-5)
    np.testing.assert_allclose(model.generator_loss(fake), fake.mean(), rtol=1e-5)
    x = RNG.normal(size=(4, 3, 2)).astype("float32")
    np.testing.assert_allclose(model.scores(x), np.abs(x / 2).mean((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("name", ["mm_gan", "ns_gan", "lsgan", "dragan"])
def test_losses_stay_finite_where_the_discriminator_is_certain(name):
    model = model_of(name)
    for logit in (-1e4, 1e4):
        f = np.full((2, 1), logit, "float32")
        assert np.isfinite(model.discriminator_loss(Scores(f, f)))
        assert np.isfinite(model.generator_loss(f))


def test_a_slope_penalty_against_finite_differences():
    weights = RNG.normal(size=(3, 2))

    def function(x):
        return np.sin(x @ weights).sum(-1)

    x, h = RNG.normal(size=(5, 3)), 1e-5
    steps = h * np.eye(3)
    gradient = [(function(x + step) - function(x - step)) / (2 * h) for step in steps]
    slopes = np.sqrt(1e-4 + np.sum(np.square(gradient), axis=0))
    found = slope_penalty(lambda x: tf.reduce_sum(tf.sin(x @ weights), -1), tf.constant(x))
    assert float(found) == pytest.approx(np.mean((slopes - 1) ** 2), rel=1e-6)


def test_the_gradient_of_a_slope_penalty_against_finite_differences():
    x, start, h = tf.constant(RNG.normal(size=(5, 3))), RNG.normal(size=(3, 2)), 1e-5
    weights = tf.Variable(start)

    def penalty():
        return slope_penalty(lambda x: tf.reduce_sum(tf.sin(x @ weights), -1), x)

    with tf.GradientTape() as tape:
        value = penalty()
    gradient = tape.gradient(value, weights).numpy()
    for index in np.ndindex(start.shape):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[index] += sign * h
            weights.assign(moved)
            ends.append(float(penalty()))
        assert gradient[index] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("norm", [False, True])
def test_the_fused_layers_have_the_second_derivatives_of_their_formulas(monkeypatch, norm):
    keras.utils.set_random_seed(0)
    model = gan_networks.discriminator(Context(), norm)
    x = tf.constant(RNG.uniform(size=(4, 8, 8, 1)).astype("float32"))
    model(x)
    kernels = [v for v in model.trainable_variables if v.name == "kernel"]
    for kernel in kernels:
        kernel.assign(5 * kernel.numpy())  # slopes of about 1

    def gradients(formulas):
        monkeypatch.setattr(fused, "FUSED", not formulas)
        with tf.GradientTape() as tape:
            penalty = slope_penalty(lambda y: model(y, training=True), x)
        return penalty, tape.gradient(penalty, kernels)

    (penalty, found), (expected_penalty, expected) = gradients(False), gradients(True)
    assert float(penalty) == pytest.approx(float(expected_penalty), rel=1e-4)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(other).max() > 1e-4
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=2e-4 * np.abs(other).max())


def extras(count=6):
    values = {"x": (count, 2), "mix": (count, 1), "perturbation": (count, 2)}
    return {key: RNG.uniform(size=shape).astype("float32") for key, shape in values.items()}


def test_wgan_gp_takes_its_slopes_between_images_and_generated_ones():
    model, batch = model_of("wgan_gp", penalty=7.0), extras()
    generated = RNG.uniform(size=(6, 2)).astype("float32")
    points = batch["mix"] * generated + (1 - batch["mix"]) * batch["x"]
    expected = np.mean((np.sqrt(1e-4 + np.sum(points**2, -1)) - 1) ** 2)  # the gradient is x
    found = model.penalty(tf.constant(batch["x"]), tf.constant(generated), batch)
    assert float(found) == pytest.approx(7 * expected, rel=1e-5)
    assert float(model.slopes.result()) == pytest.approx(expected, rel=1e-5)


def test_dragan_takes_its_slopes_around_the_images():
    model, batch = model_of("dragan", penalty=7.0), extras()
    x = batch["x"]
    points = x + batch["mix"] * (0.5 * x.std() * batch["perturbation"])
    d = sigmoid(np.sum(points**2, -1) / 2)
    slopes = np.sqrt(1e-4 + np.sum(points**2, -1) * (d * (1 - d)) ** 2)
    found = model.penalty(tf.constant(x), None, batch)
    assert float(found) == pytest.approx(7 * np.mean((slopes - 1) ** 2), rel=1e-5)


def linear(units, activation=None):
    return keras.layers.Dense(units, activation, use_bias=False)


def compiled_by_sgd(model, rate):
    model.build_for((2,)).compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate))
    model.build_optimizers()
    return model


def test_one_step_of_each_half_by_hand():
    """f(x) = xw and G(z) = zA: the losses' gradients are E G(z) - E x and -E z w'."""
    model = compiled_by_sgd(model_of("wgan", linear(1), linear(2), discriminator_steps=1), 0.1)
    x, z = RNG.normal(size=(6, 1, 2)), RNG.normal(size=(6, 2, 3))
    w, a = model.discriminator.kernel.numpy(), model.decoder.kernel.numpy()
    logs = model.train_step(({"x": tf.constant(x, "float32"), "z": tf.constant(z, "float32")},))
    moved = w - 0.1 * (z[:, 0] @ a - x[:, 0]).mean(0)[:, None]
    np.testing.assert_allclose(model.discriminator.kernel, moved, rtol=1e-5, atol=1e-6)
    # The generator sees the new w, and the latents of the discriminator's last step.
    expected = a + 0.1 * z[:, 0].mean(0)[:, None] @ moved.T
    np.testing.assert_allclose(model.decoder.kernel, expected, rtol=1e-5, atol=1e-6)
    assert float(logs["d_loss"]) == pytest.approx((z[:, 0] @ a @ w - x[:, 0] @ w).mean(), rel=1e-4)
    assert float(logs["g_loss"]) == pytest.approx(-(z[:, 0] @ a @ moved).mean(), rel=1e-4)
    assert float(logs["loss"]) == float(logs["g_loss"])


@pytest.mark.parametrize("name", ["ns_gan", "wgan_gp", "dragan"])
def test_a_step_shows_each_discriminator_step_its_own_batch(name, monkeypatch):
    model = small_gan.build(recipe(name, discriminator_steps=3))
    seen = []
    monkeypatch.setattr(model, "train_discriminator", lambda batch: seen.append(batch))
    monkeypatch.setattr(model, "train_generator", lambda z: seen.append(z))
    (batch,) = small_gan.batches(model).stream().take(1)
    model.train_step((batch,))
    *steps, z = seen
    assert len(steps) == 3
    for index, step in enumerate(steps):
        assert set(step) == {"x", "z", *model.extras}
        for key, value in step.items():
            np.testing.assert_array_equal(value, batch[key][:, index])
    last = 3 if name == "wgan_gp" else 2  # which draws latents of its own for the generator
    np.testing.assert_array_equal(z, batch["z"][:, last])


@pytest.mark.parametrize("name", NAMES)
def test_each_half_moves_alone_and_as_often_as_the_recipe_says(name):
    model = small_gan.compiled(small_gan.build(recipe(name, discriminator_steps=3)))
    (batch,) = small_gan.batches(model).stream().take(1)

    def trained(call):
        former = small_gan.weights(model.decoder), small_gan.weights(model.discriminator)
        call()
        halves = zip((model.decoder, model.discriminator), former, strict=True)
        return [
            any(
                v.trainable and np.any(v.numpy() != old)
                for v, old in zip(half.variables, values, strict=True)
            )
            for half, values in halves
        ]

    first = {key: value[:, 0] for key, value in batch.items()}
    assert trained(lambda: model.train_discriminator(first)) == [False, True]
    assert trained(lambda: model.train_generator(first["z"])) == [True, False]
    model.train_step((batch,))
    counts = int(model.optimizer.iterations), int(model.discriminator_optimizer.iterations)
    assert counts == (2, 4)


def test_k_of_began_balances_both_errors_and_may_leave_0_to_1():
    model = small_gan.build(recipe("began", penalty=2.0, equilibrium=0.6), norm=False)
    small_gan.compiled(model)
    k, gaps = 0.0, []
    for batch in small_gan.batches(model).stream().take(3):
        for step in range(2):
            part = {key: value[:, step] for key, value in batch.items()}
            loss = model.discriminator_loss(Scores(model.scores(part["x"]), [0.0]))
            scores = model.train_discriminator(part)
            assert float(np.mean(scores.real)) == pytest.approx(float(loss), rel=1e-5)
            gaps.append(0.6 * np.mean(scores.real) - np.mean(scores.fake))
            k += 2.0 * gaps[-1]
            assert float(model.k) == pytest.approx(k, rel=1e-4, abs=1e-6)
    model.k.assign(-5.0)
    model.train_discriminator(part)
    assert float(model.k) < -4  # not clipped
    assert float(model.get_metrics_result()["k"]) == float(model.k)


@pytest.mark.parametrize("name", ["ns_gan", "wgan_gp", "began"])
def test_the_logs_and_what_is_watched(name):
    model = small_gan.compiled(small_gan.build(recipe(name)))
    stream = small_gan.batches(model).stream()
    logs = model.fit(stream, steps_per_epoch=2, shuffle=False, verbose=0).history
    own = {"wgan_gp": {"penalty"}, "began": {"k"}}.get(name, set())
    assert set(logs) == {"loss", "d_loss", "g_loss"} | own
    assert {metric.name for metric in model.watched} == {"d_loss", "g_loss"} | own - {"k"}
    model.across_workers = True
    (batch,) = small_gan.batches(model).stream().take(1)
    assert {key: value.shape for key, value in model.train_step((batch,)).items()} == {"loss": (1,)}


def test_weight_decay_is_added_to_each_halfs_gradient():
    """In one step of rate 1, weights whose loss is flat move by their decay alone."""
    setting = recipe("wgan", network="infogan", weight_decay=0.5, latent_dim=2)
    model = gans.build(setting, (4, 4, 1))
    model.compile(keras.optimizers.SGD(1.0), keras.optimizers.SGD(1.0))
    model.build_optimizers()
    head = model.discriminator.layers[-1].kernel
    head.assign(np.zeros(head.shape))  # f = 0 everywhere, so nothing else has a gradient
    kernel = model.decoder.trainable_variables[0].numpy()
    model.train_generator(tf.zeros((3, 2)))
    np.testing.assert_allclose(model.decoder.trainable_variables[0], kernel / 2, rtol=1e-5)
    kernel = model.discriminator.trainable_variables[0].numpy()
    model.train_discriminator({"x": tf.zeros((3, 4, 4, 1)), "z": tf.zeros((3, 2))})
    np.testing.assert_allclose(model.discriminator.trainable_variables[0], kernel / 2, rtol=1e-5)


def norms_of(model):
    return [one for one in model.layers if isinstance(one, ZeroDebiasedBatchNormalization)]


@pytest.mark.parametrize(
    ("name", "norm", "norms", "outputs"),
    [("ns_gan", True, 2, (1,)), ("wgan_gp", False, 0, (1,)), ("began", True, 3, (8, 12, 3))],
)
def test_the_networks(name, norm, norms, outputs):
    keras.utils.set_random_seed(0)
    model = gans.build(recipe(name, discriminator_norm=norm, latent_dim=5), (8, 12, 3))
    images = model(RNG.uniform(-1, 1, (7, 5)).astype("float32"))
    assert images.shape == (7, 8, 12, 3)
    assert 0 <= np.min(images) <= np.max(images) <= 1
    assert model.discriminator(images).shape == (7, *outputs)
    body = getattr(model.discriminator, "body", model.discriminator)
    assert len(norms_of(body)) == norms
    assert len(norms_of(model.decoder.body)) == 3
    assert {one.epsilon for one in norms_of(body) + norms_of(model.decoder.body)} <= {1e-3}
    slopes = {one.negative_slope for one in model.decoder.body.layers if "re_lu" in one.name}
    assert slopes == {0.2}
    kernels = [v.numpy() for v in model.trainable_variables if v.name == "kernel"]
    for kernel in kernels:
        if kernel.size > 1000:
            assert kernel.std() == pytest.approx(
                0.0176 if "conv" in str(kernel) else 0.02, rel=0.15
            )
    assert not [v.path for v in model.variables if v.path.endswith("/u")]  # no spectral norm


def test_the_parameters_of_the_studys_networks():
    """Counted by hand for 28 x 28 x 1."""
    model = gans.build(recipe("ns_gan", discriminator_norm=True, latent_dim=64), (28, 28, 1))
    sizes = [v.numpy().size for v in model.discriminator.trainable_variables]
    conv = 16 * 64 + 64 + 16 * 64 * 128 + 128 + 2 * 128
    dense = 49 * 128 * 1024 + 1024 + 2 * 1024 + 1024 + 1
    assert sum(sizes) == conv + dense


def test_images_that_the_networks_cannot_take():
    with pytest.raises(InputError, match="multiples of 4, not 30 x 28 x 1"):
        gans.build(recipe("ns_gan"), (30, 28, 1))
