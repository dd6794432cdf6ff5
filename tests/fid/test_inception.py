import pathlib
import subprocess
import sys
import warnings

import layouts
import numpy as np
import pytest
import tensorflow as tf
from fid_graph import SmallInception

import fid

DIMS = (64, 192, 768, 2048)
RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, (5, 20, 26, 3), dtype=np.uint8)


def load(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the small graph is not TTUR's
        return fid.Inception(path, **options)


@pytest.fixture(scope="module", params=[True, False], ids=["scaled", "unscaled"])
def small(request, tmp_path_factory):
    network = SmallInception(scale_after_normalization=request.param)
    path = tmp_path_factory.mktemp("graph") / "small.pb"
    path.write_bytes(network.graph_def().SerializeToString())
    return network, path


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "small.pb"
    path.write_bytes(SmallInception().graph_def().SerializeToString())
    return path


@pytest.fixture(scope="module")
def inception(path):
    return load(path, batch_size=4)


@pytest.mark.parametrize(
    "options", [{}, {"layout": "NCHW"}, {"fold": False}], ids=["folded", "NCHW", "unfolded"]
)
def test_features_equal_plain_numpy(small, options):
    layouts.need(options.get("layout"))
    network, path = small
    inception = load(path, batch_size=4, **options)
    for dims in DIMS:
        features = inception.features(IMAGES, dims)
        expected = network.features(IMAGES, dims)
        assert features.shape == (5, dims)
        assert features.dtype == np.float32
        np.testing.assert_allclose(features, expected, atol=2e-6 * expected.max(), rtol=0)


def test_features_depend_on_the_image_alone(path, inception):
    whole = inception.features(IMAGES)
    parts = [inception.features(IMAGES[i : i + 1]) for i in range(5)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))
    np.testing.assert_array_equal(inception.features(IMAGES[::-1])[::-1], whole)
    for size in (1, 3, 16):
        other = load(path, batch_size=size).features(IMAGES)
        np.testing.assert_allclose(other, whole, atol=1e-6 * whole.max(), rtol=0)


def test_features_in_pieces_of_several_sizes_keep_their_order(inception):
    small = RNG.integers(0, 256, (3, 9, 7), dtype=np.uint8)
    pieces = (piece for piece in (IMAGES[:2], small, IMAGES[2:].astype(np.float32)))
    features = inception.features(pieces, 192)
    expected = [inception.features(x, 192) for x in (IMAGES[:2], small, IMAGES[2:])]
    np.testing.assert_array_equal(features, np.concatenate(expected))


def test_bytes_and_floats_give_the_same_features(inception):
    whole = inception.features(IMAGES, 768)
    for dtype in (np.float32, np.float64, np.int64):
        np.testing.assert_array_equal(inception.features(IMAGES.astype(dtype), 768), whole)


def test_bytes_reach_the_device_as_bytes(inception, monkeypatch):
    packs = []
    run = inception._runner.features

    def watched(pack, size, dims):
        packs.append([(piece.dtype.name, len(piece)) for piece in pack])
        return run(pack, size, dims)

    monkeypatch.setattr(inception._runner, "features", watched)
    grey = RNG.integers(0, 256, (2, 9, 7), dtype=np.uint8)
    inception.features(iter([IMAGES[:3], IMAGES.astype(np.float32), grey]), 64)
    floats, left = ("float32", 1), ("float32", 4)
    expected = [[("uint8", 3), floats], [left], [("uint8", 2)]]
    assert sorted(packs) == sorted(expected)  # several run at once, so their order is left open


@pytest.mark.parametrize("in_flight", [1, 3])
def test_batches_in_flight_change_nothing(path, inception, in_flight):
    images = RNG.integers(0, 256, (23, 12, 10, 3), dtype=np.uint8)
    other = load(path, batch_size=4, in_flight=in_flight)
    np.testing.assert_array_equal(other.features(images, 768), inception.features(images, 768))


def test_a_full_device_is_one_line(inception, monkeypatch):
    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating\na tensor")

    monkeypatch.setattr(inception._runner, "features", full)
    with pytest.raises(fid.Error, match="no memory is left for 4 images at a time"):
        inception.features(IMAGES, 64)


@pytest.mark.parametrize("options", [{"in_flight": 0}, {"batch_size": 0}, {"layout": "NCWH"}])
def test_wrong_options_are_named(path, options):
    with pytest.raises(fid.Error, match=next(iter(options))):
        load(path, **options)


