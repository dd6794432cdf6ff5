"""The choice of held-out images."""

import pytest

from tf_twostage.data import held_out


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, 1), (14, 1), (16, 2), (1000, 100), (99_990, 9_999), (1_000_000, 10_000)],
)
def test_a_tenth_is_held_out(count, expected):
    assert held_out.count(count) == expected
