"""Weight files of former versions, in which log_sd_x was called log_gamma, still load.

`fixtures/former_stage2.training.weights.h5` is such a checkpoint: three steps of a second stage.
"""

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.data.batches import LatentBatches
from tf_twostage.models import two_stage, weights
from tf_twostage.training import fit
from tf_twostage.training.devices import Devices
from tf_twostage.training.loop import Loop


@pytest.fixture
def checkpoint(fixtures):
    return fixtures / "former_stage2.training.weights.h5"


@pytest.fixture
def model():
    recipe = recipes.get("quick", "manifold", 1000, latent_dim=2, stage2_width=4, batch_size=10)
    model = two_stage.TwoStageVAE(recipe, (8, 8, 1)).stage2
    latents = np.zeros((10, 2), "float32")
    data = LatentBatches(latents, latents, 10, seed=0)
    fit.compile_stage(model, data, recipe, Devices(), Loop(False, False, 1))
    return model


def test_weights_and_optimiser_are_those_of_the_former_version(model, checkpoint):
    weights.load(model, checkpoint)
    assert float(model.log_sd_x.numpy()) == pytest.approx(-0.9910247921943665, abs=1e-9)
    assert model.gamma == pytest.approx(0.1377865425598723, rel=1e-7)
    assert int(model.optimizer.iterations.numpy()) == 3
    names = [variable.name for variable in model.trainable_variables]
    momentum = model.optimizer._momentums[names.index("log_sd_x")]
    assert float(momentum.numpy()) == pytest.approx(-11.483915328979492, rel=1e-7)
    output = model({"x": np.float32([[0.5, -1]]), "noise": np.zeros((1, 2), "float32")})
    expected = [[-0.3751560151576996, -0.47727471590042114]]
    np.testing.assert_allclose(output.x_hat, expected, rtol=1e-5)
