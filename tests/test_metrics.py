"""The record of metrics.json."""

import pytest

from tf_twostage.metrics import Distances, FidScores, Metrics, Scores

DISTANCES = Distances(0.3, 0.2, 0.1, 50)
SCORES = Scores((1, 2), 0.25, -0.7, 1, None, (0.1, 1.0), 0.5, DISTANCES)
FIDS = FidScores("table1", 64, "abc", False, 50, 1.5, {"table1": {"stage1": 3.0}, "plain": {}})


def test_the_order_of_the_file():
    metrics = Metrics(SCORES, FIDS, {"stage1": {"kl": 1.0}}, {"stage1": 2.0, "evaluation": 1.0})
    values = metrics.as_dict()
    assert list(values) == [
        "stages",
        "gamma",
        "log_gamma",
        "active_dimensions",
        "latent_dim",
        "true_dimensions",
        "lambda",
        "reconstruction_mse",
        "sliced_wasserstein",
        "fid",
        "loss",
        "seconds",
    ]
    assert values["latent_dim"] == 2
    assert values["seconds"]["total"] == 3.0
    assert values["fid"]["stage1"] == 3.0  # of the protocol that stands first


def test_fids_come_back_from_their_file():
    assert FidScores.from_dict(FIDS.as_dict()) == FIDS
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
