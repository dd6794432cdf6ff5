"""Built-in data set: soft-edged ellipses drawn from five known factors that are not Gaussian.

The factors of an image are (x, y, b, angle, brightness), with lengths in pixels:

    (x, y)      centre, on a ring about the image's middle: the direction uniform on the circle,
                the distance triangular on RING
    b           semi-minor axis, from two clusters; the semi-major axis is a = 2 b
    angle       direction of the major axis in radians, from three clusters within +-60 degrees
    brightness  uniform on BRIGHTNESS

They fill an open subset of R^5, with no wrapped coordinate, and each moves every image: the images
form a manifold of dimension TRUE_DIM = 5, which five latent dimensions can describe. With (u, v)
the pixel's offset from the centre along the two axes and rho^2 = (u/a)^2 + (v/b)^2, its intensity
is

    brightness * sigmoid((1 - rho^2) * sqrt(a b) / (2 EDGE)),

smooth in all factors, with an edge about one to two pixels wide.
"""

import dataclasses

import numpy as np

from tf_twostage.data.identity import identity
from tf_twostage.data.splits import Outline, Splits
from tf_twostage.data.storage import Storage

SIZE = 16  # pixels, height and width
FACTORS = ("x", "y", "b", "angle", "brightness")
TRUE_DIM = len(FACTORS)
DRAWN_TRAIN, DRAWN_TEST = 10_000, 2_000
DATA_SEED = 0  # of the data set; a trial's seed does not change it

RING = (2.4, 3.2, 4.0)  # least, likeliest and greatest distance of the centre from the middle
MINOR_AXES, MINOR_SPREAD = (1.1, 1.8), 0.2  # triangular within each cluster
ANGLES, ANGLE_SPREAD = np.deg2rad((-45.0, 0.0, 45.0)), np.deg2rad(14.0)
BRIGHTNESS = (0.5, 1.0)
ASPECT = 2.0  # a / b, far enough from 1 for the angle to show at any size
EDGE = 0.3  # pixels

_CHUNK = 1000  # images drawn at once


@dataclasses.dataclass(frozen=True)
class Manifold:
    """The built-in images as a source."""

    run_name = "manifold"

    def describe(self) -> str:
        return (
            f"built in: soft ellipses of {TRUE_DIM} factors, seed {DATA_SEED}; "
            f"{DRAWN_TRAIN:,} training and {DRAWN_TEST:,} held-out images"
        )

    def outline(self) -> Outline:
        shape, counts = (SIZE, SIZE, 1), (DRAWN_TRAIN, DRAWN_TEST)
        return Outline(shape, *counts, identity("manifold", str(DATA_SEED), str(counts)))

    def load(self, storage: Storage) -> Splits:
        return Splits(*images(), self.describe(), str(DATA_SEED), TRUE_DIM)


def sample_factors(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws the factors of `count` images: float64 [count, 5], columns as in FACTORS."""
    direction = rng.uniform(0.0, 2.0 * np.pi, count)
    distance = rng.triangular(*RING, count)
    minor = _clusters(MINOR_AXES, MINOR_SPREAD, count, rng)
    angle = _clusters(ANGLES, ANGLE_SPREAD, count, rng)
    brightness = rng.uniform(*BRIGHTNESS, count)
    x, y = distance * np.cos(direction), distance * np.sin(direction)
    return np.stack([x, y, minor, angle, brightness], axis=1)


def intensities(factors: np.ndarray) -> np.ndarray:
    """Draws images without rounding: factors float [N, 5] to float64 [N, SIZE, SIZE, 1] in 0..1."""
    x, y, minor, angle, brightness = np.asarray(factors, np.float64).T[:, :, None, None]
    pixels = np.arange(SIZE) - (SIZE - 1) / 2
    right, down = pixels[None, None, :] - x, pixels[None, :, None] - y
    along = right * np.cos(angle) + down * np.sin(angle)
    across = down * np.cos(angle) - right * np.sin(angle)
    rho2 = (along / (ASPECT * minor)) ** 2 + (across / minor) ** 2
    inside = (1.0 - rho2) * np.sqrt(ASPECT) * minor / (2.0 * EDGE)
    # sigmoid by tanh: no overflow far outside
    return (brightness * 0.5 * (1.0 + np.tanh(0.5 * inside)))[..., None]


def render(factors: np.ndarray) -> np.ndarray:
    """Draws images: factors float [N, 5] to uint8 [N, SIZE, SIZE, 1], rounded to 0..255."""
    images = np.empty((len(factors), SIZE, SIZE, 1), np.uint8)
    for start in range(0, len(factors), _CHUNK):
        part = slice(start, start + _CHUNK)
        images[part] = np.rint(255.0 * intensities(factors[part]))
    return images


def images(train: int = DRAWN_TRAIN, test: int = DRAWN_TEST) -> tuple[np.ndarray, np.ndarray]:
    """Returns the data set: training and held-out images, uint8 [train or test, SIZE, SIZE, 1]."""
    rng = np.random.default_rng(DATA_SEED)
    drawn = render(sample_factors(train + test, rng))
    return drawn[:train], drawn[train:]


def _clusters(centres, spread: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws float64 [count]: a centre at random, plus a triangular offset within +-spread."""
    return rng.choice(centres, count) + rng.triangular(-spread, 0.0, spread, count)
