import multiprocessing
import os
import time

import numpy as np
import pytest

import fid

RNG = np.random.default_rng(2)
FEATURES = RNG.normal(3, 2, (1500, 24)).astype(np.float32)


class FakeInception(fid.Inception):
    """Features that are the first pixels, and a count of the images it was shown."""

    def __init__(self, blob="a" * 40):
        self.git_blob_id, self.seen = blob, 0

    def stream(self, images, dims=2048, progress=None):
        for batch in images:
            self.seen += len(batch)
            yield np.asarray(batch, np.float32).reshape(len(batch), -1)[:, :dims]


def test_streamed_moments_equal_numpy_s():
    statistics = fid.Statistics.from_features(FEATURES)
    np.testing.assert_allclose(statistics.mu, FEATURES.mean(axis=0, dtype=np.float64), rtol=1e-12)
    expected = np.cov(FEATURES.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(statistics.sigma, expected, rtol=1e-10, atol=1e-12)
    assert statistics.mu.dtype == statistics.sigma.dtype == np.float64
    assert (statistics.count, statistics.dims) == (1500, 24)


@pytest.mark.parametrize("size", [1, 7, 512, 1499])
def test_the_same_bits_however_the_features_arrive(size):
    whole = fid.Statistics.from_features(FEATURES)
    pieces = (FEATURES[i : i + size] for i in range(0, 1500, size))
    streamed = fid.Statistics.from_features(pieces)
    np.testing.assert_array_equal(streamed.mu, whole.mu)
    np.testing.assert_array_equal(streamed.sigma, whole.sigma)


def test_a_large_offset_costs_no_digits():
    features = RNG.normal(size=(1300, 8))
    shifted = fid.Statistics.from_features(features + 1e7)
    np.testing.assert_allclose(shifted.sigma, np.cov(features, rowvar=False), atol=1e-7)


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_are_too_few(count):
    with pytest.raises(fid.Error, match="at least 2"):
        fid.Statistics.from_features(FEATURES[:count])


def test_fewer_images_than_dims_are_warned_of(recwarn):
    fid.Statistics.from_features(FEATURES[:24])
    assert not recwarn
    with pytest.warns(UserWarning, match="23 images are fewer than 24 dims"):
        fid.Statistics.from_features(FEATURES[:23])


@pytest.mark.parametrize(
    "features",
    [np.zeros(5), np.array([[1.0, np.nan]] * 3), [np.zeros((3, 2)), np.zeros((3, 4))], [["a"]]],
)
def test_features_that_are_none_are_named(features):
    with pytest.raises(fid.Error, match="features"):
        fid.Statistics.from_features(features)


def test_saved_statistics_load_as_they_were(tmp_path):
    statistics = fid.Statistics.from_features(FEATURES, git_blob_id="b" * 40)
    assert statistics.save(tmp_path / "deep" / "stats") == tmp_path / "deep" / "stats.npz"
    loaded = fid.Statistics.load(tmp_path / "deep" / "stats.npz")
    np.testing.assert_array_equal(loaded.mu, statistics.mu)
    np.testing.assert_array_equal(loaded.sigma, statistics.sigma)
    assert (loaded.count, loaded.git_blob_id) == (1500, "b" * 40)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["stats.npz"]


def test_ttur_s_own_files_load(tmp_path):
    np.savez(tmp_path / "ttur.npz", mu=np.zeros(3, np.float32), sigma=np.eye(3))
    loaded = fid.Statistics.load(tmp_path / "ttur.npz")
    assert (loaded.count, loaded.git_blob_id, loaded.dims) == (None, None, 3)
    assert loaded.mu.dtype == np.float64


def test_damaged_statistics_are_named(tmp_path):
    path = tmp_path / "stats.npz"
    fid.Statistics.from_features(FEATURES).save(path)
    content = path.read_bytes()
    for damaged in (b"", content[:200], content[:-100], b"no zip at all"):
        path.write_bytes(damaged)
        with pytest.raises(fid.Error, match=r"stats\.npz.*damaged"):
            fid.Statistics.load(path)
    np.savez(path, mu=np.zeros(3))
    with pytest.raises(fid.Error, match="mu and sigma"):
        fid.Statistics.load(path)
    np.savez(path, mu=np.zeros(3), sigma=np.eye(4))
    with pytest.raises(fid.Error, match="shape"):
        fid.Statistics.load(path)
    with pytest.raises(fid.Error, match=r"no statistics at .*none\.npz"):
        fid.Statistics.load(tmp_path / "none.npz")


def test_statistics_that_cannot_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(fid.Error, match="cannot write"):
        fid.Statistics.from_features(FEATURES).save(tmp_path / "file" / "stats.npz")


@pytest.fixture
def images():
    return RNG.integers(0, 256, (150, 8, 8, 3), dtype=np.uint8)


def test_cache_spares_the_network(tmp_path, images):
    network = FakeInception()
    first = fid.cached_statistics(images, network, 64, folder=tmp_path)
    assert network.seen == 150
    second = fid.cached_statistics(images.copy(), network, 64, folder=tmp_path)
    assert network.seen == 150
    np.testing.assert_array_equal(second.sigma, first.sigma)
    np.testing.assert_array_equal(second.mu, images.reshape(150, -1)[:, :64].mean(axis=0))


def test_a_reader_and_a_second_writer_meet_whole_statistics(tmp_path, images, monkeypatch):
    """Both come while the first writer has written half."""
    write, found = np.savez, []

    def write_half(file, **arrays):
        monkeypatch.setattr(np, "savez", write)
        file.write(b"half")
        for _ in range(2):  # the second time it is there
            found.append(fid.cached_statistics(images, second, 64, folder=tmp_path))
        file.seek(0)
        file.truncate()
        write(file, **arrays)

    monkeypatch.setattr(np, "savez", write_half)
    first, second = FakeInception(), FakeInception()
    found.append(fid.cached_statistics(images, first, 64, folder=tmp_path))
    found.append(fid.cached_statistics(images, first, 64, folder=tmp_path))
    assert (first.seen, second.seen) == (150, 150)
    for one in found[1:]:
        np.testing.assert_array_equal(one.sigma, found[0].sigma)
    assert len(list(tmp_path.iterdir())) == 1


def _cache(folder, images, ready, go):
    ready.set()
    go.wait()
    network = FakeInception()
    found = [fid.cached_statistics(images, network, 64, folder=folder) for _ in range(20)]
    assert all(one.count == 150 for one in found)


def test_processes_share_one_cache(tmp_path, images):
    context = multiprocessing.get_context("spawn")
    go, readies = context.Event(), [context.Event() for _ in range(2)]
    arguments = [(tmp_path, images, ready, go) for ready in readies]
    processes = [context.Process(target=_cache, args=one) for one in arguments]
    for process in processes:
        process.start()
    assert all(ready.wait(600) for ready in readies)
    go.set()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    (entry,) = tmp_path.iterdir()
    expected = images.reshape(150, -1)[:, :64].mean(axis=0)
    np.testing.assert_array_equal(fid.Statistics.load(entry).mu, expected)


@pytest.mark.filterwarnings("ignore:.*fewer than:UserWarning")
def test_cache_tells_everything_apart_that_matters(tmp_path, images):
    other = images.copy()
    other[77, 3, 3, 1] ^= 1
    variants = [
        {},
        {"images": other},
        {"inception": FakeInception("c" * 40)},
        {"dims": 192},
        {"preparation": fid.Preparation(protocol="table1")},
        {"preparation": fid.Preparation(role="generated")},
        {"preparation": fid.Preparation(quantize=True)},
        {"preparation": fid.Preparation(drop_last=50)},
        {"extra": "through JPEG"},
    ]
    for changed in variants:
        network = FakeInception()
        arguments = {"images": images, "inception": network, "dims": 64} | changed
        fid.cached_statistics(**arguments, folder=tmp_path)
        assert arguments["inception"].seen == 150
    assert len(list(tmp_path.iterdir())) == len(variants)


def test_a_corrupt_cache_entry_is_computed_anew(tmp_path, images):
    network = FakeInception()
    first = fid.cached_statistics(images, network, 64, folder=tmp_path)
    (entry,) = tmp_path.iterdir()
    whole = entry.read_bytes()
    for damaged in (whole[:500], b""):
        entry.write_bytes(damaged)
        with pytest.warns(UserWarning, match="damaged: computing them anew"):
            again = fid.cached_statistics(images, network, 64, folder=tmp_path)
        np.testing.assert_array_equal(again.sigma, first.sigma)
    assert network.seen == 450
    assert entry.read_bytes() == whole


def test_what_a_writer_left_that_was_killed_a_day_ago_goes(tmp_path, images):
    old, new = tmp_path / ".a-x.part.npz", tmp_path / ".b-y.part.npz"
    for path, days in ((old, 2), (new, 0)):
        path.touch()
        os.utime(path, (time.time() - 86_400 * days,) * 2)
    fid.cached_statistics(images, FakeInception(), 64, folder=tmp_path)
    assert [path for path in (old, new) if path.exists()] == [new]


@pytest.mark.parametrize("wrong", [np.zeros((1, 8, 8, 3), np.uint8), [], "none", "dims", "graph"])
def test_mistakes_on_either_side_are_found_before_anything_is_computed(tmp_path, images, wrong):
    network = FakeInception()
    sides = {
        "none": tmp_path / "none",
        "dims": fid.Statistics(np.zeros(192), np.eye(192)),
        "graph": fid.Statistics(np.zeros(64), np.eye(64), 9, "c" * 40),
    }
    other = sides[wrong] if isinstance(wrong, str) else np.array(wrong)
    for pair in ((images, other), (other, images)):
        with pytest.raises(fid.Error):
            fid.compute(*pair, network, 64)
    assert network.seen == 0


def test_a_generator_cannot_be_cached(tmp_path, images):
    with pytest.raises(fid.Error, match="only once"):
        fid.cached_statistics(iter([images]), FakeInception(), 64, folder=tmp_path)


def test_a_cache_that_cannot_be_written_costs_a_warning_only(tmp_path, images):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="cannot write"):
        statistics = fid.cached_statistics(
            images, FakeInception(), 64, folder=tmp_path / "file" / "cache"
        )
    assert statistics.count == 150


def test_cache_lives_in_the_user_s_cache_folder(tmp_path, images, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    fid.cached_statistics(images, FakeInception(), 64)
    assert len(list((tmp_path / "fid" / "statistics").iterdir())) == 1
