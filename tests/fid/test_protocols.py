import numpy as np
import pytest

import fid

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_stretch_takes_each_image_to_its_own_range(dtype):
    images = RNG.uniform(30, 90, (4, 6, 5, 3)).astype(dtype)
    stretched = fid.stretch(images)
    for image, result in zip(images.astype(np.float64), stretched, strict=True):
        expected = (image - image.min()) / (image.max() - image.min()) * 255
        np.testing.assert_allclose(result, expected, atol=1e-4)
    assert stretched.shape == images.shape
    assert not np.array_equal(stretched, np.rint(stretched))


def test_stretch_ignores_brightness_and_contrast():
    images = RNG.uniform(0, 1, (3, 6, 5, 1))
    np.testing.assert_allclose(fid.stretch(images * 37 + 11), fid.stretch(images), atol=1e-9)


def test_stretch_spans_all_channels_together():
    image = np.zeros((1, 2, 2, 3))
    image[..., 0], image[0, 0, 0, 2] = 10, 40
    stretched = fid.stretch(image)
    np.testing.assert_allclose(stretched[0, 0, 0], [63.75, 0, 255])


@pytest.mark.parametrize("value", [0, 7, 255])
def test_constant_images_become_black(value):
    images = np.full((2, 4, 4, 3), value, np.uint8)
    images[1, 0, 0, 0] = 100  # no constant image itself, and unharmed by its neighbour
    stretched = fid.stretch(images)
    np.testing.assert_array_equal(stretched[0], 0)
    assert stretched[1].max() == 255
    assert np.isfinite(stretched).all()


def test_stretch_refuses_nan():
    with pytest.raises(fid.Error, match="NaN"):
        fid.stretch(np.full((1, 2, 2, 1), np.nan))


def test_table1_leaves_real_images_alone():
    images = RNG.integers(50, 60, (2, 4, 4, 3), dtype=np.uint8)
    (real,) = fid.Preparation("table1", "real").batches(images)
    (generated,) = fid.Preparation("table1", "generated").batches(images)
    np.testing.assert_array_equal(real, images)
    np.testing.assert_array_equal(generated, fid.stretch(images))
    for role in ("real", "generated"):
        (plain,) = fid.Preparation("plain", role).batches(images)
        np.testing.assert_array_equal(plain, images)


def test_quantize_rounds_after_the_stretch():
    images = RNG.uniform(0, 1, (2, 4, 4, 3))
    (prepared,) = fid.Preparation("table1", "generated", quantize=True).batches(images)
    assert prepared.dtype == np.uint8
    np.testing.assert_array_equal(prepared, np.rint(fid.stretch(images)))
    np.testing.assert_array_equal(fid.quantize(np.array([-0.3, 1.6, 255.2])), [0, 2, 255])


def test_unknown_names_are_told():
    with pytest.raises(fid.Error, match="plain, table1"):
        fid.Preparation("Table1")
    with pytest.raises(fid.Error, match="real"):
        fid.Preparation("plain", "fake")
