import numpy as np
import tensorflow as tf

from tf_twostage.data.batches import AdversarialBatches, ImageBatches, LatentBatches
from tf_twostage.data.storage import Storage

RNG = np.random.default_rng(0)
IMAGES = np.arange(25, dtype="uint8").repeat(4).reshape(25, 2, 2, 1)


def take(stream, count):
    return list(stream.take(count).as_numpy_iterator())


def numbers(batch):
    return np.rint(batch["x"][:, 0, 0, 0] * 255).astype(int)


def test_an_epoch_shows_every_image_once_but_the_last_partial_batch():
    epoch = take(ImageBatches(IMAGES, 10, 3, seed=0).stream(), 2)
    seen = np.concatenate([numbers(batch) for batch in epoch])
    assert len(set(seen)) == 20  # 25 images, 2 whole batches
    assert epoch[0]["x"].dtype == epoch[0]["noise"].dtype == np.float32
    assert epoch[0]["x"].max() <= 24 / 255 + 1e-6
    assert epoch[0]["noise"].shape == (10, 3)


def test_epochs_differ_in_order_and_noise():
    first, second = (take(ImageBatches(IMAGES, 25, 3, 0).stream(e), 1)[0] for e in (0, 1))
    assert sorted(numbers(first)) == sorted(numbers(second)) == list(range(25))
    assert list(numbers(first)) != list(numbers(second))
    assert not np.array_equal(first["noise"], second["noise"])


def test_a_stream_from_a_later_epoch_is_the_rest_of_the_whole_stream():
    whole = take(ImageBatches(IMAGES, 10, 3, seed=7).stream(), 8)
    rest = take(ImageBatches(IMAGES, 10, 3, seed=7).stream(first_epoch=3), 2)
    for expected, batch in zip(whole[6:], rest, strict=True):
        np.testing.assert_array_equal(expected["x"], batch["x"])
        np.testing.assert_array_equal(expected["noise"], batch["noise"])


def test_seeds_give_different_streams():
    first, second = (take(ImageBatches(IMAGES, 25, 3, seed).stream(), 1)[0] for seed in (0, 1))
    assert list(numbers(first)) != list(numbers(second))
    assert not np.array_equal(first["noise"], second["noise"])


def test_latents_are_redrawn_every_epoch_from_their_posteriors():
    mean = np.tile(np.array([[5.0, -3.0]], "float32"), (4000, 1))
    stddev = np.tile(np.array([[0.1, 2.0]], "float32"), (4000, 1))
    first, second = take(LatentBatches(mean, stddev, 4000, seed=0).stream(), 2)
    assert not np.array_equal(first["x"], second["x"])
    np.testing.assert_allclose(first["x"].mean(0), mean[0], atol=0.15)
    np.testing.assert_allclose(first["x"].std(0), stddev[0], rtol=0.05)
    # The noise of u is another draw than the one that made z.
    eps = (first["x"] - mean) / stddev
    assert abs(np.corrcoef(eps[:, 0], first["noise"][:, 0])[0, 1]) < 0.06


def test_a_latent_batch_pairs_each_mean_with_its_own_deviation():
    mean = np.arange(20, dtype="float32")[:, None]
    (batch,) = take(LatentBatches(mean, np.zeros_like(mean), 20, seed=3).stream(), 1)
    assert sorted(batch["x"][:, 0]) == list(range(20))


def test_the_workers_parts_make_up_the_batch():
    whole = take(ImageBatches(IMAGES, 10, 3, seed=0).stream(), 3)
    parts = [take(ImageBatches(IMAGES, 10, 3, seed=0).stream(part=(i, 2)), 3) for i in range(2)]
    for batch, first, second in zip(whole, *parts, strict=True):
        for key in batch:
            np.testing.assert_array_equal(np.concatenate([first[key], second[key]]), batch[key])


def test_the_workers_parts_make_up_the_batch_of_latents():
    mean = RNG.normal(size=(30, 2)).astype("float32")
    whole = take(LatentBatches(mean, mean**2, 15, seed=0).stream(), 3)
    parts = [
        take(LatentBatches(mean, mean**2, 15, seed=0).stream(part=(i, 3)), 3) for i in range(3)
    ]
    for batch, *slices in zip(whole, *parts, strict=True):
        for key in batch:
            joined = np.concatenate([part[key] for part in slices])
            np.testing.assert_array_equal(joined, batch[key])


