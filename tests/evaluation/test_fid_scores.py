"""FIDs of a model on a small graph with the real one's node names."""

import dataclasses

import numpy as np
import pytest
from fid_graph import SmallInception

import fid
from tf_twostage.errors import InputError
from tf_twostage.evaluation import fid_scores, fid_spec
from tf_twostage.evaluation.fid_scores import FidMeter
from tf_twostage.evaluation.fid_spec import FidSpec

COUNT = 80  # images on either side, as many as the data set holds out and more than 64 dims


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "graph.pb"
    path.write_bytes(SmallInception().graph_def().SerializeToString())
    return FidSpec(str(path), dims=64, protocol="table1", images=COUNT)


def statistics(images):
    features = SmallInception().features(np.asarray(images, np.float64), 64)
    return features.mean(axis=0), np.cov(features, rowvar=False)


def stretched(images):
    low = images.min(axis=(1, 2, 3), keepdims=True)
    high = images.max(axis=(1, 2, 3), keepdims=True)
    return 255 * (images - low) / (high - low)


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_fids_against_plain_numpy(model, dataset, spec):
    found = fid_scores.measure(model, FidMeter(dataset, spec), seed=3)
    real = np.random.default_rng(0).choice(len(dataset.test), COUNT, replace=False)
    real_images = dataset.test[np.sort(real)]
    for stage in (1, 2):
        samples = 255 * model.sample(COUNT, seed=3, stage=stage)
        for protocol, images in (("plain", samples), ("table1", stretched(samples))):
            expected = fid.frechet_distance(*statistics(real_images), *statistics(images))
            measured = found.protocols[protocol][f"stage{stage}"]
            assert measured == pytest.approx(expected, rel=1e-3)
    assert found.as_dict()["stage2"] == found.protocols["table1"]["stage2"]  # the spec's protocol
    assert found.inception_git_blob == fid.git_blob_id(spec.inception)
    assert not found.comparable_with_table1
    assert (found.dims, found.images) == (64, COUNT)


@pytest.mark.filterwarnings("ignore:the Inception graph")
def test_real_images_are_measured_once_and_samples_made_once(model, dataset, spec, monkeypatch):
    first = fid_scores.measure(model, FidMeter(dataset, spec), seed=3)
    decoded, measured = [], []
    decode, stream = model.decode, fid.Inception.stream

    def counting(self, images, *arguments):
        parts = list(stream(self, images, *arguments))
        measured.append(sum(map(len, parts)))
        return parts

    monkeypatch.setattr(model, "decode", lambda z: decoded.append(len(z)) or decode(z))
    monkeypatch.setattr(fid.Inception, "stream", counting)
    assert fid_scores.measure(model, FidMeter(dataset, spec), seed=3) == first
    assert decoded == 3 * [COUNT]  # reconstructions, samples of either stage
    assert measured == 3 * [2 * COUNT]  # under two protocols; real ones come from the cache


def test_a_missing_graph_is_found_out_at_the_start(tmp_path):
    with pytest.raises(InputError, match="--fid off"):
        FidSpec(str(tmp_path / "none.pb")).check()
    with pytest.raises(InputError, match="dims"):
        FidSpec(dims=100).check()


def test_measured_means_width_images_and_graph(spec):
    found = fid_scores.FidScores("plain", 64, "x", False, 15, 1.0, {"plain": {"stage1": 2.0}})
    asked = dataclasses.replace(spec, images=20)
    assert not asked.is_met_by(found, held_out=15)
    found = dataclasses.replace(found, inception_git_blob=fid_spec._graph_id(spec.inception))
    assert asked.is_met_by(found, held_out=15)
    assert not asked.is_met_by(found, held_out=100)
    assert not asked.is_met_by(None, held_out=15)
