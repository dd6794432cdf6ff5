"""The record of metrics.json."""

import dataclasses
import math

import pytest

from tf_twostage import metrics
from tf_twostage.metrics import (
    BestFid,
    Distances,
    Encoding,
    FidScores,
    LatentSpace,
    Metrics,
    NearDuplicates,
    Normality,
    Scores,
)

DISTANCES = Distances(0.3, 0.2, 0.1, 50)
DUPLICATES = NearDuplicates(0.02, 0.01, 0.01, 50)
SPACE = LatentSpace((3.0, 0.0), 0.5, 0.9, Normality(0.2, 0.1, 0.005), None, 0.01, 50, 50)
ENCODING = Encoding(1, None, (0.1, 1.0), 0.5, SPACE)
SCORES = Scores((1, 2), 2, math.log(0.25) / 2, ENCODING, DISTANCES, DUPLICATES)
FIDS = FidScores("table1", 64, "abc", False, 50, 1.5, {"table1": {"stage1": 3.0}, "plain": {}})


def test_the_order_of_the_file():
    metrics = Metrics(SCORES, FIDS, {"stage1": {"kl": 1.0}}, {"stage1": 2.0, "evaluation": 1.0})
    values = metrics.as_dict()
    assert list(values) == [
        "stages",
        "gamma",
        "log_gamma",
        "latent_dim",
        "active_dimensions",
        "true_dimensions",
        "lambda",
        "reconstruction_mse",
        "latent_space",
        "sliced_wasserstein",
        "near_duplicates",
        "fid",
        "loss",
        "seconds",
    ]
    assert values["latent_dim"] == 2
    assert values["latent_space"] == {
        "kl_per_dimension": [3.0, 0.0],
        "active_share": 0.5,
        "lambda_gap": 0.9,
        "z": {"spectrum_distance": 0.2, "mmd2": 0.1, "p_value": 0.005},
        "u": None,
        "spectrum_floor": 0.01,
        "draws": 50,
        "mmd_draws": 50,
    }
    assert values["gamma"] == pytest.approx(0.25)
    assert values["seconds"]["total"] == 3.0
    assert values["fid"]["stage1"] == 3.0  # of the protocol that stands first


def test_a_gan_has_neither_gamma_nor_an_encoder():
    values = dataclasses.replace(SCORES, log_sd_x=None, encoding=None).as_dict()
    assert list(values) == ["stages", "latent_dim", "sliced_wasserstein", "near_duplicates"]


def test_the_best_checkpoint_is_the_one_with_the_lowest_fid_of_that_protocol():
    rows = [
        {"epoch": 5.0, "plain": 30.0, "table1": 20.0},
        {"epoch": 10.0, "plain": 25.0, "table1": 22.0},
        {"epoch": 15.0, "plain": 26.0, "table1": 21.0},
    ]
    assert BestFid.of(rows, "plain") == BestFid(10, 3, {"plain": 25.0, "table1": 22.0})
    assert BestFid.of(rows, "table1").epoch == 5
    found = dataclasses.replace(FIDS, best=BestFid.of(rows, "table1"))
    assert found.reported == 20.0
    assert FIDS.reported == 3.0


def test_fids_come_back_from_their_file():
    assert FidScores.from_dict(FIDS.as_dict()) == FIDS
    best = dataclasses.replace(FIDS, best=BestFid(5, 2, {"plain": 1.0, "table1": 2.0}))
    assert FidScores.from_dict(best.as_dict()) == best
    assert FidScores.from_dict(None) is None
    assert FidScores.from_dict({"dims": 64}) is None


@pytest.mark.parametrize(
    ("second", "words"), [(0.2, "1.5 times closer"), (0.33, "1.1 times farther"), (None, None)]
)
def test_which_stage_is_closer(second, words):
    assert Distances(0.3, second, 0.1, 50).in_words == words


def test_without_a_second_stage_nothing_of_it_is_written():
    found = Distances(0.3, None, 0.1, 50).as_dict()
    assert list(found) == ["stage1", "train_vs_test", "images"]


def test_equal_images_leave_no_factor():
    assert Distances(0.0, 0.0, 0.0, 50).in_words is None
    assert Distances(0.1, 0.0, 0.0, 50).as_dict()["factor"] is None
    assert metrics.in_words(0.0) == "inf times farther"
