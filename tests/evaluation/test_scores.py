"""Scores of a model; FIDs on a small graph with the real one's node names."""

import numpy as np
import pytest
from fid_graph import SmallInception

import fid
from tf_twostage import recipes
from tf_twostage.data.datasets import Dataset
from tf_twostage.errors import InputError
from tf_twostage.evaluation import scores
from tf_twostage.models.two_stage import TwoStageVAE, as_float

RNG = np.random.default_rng(0)
COUNT = 80  # more than 64 dims: the covariances have full rank


@pytest.fixture(scope="module")
def model():
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)
    model = TwoStageVAE(recipe, (8, 8, 1), seed=0)
    model.trained = {1, 2}
    return model


@pytest.fixture(scope="module")
def dataset():
    images = RNG.integers(0, 256, (2 * COUNT + 10, 8, 8, 1), dtype=np.uint8)
    return Dataset("noise", images[: COUNT + 5], images[COUNT + 5 :], "made here")


@pytest.fixture
def setting(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "graph.pb"
    path.write_bytes(SmallInception().graph_def().SerializeToString())
    return scores.FidSetting(str(path), dims=64, protocol="table1", images=COUNT)


def statistics(images):
    features = SmallInception().features(np.asarray(images, np.float64), 64)
    return features.mean(axis=0), np.cov(features, rowvar=False)


def stretched(images):
    low = images.min(axis=(1, 2, 3), keepdims=True)
    high = images.max(axis=(1, 2, 3), keepdims=True)
    return 255 * (images - low) / (high - low)


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_fids_against_plain_numpy(model, dataset, setting):
    found = scores.fid_scores(model, dataset, [1, 2], setting, seed=3)
    real = np.random.default_rng(0).choice(len(dataset.test), COUNT, replace=False)
    real_images = dataset.test[np.sort(real)]
    for stage in (1, 2):
        samples = 255 * model.sample(COUNT, seed=3, stage=stage)
        for protocol, images in (("plain", samples), ("table1", stretched(samples))):
            expected = fid.frechet_distance(*statistics(real_images), *statistics(images))
            measured = found["protocols"][protocol][f"stage{stage}"]
            assert measured == pytest.approx(expected, rel=1e-3)
    assert found["stage2"] == found["protocols"]["table1"]["stage2"]  # the setting's protocol
    assert found["inception_git_blob"] == fid.git_blob_id(setting.inception)
    assert not found["comparable_with_table1"]
    assert (found["dims"], found["images"]) == (64, COUNT)


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_real_statistics_are_computed_once_per_data_set(model, dataset, setting, monkeypatch):
    first = scores.fid_scores(model, dataset, [1], setting, seed=3)
    computed = []
    original = fid.Statistics.from_images.__func__

    def counting(cls, images, *arguments, **keywords):
        computed.append(arguments[3] if len(arguments) > 3 else keywords.get("role", "real"))
        return original(cls, images, *arguments, **keywords)

    monkeypatch.setattr(fid.Statistics, "from_images", classmethod(counting))
    assert scores.fid_scores(model, dataset, [1], setting, seed=3) == first
    assert "real" not in computed
    assert len(computed) == 4  # reconstructions and samples, under two protocols


def test_a_missing_graph_is_found_out_at_the_start(tmp_path):
    with pytest.raises(InputError, match="--fid off"):
        scores.check_fid(scores.FidSetting(str(tmp_path / "none.pb")))
    with pytest.raises(InputError, match="dims"):
        scores.check_fid(scores.FidSetting(dims=100))


def test_reconstruction_mse_by_hand(model, dataset):
    images = dataset.test[:10]
    expected = np.mean((as_float(images) - model.reconstruct(images, seed=5)) ** 2)
    assert scores.reconstruction_mse(model, images, 5) == pytest.approx(expected, rel=1e-5)


def test_sample_distances_have_a_floor_and_a_factor(model, dataset):
    found = scores.sample_distances(model, dataset, [1, 2], seed=0)
    assert found["factor"] == pytest.approx(found["stage1"] / found["stage2"])
    assert found["images"] == len(dataset.test)
    assert found["train_vs_test"] < found["stage1"]  # noise against noise, not against blobs
