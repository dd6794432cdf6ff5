"""The graph itself, where `FID_INCEPTION` names it."""

import os
import warnings

import numpy as np
import pytest

import fid

pytestmark = pytest.mark.skipif(
    not os.environ.get("FID_INCEPTION"), reason="FID_INCEPTION names no Inception graph"
)

# The first six features of `picture()` in pytorch-fid 0.3.0's network (PyTorch 2.15.0, CPU) with
# the weights of 2015-12-05; its input was scaled to the graph's (x - 128) / 128.
PYTORCH_FID = {
    64: [3.02623224, 1.08367360, 3.26696467, 0.52482826, 2.84221530, 2.07698631],
    192: [4.55017281, 0.02159459, 5.25490475, 3.96847939, 1.68460941, 3.22469592],
    768: [0.00168128, 0.01305265, 0.00002777, 0.00408155, 0.00267898, 0.27517077],
}


@pytest.fixture(scope="module")
def inception():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return fid.Inception(batch_size=2)


def picture():
    """A pattern of the network's own size, where no resize differs: uint8 [1, 299, 299, 3]."""
    y, x = np.mgrid[:299, :299]
    channels = (7 * y + 3 * x) % 256, (y * x // 50) % 256, (y * y // 90 + x) % 256
    return np.stack(channels, axis=-1)[None].astype(np.uint8)


@pytest.mark.parametrize("dims", [64, 192, 768])
def test_features_are_pytorch_fid_s(inception, dims):
    features = inception.features(picture(), dims)
    np.testing.assert_allclose(features[0, :6], PYTORCH_FID[dims], rtol=0, atol=3e-6)


def test_folding_agrees_to_float_rounding(inception):
    images = np.random.default_rng(0).integers(0, 256, (3, 40, 32, 3), dtype=np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        unfolded = fid.Inception(fold=False, batch_size=3).features(images)
    folded = inception.features(images)
    assert folded.shape == (3, 2048)
    np.testing.assert_allclose(folded, unfolded, rtol=0, atol=3e-6 * unfolded.max())
    np.testing.assert_array_equal(inception.features(images[2:]), folded[2:])
