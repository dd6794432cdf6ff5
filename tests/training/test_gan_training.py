"""GANs train alike in both loops, on any number of replicas, and after a resume."""

import keras
import numpy as np
import pytest
import replica_runs
import small_gan
from small_stage2 import Stop

from tf_twostage import epoch_log
from tf_twostage.models.adam import LARGE, Adam
from tf_twostage.models.layers import WeightDecay
from tf_twostage.training.callbacks import DivergedError

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("ns_gan", "wgan_gp", "dragan")]


def log_of(run):
    log = epoch_log.read_log(run / "stage1.csv")
    del log["seconds"]
    return log


@pytest.mark.parametrize("name", [*SLOW, "began"])
def test_a_killed_run_ends_with_the_same_state_bit_for_bit(name, tmp_path):
    """Both optimisers, batch norm's statistics and k among it."""

    def make():
        return small_gan.build(small_gan.recipe(name, stage1_epochs=3))

    whole = small_gan.train(make(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        small_gan.train(make(), tmp_path / "killed", Stop(2, 1))
    resumed = small_gan.train(make(), tmp_path / "killed")
    for one, other in zip(*map(small_gan.weights, (whole, resumed)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "killed")


@pytest.mark.parametrize("name", [*SLOW, "began"])
def test_both_loops_train_the_same(name, tmp_path):
    for loop in ("host", "device"):
        small_gan.train(small_gan.build(small_gan.recipe(name)), tmp_path / loop, loop=loop)
    host, device = (log_of(tmp_path / loop) for loop in ("host", "device"))
    for term, values in host.items():
        np.testing.assert_allclose(device[term], values, rtol=1e-3, atol=1e-5, err_msg=term)


@pytest.mark.parametrize(
    "names", [("dragan", "began"), pytest.param(("wgan", "wgan_gp"), marks=pytest.mark.slow)]
)
def test_two_replicas_train_what_one_device_does(names, tmp_path):
    """In float64; slopes through batch norm over both replicas, DRAGAN's spread and k too."""
    replica_runs.run("gan_replicas.py", tmp_path, *names)
    for name in names:
        replica_runs.assert_agree(tmp_path, name)


def test_a_discriminator_that_is_not_finite_is_named_and_never_saved(tmp_path):
    small_gan.train(small_gan.build(small_gan.recipe("ns_gan", stage1_epochs=1)), tmp_path)
    path = tmp_path / "checkpoints" / "stage1.training.weights.h5"
    good = path.read_bytes()
    model = small_gan.build(small_gan.recipe("ns_gan"))

    class Spoil(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            variable = model.discriminator.trainable_variables[0]
            variable.assign(np.full(variable.shape, np.nan))

    with pytest.raises(DivergedError, match=r"stage 1 diverged by .*: the d_loss term is nan"):
        small_gan.train(model, tmp_path, Spoil())
    assert path.read_bytes() == good


@pytest.mark.parametrize("size", [3, LARGE])
@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_adam_clips_weights_after_each_update(size, rate):
    start = np.resize(np.array([0.05, -3.0, 0.2], "float32"), size)
    decay = WeightDecay(rate) if rate else None
    variable = keras.Variable(start)
    variable.regularizer = decay
    adam = Adam(0.01, weight_clip=0.1)
    adam.build([variable])
    with adam.decaying():
        adam.apply([keras.ops.ones(size)], [variable])
    # Adam's first step is the rate, whatever the gradient: 0.05 - 0.01, and the others cut off.
    np.testing.assert_allclose(variable[:3], [0.04, -0.1, 0.1], rtol=1e-4)


@pytest.mark.parametrize("clip", [0.1, 0.02])
def test_wgan_keeps_its_discriminator_within_the_clip_and_not_its_generator(clip, tmp_path):
    model = small_gan.build(small_gan.recipe("wgan", weight_clip=clip))
    small_gan.train(model, tmp_path)
    sizes = [np.abs(v.numpy()).max() for v in model.discriminator.trainable_variables]
    assert max(sizes) == pytest.approx(clip, rel=1e-6)
    assert max(np.abs(v.numpy()).max() for v in model.decoder.trainable_variables) > 2 * clip


# A ring of 8 Gaussians, standard deviation 0.02, radius 0.4 around (0.5, 0.5); in 1/255.
ANGLES = 2 * np.pi * np.arange(8) / 8
CENTRES = 0.5 + 0.4 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def ring(count):
    rng = np.random.default_rng(0)
    points = CENTRES[rng.integers(0, 8, count)] + rng.normal(0, 0.02, (count, 2))
    return np.rint(255 * points).astype(np.uint8)


def found_modes(points):
    """How many of the Gaussians have a twentieth of the points within 3 standard deviations; the
    share of all points that lie so near to one."""
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=-1)
    near = distances < 3 * 0.02
    return int(np.sum(near.mean(axis=0) > 0.05)), near.any(axis=1).mean()


def test_what_counts_as_a_found_mode():
    assert found_modes(ring(1000) / 255) == (8, pytest.approx(0.99, abs=0.01))
    assert found_modes(np.repeat(CENTRES[:3], 10, axis=0)) == (3, 1)
    assert found_modes(np.random.default_rng(0).uniform(size=(1000, 2)))[0] == 0


RINGS = {
    "ns_gan": {"learning_rate": 2e-3, "discriminator_steps": 1},
    "wgan_gp": {"adam_beta_1": 0.0, "discriminator_steps": 3, "penalty": 0.1},
}


@pytest.mark.parametrize("name", ["ns_gan", pytest.param("wgan_gp", marks=pytest.mark.slow)])
def test_a_ring_of_eight_gaussians_is_found_whole(name, tmp_path):
    """In 4,000 steps. Of points anywhere in the square 9 % would be near."""
    setting = small_gan.recipe(name, batch_size=64, latent_dim=4, stage1_epochs=40, **RINGS[name])
    model = small_gan.build(setting, width=64, norm=False)
    data = small_gan.batches(model, ring(100 * setting.images_per_step))
    small_gan.train(model, tmp_path, data=data, loop="device")
    z = np.random.default_rng(1).uniform(-1, 1, (1000, 4)).astype("float32")
    modes, near = found_modes(np.asarray(model(z)))
    assert modes == 8
    assert near > 0.5
