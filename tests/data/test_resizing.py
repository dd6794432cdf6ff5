"""The middle part of an image, resized."""

import numpy as np
import pytest

from tf_twostage.data.resizing import centred, centred_square

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


@pytest.mark.parametrize(
    ("height", "width", "rows", "columns"),
    [
        (12, 12, slice(0, 12), slice(4, 16)),  # as high as the image
        (12, 20, slice(0, 12), slice(0, 20)),  # all of it
        (5, 20, slice(3, 8), slice(0, 20)),  # as wide
    ],
)
def test_what_has_the_size_already_is_only_cut(height, width, rows, columns):
    np.testing.assert_array_equal(centred(PIXELS, height, width), PIXELS[rows, columns])


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(6, 6), (4, 6), (30, 10), (1, 20)])
def test_the_largest_part_of_these_proportions_is_resized(height, width, channels):
    """An image with one colour inside and another in the border that falls away."""
    scale = min(12 / height, 20 / width)
    kept = round(scale * height), round(scale * width)
    top, left = (12 - kept[0]) // 2, (20 - kept[1]) // 2
    image = np.zeros((12, 20, channels), np.uint8)
    image[top : top + kept[0], left : left + kept[1]] = 200
    found = centred(image, height, width)
    assert found.shape == (height, width, channels)
    assert (found == 200).all()


def test_a_square_is_one_of_them():
    np.testing.assert_array_equal(centred_square(PIXELS, 7), centred(PIXELS, 7, 7))
