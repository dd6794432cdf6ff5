"""The room that a run needs on the disk."""

import collections
import shutil

import pytest

from tf_twostage import recipes
from tf_twostage.errors import InputError
from tf_twostage.experiment import room
from tf_twostage.models.two_stage import TwoStageVAE

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def model():
    recipe = recipes.get("paper", "mnist", 1000, latent_dim=4, stage2_width=8)
    return TwoStageVAE(recipe, (8, 8, 1))


def test_a_checkpoint_counts_three_times_and_every_image_has_a_posterior(model):
    first, second = (model.stage(stage).count_params() for stage in (1, 2))
    expected = 36 * first + 8 * (first + second) + 32 * 1000 + room.PICTURES
    assert room.needed(model, 1000) == expected


def test_too_little_room_is_found_before_the_start(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, 5_000_000))
    folder = tmp_path / "runs" / "trial_000"
    room.check(folder, 4e6)
    with pytest.raises(InputError, match="needs 9 MB and its disk has 5 MB left"):
        room.check(folder, 9e6)
    folder.mkdir(parents=True)
    (folder / "there").write_bytes(bytes(4_000_000))  # what is there already needs no room
    room.check(folder, 9e6)
