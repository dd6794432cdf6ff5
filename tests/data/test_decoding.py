"""Decoding in threads."""

import numpy as np
import pytest

from tf_twostage.data import decoding


def test_decode_all_keeps_the_order_and_checks_the_count():
    def decode(i):
        return np.full((1, 1, 1), i % 251, np.uint8)

    out = decoding.decode_all(range(1300), np.empty((1300, 1, 1, 1), np.uint8), decode, "x")
    np.testing.assert_array_equal(out.ravel(), np.arange(1300) % 251)
    for count in (1299, 1301):
        with pytest.raises(ValueError, match="images"):
            decoding.decode_all(range(count), np.empty((1300, 1, 1, 1), np.uint8), decode, "x")


def test_few_images_are_under_way_at_a_time():
    """Read or decoded and not yet stored: bounds the memory that large images take."""
    taken, stored = [], []

    class Out(list):
        def __setitem__(self, row, image):
            stored.append(len(taken))

    decoding.decode_all((taken.append(i) or i for i in range(300)), Out(range(300)), abs, "x")
    assert stored[0] <= decoding._AHEAD + 1
    assert stored == sorted(stored)
    assert stored[-1] == 300
