import numpy as np
import pytest
import tensorflow as tf

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.models import export, signatures
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


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
def test_a_seed_gives_the_images_of_sample(model, served, seed):
    for name, stage in (("generate", 2), ("generate_stage1", 1)):
        images = call(served, name, count=tf.constant(3), seed=tf.constant([seed, 0]))["images"]
        np.testing.assert_allclose(images, model.sample(3, seed, stage), rtol=1e-5, atol=1e-6)
    latents = call(served, "generate_latents", count=tf.constant(3), seed=tf.constant([seed, 0]))
    expected = model.sample_latents(3, seed)
    np.testing.assert_allclose(latents["latents"], expected, rtol=1e-5, atol=1e-6)


def test_rows_do_not_depend_on_their_number_nor_repeat_under_other_seeds(served):
    def latents(count, *seed):
        found = call(served, "generate_latents", count=tf.constant(count), seed=tf.constant(seed))
        return found["latents"]

    np.testing.assert_allclose(latents(5, 4, 9)[:3], latents(3, 4, 9), rtol=1e-6)
    seeds = [(4, 9), (4, 10), (9, 4), (4, -9), (-4, 9), (4, 2**31 - 1)]
    rows = [tuple(latents(1, *seed)[0]) for seed in seeds]
    assert len(set(rows)) == len(seeds)


def test_pngs_are_the_images(served):
    asked = {"count": tf.constant(3), "seed": tf.constant([5, 0])}
    files = call(served, "generate_png", **asked)["png_bytes"]
    images = call(served, "generate", **asked)["images"]
    pixels = np.stack([tf.io.decode_png(file).numpy() for file in files])
    np.testing.assert_array_equal(pixels, np.round(255 * images).astype(np.uint8))
    none = call(served, "generate_png", count=tf.constant(0), seed=tf.constant([5, 0]))
    assert none["png_bytes"].shape == (0,)


def test_interpolation_runs_from_one_reconstruction_to_the_other(model, served):
    first, second = np.random.default_rng(1).uniform(size=(2, 3, 8, 8, 1)).astype("float32")
    asked = {"first": tf.constant(first), "second": tf.constant(second)}
    images = call(served, "interpolate", **asked, steps=tf.constant(5))["images"]
    assert images.shape == (3, 5, 8, 8, 1)
    np.testing.assert_allclose(images, model.interpolate(first, second, 5), rtol=1e-5, atol=1e-6)
    ends = [model.decode(model.encode(end).mean) for end in (first, second)]
    np.testing.assert_allclose(images[:, [0, -1]], np.stack(ends, 1), rtol=1e-5, atol=1e-6)
    middle = model.decode((model.encode(first).mean + model.encode(second).mean) / 2)
    np.testing.assert_allclose(images[:, 2], middle, rtol=1e-5, atol=1e-6)


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
    asked = {"count": tf.constant(2), "seed": tf.constant([3, 0])}
    expected = model.sample(2, 3, stage=1)
    for name in ("serving_default", "generate_stage1"):
        np.testing.assert_allclose(call(served, name, **asked)["images"], expected, atol=1e-6)
    latents = call(served, "generate_latents", **asked)["latents"]
    np.testing.assert_allclose(model.decode(latents), expected, atol=1e-6)


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


GENERATORS = ["generate", "generate_stage1", "generate_latents", "generate_png"]


@pytest.mark.parametrize("name", [*GENERATORS, "serving_default"])
def test_bad_counts_and_seeds_are_refused(served, name):
    seed = tf.constant([1, 2])
    for count, seeds in (
        (-1, seed),
        (signatures.MOST + 1, seed),
        (2**31 - 1, seed),
        ([3], seed),
        (3, tf.constant([1, 2, 3])),
        (3, tf.constant(1)),
    ):
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(served, name, count=tf.constant(count), seed=seeds)
    (none,) = call(served, name, count=tf.constant(0), seed=seed).values()
    assert len(none) == 0


def test_the_error_of_a_count_says_what_is_allowed(served):
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"count must be in 0..1000, not\D+1001"
    ):
        call(served, "generate", count=tf.constant(1001), seed=tf.constant([1, 2]))


def test_bad_interpolations_are_refused(served):
    one, two = tf.zeros((1, 8, 8, 1)), tf.zeros((2, 8, 8, 1))
    for first, second, steps in ((one, one, 1), (one, one, 101), (one, two, 3), (one, one - 1, 3)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            call(served, "interpolate", first=first, second=second, steps=tf.constant(steps))


@pytest.mark.parametrize(
    ("first", "steps", "message"),
    [(2, 3, "2 first images and 1 second"), (1, 1, "steps must be at least 2, not 1")],
)
def test_bad_interpolations_of_a_model_are_one_line(model, first, steps, message):
    with pytest.raises(InputError, match=message):
        model.interpolate(np.zeros((first, 8, 8, 1)), np.zeros((1, 8, 8, 1)), steps)


def test_no_rows_give_no_rows(served):
    none = tf.zeros((0, 8, 8, 1))
    assert call(served, "encode", images=none)["stddev"].shape == (0, 4)
    assert call(served, "reconstruct", images=none)["images"].shape == (0, 8, 8, 1)
    assert call(served, "decode", latents=tf.zeros((0, 4)))["images"].shape == (0, 8, 8, 1)
    between = call(served, "interpolate", first=none, second=none, steps=tf.constant(3))
    assert between["images"].shape == (0, 3, 8, 8, 1)
