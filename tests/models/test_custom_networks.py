"""A user's own networks: what is taken, what is refused, and that they train and load like ours."""

import dataclasses

import numpy as np
import own_networks
import pytest

import tf_twostage
from tf_twostage import TwoStageVAE, recipes
from tf_twostage.errors import InputError
from tf_twostage.models import custom
from tf_twostage.run_folder import RunFolder

SHAPE = (8, 8, 1)


def recipe(**values):
    return recipes.get("paper", "mnist", 1000, latent_dim=3, stage2_width=8, **values)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other_kappa", r"gives a mean of shape \(2, 4\) for two rows, not \(2, 3\)"),
        ("negative", "gives a stddev that is not above 0"),
        ("unbounded", r"pixels outside of 0..1: end with a sigmoid"),
        ("mean_alone", "must give a mean and a stddev"),
        ("one_half", "a network is an encoder and a decoder, not"),
        ("failing", "own_networks:failing fails: RuntimeError: out of ideas"),
        ("unmarked", "mark the function with @tf_twostage.network"),
        ("absent", "'own_networks' has no function 'absent'"),
    ],
)
def test_what_does_not_fit_is_one_line(name, message):
    with pytest.raises(InputError, match=message):
        TwoStageVAE(recipe(network=f"own_networks:{name}"), SHAPE)


@pytest.mark.parametrize(
    "name", ["os:abort", "no.such:thing", ":x", "x:", "a:b:c", "\n:x", "os:\n"]
)
def test_no_other_function_is_ever_called(name):
    with pytest.raises(InputError, match=r"no module|is no network|has no function") as caught:
        TwoStageVAE(recipe(network=name), SHAPE)
    assert "\n" not in str(caught.value)


def test_a_name_without_a_colon_is_one_of_ours():
    with pytest.raises(InputError, match=r"unknown network 'unet'.*or your own package.module:fun"):
        recipe(network="unet")
    with pytest.raises(InputError, match=r"unknown network .*choose one of infogan"):
        recipes.get("suggested", "mnist", 1000, model="ns_gan", network="own_networks:dense")


def test_named_given_as_a_function_or_as_models_it_is_the_same_network(tmp_path):
    named = TwoStageVAE(recipe(network="own_networks:dense"), SHAPE)
    called = TwoStageVAE(recipe(), SHAPE, network=own_networks.dense)
    given = TwoStageVAE(recipe(), SHAPE, network=own_networks.dense(recipe(), SHAPE))
    assert named.recipe == called.recipe
    assert given.recipe.network == custom.GIVEN
    folder = RunFolder(tmp_path)
    named.save_stage(folder, 1)
    images = np.random.default_rng(0).uniform(size=(3, *SHAPE))
    for model in (called, given):
        model.load_stage(folder, 1)
        np.testing.assert_array_equal(model.encode(images).mean, named.encode(images).mean)
    assert (named.encode(images).stddev > 0).all()


def test_a_model_of_given_networks_loads_with_them(tmp_path):
    network = own_networks.dense(recipe(), SHAPE)
    model = TwoStageVAE(recipe(), SHAPE, network=network)
    model.trained = {1}
    model.save(tmp_path)
    loaded = tf_twostage.load(tmp_path, network=own_networks.dense(recipe(), SHAPE))
    images = np.random.default_rng(0).uniform(size=(3, *SHAPE))
    np.testing.assert_array_equal(loaded.encode(images).mean, model.encode(images).mean)


def test_a_gan_takes_no_networks(tmp_path):
    chosen = recipes.get("suggested", "mnist", 1000, model="ns_gan")
    RunFolder(tmp_path).open(
        {"recipe": dataclasses.asdict(chosen), "dataset": {"image_shape": [8, 8, 1]}, "seed": 0}
    )
    with pytest.raises(InputError, match="holds a ns_gan, which takes no network"):
        tf_twostage.load(tmp_path, network=own_networks.dense)


def test_both_stages_of_ones_own_sample(tmp_path):
    own = {"network": "own_networks:dense", "stage2_network": "own_networks:latent"}
    model = TwoStageVAE(recipe(**own), SHAPE)
    model.trained = {1, 2}
    assert model.sample(4, seed=1).shape == (4, *SHAPE)
    assert len(model.stage2.encoder.trainable_variables) == 4  # two dense heads, nothing hidden


def test_an_autoencoder_of_ones_own_has_no_noise():
    chosen = recipes.get(
        "paper", "mnist", 1000, model="autoencoder", latent_dim=3, network="own_networks:dense"
    )
    model = TwoStageVAE(chosen, SHAPE)
    assert not model.encode(np.ones((2, *SHAPE))).stddev.any()


def test_networks_without_a_name_are_asked_for_again():
    with pytest.raises(InputError, match="were given as objects: give them again"):
        TwoStageVAE(recipe(network=custom.GIVEN), SHAPE)