def test_several_devices_give_the_features_of_one(path, tmp_path):
    script = pathlib.Path(__file__).parents[1] / "helpers" / "inception_devices.py"
    command = [sys.executable, script, path, tmp_path / "out.npz"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_array_equal(found["three"], found["one"])
        assert set(found["one_places"]) == {"CPU:0"}
        assert sorted(found["three_places"]) == sorted(["CPU:0", "CPU:1", "CPU:2"] * 2)


def test_grey_is_the_same_as_grey_repeated(inception):
    grey = RNG.integers(0, 256, (3, 12, 12), dtype=np.uint8)
    features = inception.features(grey, 64)
    np.testing.assert_array_equal(inception.features(grey[..., None], 64), features)
    repeated = np.repeat(grey[..., None], 3, axis=-1)
    np.testing.assert_array_equal(inception.features(repeated, 64), features)


def test_pixels_are_not_rounded(inception):
    halves = IMAGES.astype(np.float64) * 0.5 + 0.25
    low, high = (inception.features(x, 64) for x in (np.floor(halves), np.ceil(halves)))
    features = inception.features(halves, 64)
    assert not np.array_equal(features, low)
    assert not np.array_equal(features, high)


def test_progress_counts_every_image(inception):
    calls = []
    inception.features(IMAGES, 64, progress=calls.append)
    assert calls == [4, 5]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.full((2, 8, 8, 3), np.nan), "finite"),
        (np.full((2, 8, 8, 3), 256.0), "0..255"),
        (np.full((2, 8, 8, 3), -1.0), "0..255"),
        (np.zeros((2, 8, 8, 4), np.uint8), "shape"),
        (np.zeros((8, 8, 3), np.uint8), "shape"),
        (np.zeros((2, 8, 8, 3), complex), "dtype"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no images"),
        (3, "int"),
    ],
)
def test_images_that_are_none_are_named(inception, images, message):
    with pytest.raises(fid.Error, match=message):
        inception.features(images, 64)


def test_images_in_the_unit_range_are_warned_of(inception):
    with pytest.warns(UserWarning, match=r"0\.\.1"):
        inception.features(IMAGES / 255, 64)


@pytest.mark.parametrize("dims", [0, 100, 1008])
def test_unknown_dims(inception, dims):
    with pytest.raises(fid.Error, match="2048, 768, 192, 64"):
        inception.features(IMAGES, dims)


def test_foreign_graph_is_warned_of_and_named_in_the_result(path, inception):
    with pytest.warns(UserWarning, match="NOT the one"):
        fid.Inception(path)
    with pytest.warns(UserWarning, match="fewer than 64 dims"):
        result = fid.compute(IMAGES, IMAGES[::-1], inception, dims=64)
    assert result.inception_git_blob == fid.git_blob_id(path) == inception.git_blob_id
    assert not inception.is_ttur
    assert not result.comparable_with_table1


def test_only_ttur_s_graph_at_2048_dims_compares_with_table1(monkeypatch):
    monkeypatch.setattr("fid.distance.frechet_distance", lambda *_: 0.0)  # seconds at 2048 dims
    side = fid.Statistics(np.zeros(2048), np.eye(2048), 9, fid.TTUR_BLOB_ID)
    assert fid.compute(side, side).comparable_with_table1
    unknown = fid.Statistics(side.mu, side.sigma)
    assert not fid.compute(side, unknown).comparable_with_table1
    narrow = fid.Statistics(np.zeros(64), np.eye(64), 9, fid.TTUR_BLOB_ID)
    assert not fid.compute(narrow, narrow, dims=64).comparable_with_table1
    foreign = fid.Statistics(side.mu, side.sigma, 9, "0" * 40)
    with pytest.raises(fid.Error, match="different Inception graphs"):
        fid.compute(side, foreign)
    with pytest.raises(fid.Error, match="64 dims where 2048"):
        fid.compute(narrow, narrow)


@pytest.mark.filterwarnings("ignore:.*fewer than:UserWarning")
def test_compute_is_the_distance_of_the_protocol_s_features(inception):
    network, real = SmallInception(), IMAGES
    generated = RNG.uniform(40, 60, (6, 16, 16, 3))
    for protocol in ("plain", "table1"):
        shown = fid.stretch(generated) if protocol == "table1" else generated
        moments = []
        for images in (real, shown):
            features = network.features(images, 64)
            moments += [features.mean(axis=0), np.cov(features, rowvar=False)]
        result = fid.compute(real, generated, inception, dims=64, protocol=protocol)
        assert float(result) == pytest.approx(fid.frechet_distance(*moments), rel=1e-4)
        assert (result.protocol, result.n_real, result.n_generated) == (protocol, 5, 6)
        assert f"{result:.2f}" == f"{result.value:.2f}"


@pytest.mark.filterwarnings("ignore:.*fewer than:UserWarning")
def test_drop_last_leaves_out_the_last_partial_batch(inception):
    kept = fid.Statistics.from_images(IMAGES, inception, 64, drop_last=2)
    assert kept.count == 4
    np.testing.assert_array_equal(kept.mu, fid.Statistics.from_images(IMAGES[:4], inception, 64).mu)


def test_class_probabilities_leave_the_biases_out(inception):
    features = inception.features(IMAGES)
    logits = features.astype(np.float64) @ SmallInception().softmax.astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(inception.class_probabilities(features), expected, rtol=1e-9)


def test_a_softmax_of_zeros_gives_no_score(tmp_path):
    network = SmallInception()
    network.softmax[:] = 0
    path = tmp_path / "small.pb"
    path.write_bytes(network.graph_def().SerializeToString())
    with pytest.raises(fid.Error, match="softmax"):
        load(path).class_probabilities(np.zeros((2, 2048)))
