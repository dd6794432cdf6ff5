"""Scores of a model by hand."""

import numpy as np
import pytest

from tf_twostage.evaluation import diagnostics, near_duplicates, scores
from tf_twostage.models.inputs import as_float
from tf_twostage.models.networks import Posterior


def test_reconstruction_mse_by_hand(model, dataset):
    images = dataset.test[:10]
    expected = np.mean((as_float(images) - model.reconstruct(images, seed=5)) ** 2)
    assert scores.reconstruction_mse(model, images, 5) == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def found(model, dataset):
    stddev = np.tile(np.sqrt(np.float32([0.01, 1, 1, 0.05])), (50, 1))
    posterior = Posterior(np.zeros_like(stddev), stddev)
    return scores.evaluate(model, dataset, diagnostics.latents(model, posterior, 0), seed=0)


def test_sample_distances_have_a_floor_and_a_factor(found, dataset):
    distances = found.sliced_wasserstein
    assert distances.factor == pytest.approx(distances.stage1 / distances.stage2)
    assert distances.images == len(dataset.test)
    assert distances.train_vs_test < distances.stage1  # noise against noise, not against blobs


def test_an_untrained_decoder_makes_near_duplicates_and_noise_has_few(found):
    duplicates = found.near_duplicates
    assert duplicates.stage1 == duplicates.stage2 == 1.0
    assert duplicates.train < 0.1


def test_the_rest_by_hand(found):
    assert found.encoding.active_dimensions == 2
    assert found.encoding.lambda_ == pytest.approx((0.01, 1, 1, 0.05))
    assert found.encoding.latent_space.active_share == 0.5
    assert found.gamma == 1.0


def test_nearest_distances_by_brute_force():
    images = np.random.default_rng(0).random((20, 3, 3, 1)).astype(np.float32)
    rows = images.reshape(20, -1).astype(np.float64)
    expected = [
        min(np.linalg.norm(rows[i] - rows[j]) for j in range(20) if j != i) for i in range(20)
    ]
    np.testing.assert_allclose(near_duplicates.nearest_distances(images), expected, rtol=1e-9)


def test_block_means_by_hand():
    images = np.arange(2 * 8 * 6, dtype=np.float32).reshape(2, 8, 6, 1)
    means = near_duplicates.block_means(images)
    assert means.shape == (2, 4, 4, 1)  # rows in twos; columns 0, 1..2, 3, 4..5
    np.testing.assert_allclose(
        means[1, 1, :, 0], images[1, 2:4, :, 0].mean(0)[[0, 1, 3, 4]] + [0, 0.5, 0, 0.5]
    )


def test_blur_alone_makes_no_near_duplicates_and_collapse_does():
    rng = np.random.default_rng(2)
    coarse = (
        rng.random((3, 200, 4, 4, 1)).repeat(4, axis=2).repeat(4, axis=3)
    )  # [3, 200, 16, 16, 1]
    texture = rng.normal(0, 0.3, coarse.shape)
    texture -= (
        near_duplicates.block_means(texture.reshape(-1, 16, 16, 1))
        .reshape(3, 200, 4, 4, 1)
        .repeat(4, 2)
        .repeat(4, 3)
    )
    real, sharp = coarse[0] + texture[0], coarse[1] + texture[1]
    blurred, collapsed = coarse[2], np.concatenate(4 * [sharp[:50]]) + texture[2] / 10
    found = near_duplicates.shares(real, sharp, blurred, collapsed)
    assert max(found[:2]) < 0.06
    assert found[2] == 1.0


def test_copies_are_near_duplicates_and_fresh_draws_are_as_many_as_real_ones():
    rng = np.random.default_rng(1)
    real, other = rng.random((2, 400, 4, 2, 1)), rng.random((400, 4, 2, 1))
    copies = np.concatenate([other[:100], other[:100], other[200:]])  # half of them are pairs
    fresh, copied = near_duplicates.shares(real[0], real[1], copies)
    assert fresh < 0.04
    assert 0.5 <= copied < 0.54
