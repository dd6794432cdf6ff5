import itertools

import graphs
import keras
import numpy as np
import pytest

from tf_twostage.errors import InputError
from tf_twostage.evaluation.theory import fitting, networks
from tf_twostage.models.networks import Posterior

X = np.arange(20, dtype=np.float32).reshape(10, 2)


def some(batches, count=50):
    return [batch for batch in itertools.islice(batches.as_numpy_iterator(), count)]


def test_batches_hold_rows_at_random_and_the_seed_fixes_them():
    first, again, other = (np.concatenate(some(fitting.batches(X, 4, s))) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    rows, counts = np.unique(first, axis=0, return_counts=True)
    np.testing.assert_array_equal(rows, X)
    assert counts.min() > 5  # 20 expected of each


def test_batches_of_all_rows_are_the_whole_in_order():
    for batch in some(fitting.batches(X, len(X), 0), 3):
        np.testing.assert_array_equal(batch, X)


def test_latent_batches_are_drawn_anew_from_each_posterior():
    mean, stddev = 10 * X, np.where(X > 9, 0.5, 0.0).astype(np.float32)
    drawn = np.concatenate(some(fitting.latent_batches(Posterior(mean, stddev), 40, 0)))
    nearest = np.argmin(np.abs(drawn[:, None, 0] - mean[:, 0]), axis=1)
    noise = drawn - mean[nearest]
    np.testing.assert_array_equal(noise[nearest < 4], 0)
    assert noise[nearest >= 5].std() == pytest.approx(0.5, rel=0.05)


def test_noise_comes_beside_the_batch_and_differs_from_batch_to_batch():
    noisy = some(fitting.with_noise(fitting.batches(X, 4, 0), 3, 0), 200)
    plain = some(fitting.batches(X, 4, 0), 200)
    assert all(np.array_equal(a["x"], b) for a, b in zip(noisy, plain, strict=True))
    noise = np.stack([batch["noise"] for batch in noisy])
    assert noise.shape == (200, 4, 3)
    assert noise.std() == pytest.approx(1, rel=0.1)
    assert noise.mean(axis=(1, 2)).std() > 0.1  # 1/sqrt(12) expected


def test_the_rate_falls_to_0_and_starts_again():
    model = networks.vae(2, 2, 4, 0, seed=0)
    fitting.compile_model(model, 1e-2, steps=10)
    rates = [float(model.optimizer.learning_rate)]
    for step in (5, 9, 10):
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    assert rates == pytest.approx([1e-2, 5e-3, 2.4e-4, 1e-2], rel=0.05)
    assert isinstance(model.optimizer, keras.optimizers.Adam)


def test_logs_have_a_value_for_each_part():
    model = networks.vae(2, 2, 4, 0, seed=0)
    fitting.compile_model(model, 1e-2, steps=12, epochs=3)
    logs = fitting.fit(model, fitting.batches(X, 4, 0), 12, epochs=3)
    assert len(logs["gamma"]) == 3
    assert int(model.optimizer.iterations) == 12


def test_a_fit_leaves_no_graph_behind():
    def fit():
        model = networks.vae(2, 2, 4, 0, seed=0)
        fitting.compile_model(model, 1e-2, steps=2)
        fitting.fit(model, fitting.batches(X, 4, 0), 2)

    fit()
    before = graphs.count()
    fit()
    assert graphs.count() <= before


def test_a_loss_that_is_not_finite_is_an_error():
    model = networks.vae(2, 2, 4, 0, seed=0)
    fitting.compile_model(model, 1e-2, steps=1)
    with pytest.raises(InputError, match="diverged: the loss is nan"):
        fitting.fit(model, fitting.batches(np.full_like(X, np.nan), 4, 0), 1)
