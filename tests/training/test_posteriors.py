"""The posteriors of the training images, in files of the run folder."""

import numpy as np
import pytest

from tf_twostage import recipes
from tf_twostage.data.storage import Storage
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training import posteriors
from tf_twostage.training.devices import Devices


@pytest.fixture(scope="module")
def model():
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=2, stage2_width=8)
    model = TwoStageVAE(recipe, (8, 8, 1))
    model.trained.add(1)
    return model


def test_damaged_posteriors_are_computed_again(model, tmp_path, capfd, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype=np.uint8)
    given = (RunFolder(tmp_path), model, images, Storage(), Devices())
    first = posteriors.stored_or_encoded(*given)
    path = RunFolder(tmp_path).posterior("mean")
    content = path.read_bytes()
    np.testing.assert_array_equal(np.load(path), first.mean)  # whoever reads .npy reads it
    flipped = bytearray(content)
    flipped[-100] ^= 1
    for damaged in (bytes(flipped), content[:-100]):
        path.write_bytes(damaged)
        again = posteriors.stored_or_encoded(*given)
        np.testing.assert_array_equal(again.mean, first.mean)
        assert path.read_bytes() == content
    assert f"{path} is damaged: it is computed again" in capfd.readouterr().err
    monkeypatch.setattr(posteriors, "encode", None)  # would fail if called
    np.testing.assert_array_equal(posteriors.stored_or_encoded(*given).stddev, first.stddev)
