"""What callers hand to a model: wrong shapes, ranges and dtypes, empty batches; save and load."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_twostage import keras_settings, recipes
from tf_twostage.errors import InputError
from tf_twostage.evaluation import diagnostics
from tf_twostage.models import inputs
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder

RNG = np.random.default_rng(0)
RECIPE = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)


@pytest.fixture(scope="module")
def model():
    model = TwoStageVAE(RECIPE, (8, 8, 1))
    model.trained = {1, 2}
    return model


def images(count=3, shape=(8, 8, 1)):
    return RNG.integers(0, 256, (count, *shape), dtype=np.uint8)


def latents(*shape):
    return RNG.normal(size=shape).astype("float32")


def test_uint8_and_floats_in_0_to_1_are_the_same_images(model):
    x = images()
    expected = model.encode(x).mean
    for same in (x / 255, (x / 255).astype("float32"), tf.constant(x)):
        np.testing.assert_allclose(model.encode(same).mean, expected, rtol=1e-5, atol=1e-6)


BAD_IMAGES = {
    "range": (255.0 * np.ones((2, 8, 8, 1)), "float64 images must lie in 0..1, .* 255..255: div"),
    "negative": (-np.ones((2, 8, 8, 1), "float32"), "must lie in 0..1, but they span -1..-1"),
    "nan": (np.full((2, 8, 8, 1), np.nan), "must lie in 0..1, but some are NaN"),
    "int64": (np.ones((2, 8, 8, 1), "int64"), "uint8 in 0..255 or float in 0..1, not int64"),
    "bool": (np.ones((2, 8, 8, 1), bool), "uint8 in 0..255 or float in 0..1, not bool"),
    "one": (images(1)[0], r"\[N, 8, 8, 1\], not \[8, 8, 1\]: add the batch axis, images\[None\]"),
    "no channel": (images()[..., 0], r"\[N, 8, 8, 1\], not \[3, 8, 8\]$"),
    "height": (images(2, (12, 8, 1)), r"not \[2, 12, 8, 1\]"),
    "channels": (images(2, (8, 8, 3)), r"not \[2, 8, 8, 3\]"),
    "lists": ([[1], [2, 3]], "images must be of one shape"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images_are_refused(model, name):
    bad, message = BAD_IMAGES[name]
    for call in (model.encode, model.reconstruct):
        with pytest.raises(InputError, match=message):
            call(bad)


def test_a_wrong_first_call_does_no_harm():
    model = TwoStageVAE(RECIPE, (8, 8, 1))
    for bad in (images(1)[0], images(2, (12, 8, 1))):
        with pytest.raises(InputError):
            model.reconstruct(bad)
    with pytest.raises(InputError):
        model.decode(latents(2, 5))
    assert model.reconstruct(images()).shape == (3, 8, 8, 1)


BAD_LATENTS = {
    "width": (latents(2, 5), r"\[N, 4\], not \[2, 5\]"),
    "one": (latents(4), r"\[N, 4\], not \[4\]: add the batch axis"),
    "rank": (latents(2, 2, 4), r"\[N, 4\], not \[2, 2, 4\]"),
    "dtype": (np.ones((2, 4), complex), "must be float, not complex128"),
    "words": (np.full((2, 4), "a"), "must be float, not <U1"),
    "nan": (np.full((2, 4), np.nan), "must be finite"),
}


@pytest.mark.parametrize("name", BAD_LATENTS)
def test_bad_latents_are_refused(model, name):
    bad, message = BAD_LATENTS[name]
    good = latents(2, 4)
    for call in (model.decode, model.encode_latents, lambda z: model.latents_from(z, good)):
        with pytest.raises(InputError, match=message):
            call(bad)
    with pytest.raises(InputError, match="noise must be"):
        model.latents_from(good, bad)
    with pytest.raises(InputError, match="2 latents need as many rows of noise, not 1"):
        model.latents_from(good, good[:1])


def test_no_rows_give_no_rows(model):
    for posterior in (model.encode(images(0)), model.encode_latents(latents(0, 4))):
        assert posterior.mean.shape == posterior.stddev.shape == (0, 4)
    for found in (model.decode(latents(0, 4)), model.reconstruct(images(0)), model.sample(0)):
        assert found.shape == (0, 8, 8, 1)
        assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": -1}, "must be at least 0, not -1"),
        ({"count": 2.5}, "must be an integer, not 2.5"),
        ({"count": 2, "stage": 3}, "stage must be 1 or 2, not 3"),
    ],
)
def test_bad_counts_and_stages(model, arguments, message):
    with pytest.raises(InputError, match=message):
        model.sample(**arguments)


def test_diagnostics_take_one_image_of_the_models_shape(model):
    assert len(diagnostics.noise_along_directions(model, images(1)[0], 3)) == 4
    with pytest.raises(InputError, match=r"one image \[H, W, C\] is needed, not \[1, 8, 8, 1\]"):
        diagnostics.noise_along_directions(model, images(1))
    with pytest.raises(InputError, match="not int64"):
        diagnostics.noise_along_directions(model, np.ones((8, 8, 1), "int64"))


def test_a_run_of_a_former_version_loads(model, tmp_path):
    former = {today: name for name, today in recipes.FORMER_NAMES.items()}
    recipe = {former.get(k, k): v for k, v in dataclasses.asdict(RECIPE).items()}
    recipe["gamma"] = "learned"
    config = {"recipe": recipe, "dataset": {"image_shape": [8, 8, 1]}, "seed": 0}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for stage in (1, 2):
        model.save_stage(RunFolder(tmp_path), stage)
    loaded = TwoStageVAE.load(tmp_path)
    assert loaded.recipe == RECIPE
    np.testing.assert_array_equal(loaded.sample(2, seed=1), model.sample(2, seed=1))


@pytest.mark.parametrize("config", ['{"seed": 0}', '{"recipe": 3}', "{", "[1]"])
def test_a_damaged_config_is_named(tmp_path, config):
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InputError, match="config.json is damaged"):
        TwoStageVAE.load(tmp_path)


def test_a_users_keras_settings_change_nothing(model):
    with keras_settings.using("float16", "channels_first"):
        other = TwoStageVAE(RECIPE, (8, 8, 1))
        other.trained = {1, 2}
        x = images()
        np.testing.assert_array_equal(other.reconstruct(x), model.reconstruct(x))
        np.testing.assert_array_equal(other.sample(2), model.sample(2))
        output = other.stage1({"x": x / np.float32(255), "noise": latents(3, 4)}, training=True)
        assert {value.dtype for value in output} == {tf.float32}
        assert keras.config.image_data_format() == "channels_first"
        assert keras.config.floatx() == "float16"


def test_tf32_is_off():
    assert not tf.config.experimental.tensor_float_32_execution_enabled()


def test_as_float_of_a_dataset_is_exact():
    x = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(inputs.as_float(x), np.arange(256, dtype="float32") / 255)
