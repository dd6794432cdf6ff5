"""A small untrained model and images of noise, shared by the tests of evaluation."""

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.data.datasets import Dataset
from tf_twostage.models.two_stage import TwoStageVAE

COUNT = 80  # more than 64 dims: the covariances have full rank


@pytest.fixture(scope="session")
def model():
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)
    model = TwoStageVAE(recipe, (8, 8, 1), seed=0)
    model.trained = {1, 2}
    return model


@pytest.fixture(scope="session")
def dataset():
    images = np.random.default_rng(0).integers(0, 256, (2 * COUNT + 10, 8, 8, 1), dtype=np.uint8)
    return Dataset("noise", images[: COUNT + 5], images[COUNT + 5 :], "made here")
