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
