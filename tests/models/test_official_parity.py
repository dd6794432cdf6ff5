"""Our InfoGAN model against one run of the authors' graph (see official_weights.py).

The authors write log(2 pi)/2 as 0.91893, so their loss over 784 pixels is 0.007 lower than the
exact one; the reference losses are corrected by that here.
"""

import math

import keras
import numpy as np
import official_weights
import pytest
import tensorflow as tf

from tf_twostage import recipes
from tf_twostage.models import latent_networks, networks
from tf_twostage.models.gaussian_vae import GaussianVAE, LossTerms

HALF_LOG_2PI_ERROR = math.log(2 * math.pi) / 2 - 0.91893


@pytest.fixture(scope="module")
def reference(fixtures):
    return np.load(fixtures / official_weights.FILE)


@pytest.fixture
def model(request):
    recipe = recipes.get("official_code", "mnist", 60_000)
    if request.param == 1:
        halves, shape = networks.first_stage(recipe, (28, 28, 1)), (28, 28, 1)
    else:
        halves, shape = latent_networks.second_stage(recipe), (64,)
    return GaussianVAE(*halves, recipe.latent_dim).build_for(shape)


def inputs(reference, stage):
    if stage == 1:
        return {"x": reference["x"].astype("float32") / 255, "noise": reference["eps_z"]}
    return {"x": reference["z2"], "noise": reference["eps_u"]}


def check_outputs(reference, prefix, names, model, data, training):
    output = model(data, training=training)
    for name, ours in zip(names, (output.mu_z, output.sd_z, output.x_hat), strict=True):
        theirs = reference[f"{prefix}/{name}"]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max())
    terms = LossTerms(*(np.mean(term) for term in model.loss_terms(data["x"], output)))
    exact = reference[f"{prefix}/gen"] + math.prod(data["x"].shape[1:]) * HALF_LOG_2PI_ERROR
    assert terms.kl == pytest.approx(reference[f"{prefix}/kl"], rel=1e-5)
    assert terms.reconstruction == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("model", [1], indirect=True)
@pytest.mark.parametrize(("prefix", "training"), [("infer", False), ("train", True)])
def test_stage1_outputs_and_loss(reference, model, prefix, training):
    official_weights.assign(model, 1)
    names = ("mu_z", "sd_z", "x_hat")
    check_outputs(reference, prefix, names, model, inputs(reference, 1), training)


@pytest.mark.parametrize("model", [2], indirect=True)
def test_stage2_outputs_and_loss(reference, model):
    official_weights.assign(model, 2)
    names = ("mu_u", "sd_u", "z_hat")
    check_outputs(reference, "stage2", names, model, inputs(reference, 2), True)


@pytest.mark.parametrize(("model", "stage"), [(1, 1), (2, 2)], indirect=["model"])
def test_gradients(reference, model, stage):
    found = official_weights.assign(model, stage)
    data = inputs(reference, stage)
    model.compile(keras.optimizers.Adam())
    with tf.GradientTape() as tape:
        loss = model.compute_loss(data, None, model(data, training=True))
    trainable = {name: v for name, v in found.items() if f"grad{stage}/{name}" in reference}
    gradients = tape.gradient(loss, [v.value for v in trainable.values()])
    compared = 0
    for (name, variable), gradient in zip(trainable.items(), gradients, strict=True):
        norm, inner = reference[f"grad{stage}/{name}"]
        if norm < 1e-4:  # a bias right before a batch norm: rounding noise
            continue
        compared += 1
        gradient = np.asarray(gradient, np.float64)  # some releases of NumPy sum float32 naively
        direction = official_weights.direction(name, tuple(variable.shape))
        assert np.linalg.norm(gradient) == pytest.approx(norm, rel=1e-4), name
        scale = norm * np.linalg.norm(direction)  # |inner| may itself be small
        assert np.sum(gradient * direction) == pytest.approx(inner, abs=1e-4 * scale), name
    assert compared >= (20 if stage == 1 else 19)


@pytest.mark.parametrize("model", [1], indirect=True)
def test_decoding_a_stage2_sample(reference, model):
    official_weights.assign(model, 1)
    x_hat = model.decoder(reference["gen/z_hat"], training=False)
    np.testing.assert_allclose(x_hat, reference["gen/x_at_z_hat"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", [2], indirect=True)
def test_stage2_generation(reference, model):
    official_weights.assign(model, 2)
    z_hat = model.decoder(reference["gen_u"], training=False)
    np.testing.assert_allclose(z_hat, reference["gen/z_hat"], rtol=1e-5, atol=1e-5)
    assert math.exp(float(model.log_sd_x)) == pytest.approx(reference["gen/gamma_z"], rel=1e-6)
