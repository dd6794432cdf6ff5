import numpy as np
import pytest
import tensorflow as tf

from tf_twostage import recipes
from tf_twostage.models import export
from tf_twostage.models.two_stage import TwoStageVAE


@pytest.fixture(scope="module")
def model():
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)
    model = TwoStageVAE(recipe, (8, 8, 1), seed=0)
    model.trained = {1, 2}
    return model


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    path = export.export_saved_model(model, tmp_path_factory.mktemp("served") / "1")
    assert [p.name for p in path.parent.iterdir()] == ["1"]
    return tf.saved_model.load(path)


def call(served, name, **inputs):
    return {k: v.numpy() for k, v in served.signatures[name](**inputs).items()}


def test_generate_is_the_default_and_a_function_of_its_seed(served):
    count = tf.constant(5)
    first = call(served, "serving_default", count=count, seed=tf.constant([1, 2]))["images"]
    again = call(served, "generate", count=count, seed=tf.constant([1, 2]))["images"]
    other = call(served, "generate", count=count, seed=tf.constant([1, 3]))["images"]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (5, 8, 8, 1)
    assert first.dtype == np.float32
    assert 0 <= first.min() <= first.max() <= 1


def test_generate_draws_through_both_stages(model, served):
    seed = tf.constant([7, 8])
    seeds = tf.random.experimental.stateless_split(seed, 2)
    u, noise = (tf.random.stateless_normal((3, 4), s).numpy() for s in seeds)
    expected = model.decode(model.latents_from(u, noise))
    images = call(served, "generate", count=tf.constant(3), seed=seed)["images"]
    np.testing.assert_allclose(images, expected, rtol=1e-5, atol=1e-6)
    stage1 = call(served, "generate_stage1", count=tf.constant(3), seed=seed)["images"]
    np.testing.assert_allclose(stage1, model.decode(u), rtol=1e-5, atol=1e-6)


def test_encode_decode_reconstruct_agree_with_the_model(model, served):
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 1)).astype("float32")
    posterior = call(served, "encode", images=tf.constant(images))
    mean, stddev = model.encode(images)
    np.testing.assert_allclose(posterior["mean"], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(posterior["stddev"], stddev, rtol=1e-5, atol=1e-6)
    decoded = call(served, "decode", latents=tf.constant(mean))["images"]
    np.testing.assert_allclose(decoded, model.decode(mean), rtol=1e-5, atol=1e-6)
    reconstructed = call(served, "reconstruct", images=tf.constant(images))["images"]
    np.testing.assert_allclose(reconstructed, decoded, rtol=1e-5, atol=1e-6)


def test_without_stage_2_there_is_no_generate(model, tmp_path):
    model.trained = {1}
    try:
        served = tf.saved_model.load(export.export_saved_model(model, tmp_path / "1"))
    finally:
        model.trained = {1, 2}
    assert "generate" not in served.signatures
    assert "serving_default" in served.signatures


IMAGE_ERRORS = {
    "one image": tf.zeros((8, 8, 1)),
    "width": tf.zeros((2, 8, 12, 1)),
    "channels": tf.zeros((2, 8, 8, 3)),
    "range": tf.fill((2, 8, 8, 1), 255.0),
    "nan": tf.fill((2, 8, 8, 1), float("nan")),
    "dtype": tf.zeros((2, 8, 8, 1), tf.uint8),
}


@pytest.mark.parametrize("name", IMAGE_ERRORS)
def test_bad_images_are_refused_and_serving_goes_on(served, name):
    for signature in ("encode", "reconstruct"):
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(served, signature, images=IMAGE_ERRORS[name])
    assert call(served, "encode", images=tf.zeros((1, 8, 8, 1)))["mean"].shape == (1, 4)


LATENT_ERRORS = {
    "one": tf.zeros(4),
    "width": tf.zeros((2, 5)),
    "nan": tf.fill((2, 4), float("nan")),
}


@pytest.mark.parametrize("name", LATENT_ERRORS)
def test_bad_latents_are_refused(served, name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        call(served, "decode", latents=LATENT_ERRORS[name])


@pytest.mark.parametrize("name", ["generate", "generate_stage1", "serving_default"])
def test_bad_counts_and_seeds_are_refused(served, name):
    seed = tf.constant([1, 2])
    for count, seeds in ((-1, seed), ([3], seed), (3, tf.constant([1, 2, 3])), (3, tf.constant(1))):
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(served, name, count=tf.constant(count), seed=seeds)
    assert call(served, name, count=tf.constant(0), seed=seed)["images"].shape == (0, 8, 8, 1)


def test_no_rows_give_no_rows(served):
    none = tf.zeros((0, 8, 8, 1))
    assert call(served, "encode", images=none)["stddev"].shape == (0, 4)
    assert call(served, "reconstruct", images=none)["images"].shape == (0, 8, 8, 1)
    assert call(served, "decode", latents=tf.zeros((0, 4)))["images"].shape == (0, 8, 8, 1)
