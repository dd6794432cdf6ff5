"""Random settings of GANs, from the ranges of the study that Table 1 cites."""

import zlib

import numpy as np

from tf_twostage.recipes import gan

DIGITS = 3  # of a drawn number: so folders have short names, and a setting can be typed


def draw(model: str, number: int, seed: int) -> dict:
    """Random setting `number` (from 0) of a GAN: the recipe's values that change.

    A pure function of its arguments, so a longer search goes on where a shorter one ended.
    """
    from scipy import stats  # on demand: it takes a second

    rng = np.random.default_rng([seed, number, zlib.crc32(model.encode())])
    values = dict(gan.SEARCH_FIXED) | gan.SEARCH_OFF.get(model, {})
    for name in ("learning_rate", *gan.SEARCHED[model]):
        if name == "discriminator_norm":
            values[name] = bool(rng.integers(2))
            continue
        low, high = gan.SEARCH_RANGES[name]
        even = name == "equilibrium"
        law = stats.uniform(low, high - low) if even else stats.loguniform(low, high)
        values[name] = float(f"{law.rvs(random_state=rng):.{DIGITS}g}")
    return values
