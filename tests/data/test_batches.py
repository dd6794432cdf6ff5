import numpy as np

from tf_twostage.data.batches import ImageBatches, LatentBatches

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
