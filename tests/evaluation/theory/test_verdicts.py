import numpy as np
import pytest

from tf_twostage.evaluation.theory import verdicts


def test_a_row_agrees_if_every_seed_does():
    values = np.array([1.0, 2.0, 6.0])
    row = verdicts.row("x", "< 9", values, values < 9)
    assert (row.mean, row.std) == (3, pytest.approx(np.sqrt(14 / 3)))
    assert row.agrees
    assert not verdicts.row("x", "< 5", values, values < 5).agrees


def test_slope_of_a_line_and_of_points_about_it():
    x = np.array([0.0, 1.0, 2.0])
    assert verdicts.slope(x, 3 * x - 5) == pytest.approx(3)
    assert verdicts.slope(x, 3 * x + np.array([1, -2, 1])) == pytest.approx(3)


def test_mean_curve_is_the_mean_over_seeds():
    curve = verdicts.mean_curve("a", [1, 2], [[0.0, 2.0], [2.0, 6.0]])
    assert (curve.x, curve.y) == ((1, 2), (1, 4))
