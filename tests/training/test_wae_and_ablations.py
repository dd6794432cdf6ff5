"""WAEs and ablations train alike in both loops, on any number of replicas, and after a resume."""

import numpy as np
import pytest
import replica_runs
import small_wae

from tf_twostage.models import weights
from tf_twostage.training import device_loop
from tf_twostage.training.callbacks import DivergedError, DivergenceGuard

KINDS = ("wae_mmd", "wae_gan", "autoencoder", "joint")


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_ends_with_the_same_state_bit_for_bit(kind, tmp_path):
    data, path = small_wae.batches(kind), tmp_path / "model.weights.h5"
    whole = small_wae.compiled(small_wae.make(kind))
    small_wae.train(whole, data)
    weights.save(whole, path)
    small_wae.train(whole, data, first=1)
    resumed = small_wae.compiled(small_wae.make(kind, seed=5))
    weights.load(resumed, path)
    assert int(resumed.optimizer.iterations.numpy()) == small_wae.STEPS
    small_wae.train(resumed, data, first=1)
    states = [small_wae.state(model) for model in (whole, resumed)]
    for one, other in zip(*states, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_that_is_not_finite_is_named(kind):
    model = small_wae.compiled(small_wae.make(kind))
    model.trainable_variables[0].assign(np.nan * model.trainable_variables[0])
    with pytest.raises(DivergedError, match=r"stage 1 diverged by step 1: the \w+ term is nan"):
        small_wae.train(model, small_wae.batches(kind), callbacks=[DivergenceGuard(stage=1)])


@pytest.mark.parametrize(
    "kind",
    ["joint", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("wae_mmd", "wae_gan"))],
)
def test_both_loops_train_the_same(kind):
    data = small_wae.batches(kind)
    host, device = (
        small_wae.compiled(small_wae.make(kind), steps_per_execution=small_wae.STEPS)
        for _ in range(2)
    )
    expected = small_wae.train(host, data)
    device.train_function = device_loop.train_function(device, data)
    calls = device_loop.calls(data, small_wae.STEPS)
    found = device.fit(calls, steps_per_epoch=small_wae.STEPS, shuffle=False, verbose=0).history
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    out = tmp_path_factory.mktemp("replicas")
    replica_runs.run("wae_replicas.py", out)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wae_mmd", "wae_gan", "joint"])
def test_two_replicas_train_what_one_device_does(out, kind):
    """In float64; pretraining, batch norm and the penalty over the whole batch included."""
    replica_runs.assert_agree(out, kind)
