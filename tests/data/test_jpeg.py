"""The round trip through JPEG."""

import io

import numpy as np
from loading import load, pictures
from PIL import Image


def test_jpeg_puts_every_image_through_pillows_default_once(tmp_path):
    colour, grey = pictures(6, (16, 16, 3)), pictures(4, (16, 16, 1))
    for images in (colour, grey):
        path = tmp_path / f"{images.shape[-1]}.npz"
        np.savez(path, train=images, test=images[:2])
        data = load(path, jpeg=True)
        for before, after in zip(images, data.train, strict=True):
            buffer = io.BytesIO()
            Image.fromarray(before.squeeze()).save(buffer, format="jpeg")
            expected = np.asarray(Image.open(buffer)).reshape(before.shape)
            np.testing.assert_array_equal(after, expected)
        np.testing.assert_array_equal(data.test, data.train[:2])
        assert (data.train != images).mean() > 0.5
        assert data.source.endswith("every image once through JPEG, quality 75")