def adversarial(images=IMAGES, batch_size=4, n=2, extras=("mix", "perturbation"), seed=0):
    return AdversarialBatches(images, batch_size, 3, seed, n, extras)


def test_a_gans_batch_has_images_and_latents_for_each_of_its_steps():
    data = adversarial()
    assert data.steps == 3  # 25 images, 6 whole batches, 2 a step
    (batch,) = take(data.stream(), 1)
    shapes = {"x": (4, 2, 2, 2, 1), "z": (4, 3, 3), "mix": (4, 2, 1)}
    assert {key: value.shape for key, value in batch.items()} == shapes | {
        "perturbation": shapes["x"]
    }
    assert {value.dtype for value in batch.values()} == {np.dtype("float32")}
    assert set(take(adversarial(extras=()).stream(), 1)[0]) == {"x", "z"}


def test_an_epoch_of_a_gan_shows_no_image_twice():
    first, second = ([*take(adversarial().stream(e), 3)] for e in (0, 1))
    seen = [np.rint(255 * batch["x"][..., 0, 0, 0]).ravel() for batch in first]
    assert len(set(np.concatenate(seen))) == 24
    assert not np.array_equal(first[0]["x"], second[0]["x"])
    assert not np.array_equal(first[0]["z"], second[0]["z"])


def test_a_gans_random_numbers_are_uniform_and_unrelated():
    images = np.zeros((4000, 2, 2, 1), "uint8")
    (batch,) = take(adversarial(images, 2000).stream(), 1)
    columns = [batch["z"].reshape(2000, -1) / 2 + 0.5]
    columns += [batch[key].reshape(2000, -1) for key in ("mix", "perturbation")]
    uniform = np.concatenate(columns, axis=1)
    assert uniform.min() >= 0
    assert uniform.max() < 1
    np.testing.assert_allclose(uniform.mean(0), 0.5, atol=0.03)
    np.testing.assert_allclose(uniform.var(0), 1 / 12, rtol=0.1)
    correlations = np.corrcoef(uniform.T) - np.eye(uniform.shape[1])
    assert np.abs(correlations).max() < 0.1


def test_a_gans_stream_from_a_later_epoch_is_the_rest_of_the_whole_stream():
    whole, rest = take(adversarial().stream(), 8), take(adversarial().stream(first_epoch=2), 2)
    for expected, batch in zip(whole[6:], rest, strict=True):
        for key in expected:
            np.testing.assert_array_equal(expected[key], batch[key])


def test_the_workers_parts_make_up_the_batch_of_a_gan():
    whole = take(adversarial().stream(), 3)
    parts = [take(adversarial().stream(part=(i, 2)), 3) for i in range(2)]
    for batch, first, second in zip(whole, *parts, strict=True):
        for key in batch:
            np.testing.assert_array_equal(np.concatenate([first[key], second[key]]), batch[key])


def test_a_gans_batches_inside_xla_are_those_of_the_stream():
    data = adversarial(seed=2**33)

    @tf.function(jit_compile=True)
    def batch(rows, step):
        gathers = [lambda rows: tf.gather(IMAGES, rows)]
        return data.batch(gathers, rows, lambda use: data.noise(use, step))

    steps = zip(data.order(2), range(6, 9), strict=True)
    for (rows, step), expected in zip(steps, take(data.stream(2), 3), strict=True):
        found = batch(rows, tf.constant(step, tf.int64))
        for key in ("z", "mix", "perturbation"):
            np.testing.assert_array_equal(found[key], expected[key])
        np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-6)


def test_a_gans_images_may_lie_in_a_file(tmp_path):
    in_file = Storage(0, tmp_path).empty(IMAGES.shape, np.uint8)
    in_file[:] = IMAGES
    (expected,), (batch,) = take(adversarial().stream(), 1), take(adversarial(in_file).stream(), 1)
    assert not isinstance(in_file, np.ndarray)
    np.testing.assert_array_equal(batch["x"], expected["x"])
