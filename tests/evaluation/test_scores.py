"""Scores of a model by hand."""

import numpy as np
import pytest

from tf_twostage.evaluation import scores
from tf_twostage.models.two_stage import as_float


def test_reconstruction_mse_by_hand(model, dataset):
    images = dataset.test[:10]
    expected = np.mean((as_float(images) - model.reconstruct(images, seed=5)) ** 2)
    assert scores.reconstruction_mse(model, images, 5) == pytest.approx(expected, rel=1e-5)


def test_sample_distances_have_a_floor_and_a_factor(model, dataset):
    found = scores.sample_distances(model, dataset, seed=0)
    assert found.factor == pytest.approx(found.stage1 / found.stage2)
    assert found.images == len(dataset.test)
    assert found.train_vs_test < found.stage1  # noise against noise, not against blobs
