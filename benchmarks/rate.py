"""How much arithmetic a step takes, and how fast this device multiplies matrices."""

import math
import time


def step_flop(stage: int, shape: tuple[int, ...], batch: int = 100, kappa: int = 64) -> int:
    """Floating-point operations of the products and convolutions of one training step.

    Three products a layer (forward, and the gradients by its input and its kernel), two operations
    each; the gradient by the images themselves isn't needed.
    """
    if stage == 2:
        return 6 * batch * 2 * (2 * 1024 * 1024 + 1024 * kappa) + 6 * batch * 1024 * kappa
    height, width, channels = shape
    flat = 128 * height * width // 16
    dense = 2 * flat * 1024 + 2 * kappa * 1024 + kappa * 1024
    half, quarter = height * width // 4, height * width // 16
    convolutions = 2 * 16 * 64 * 128 * quarter + 16 * channels * 64 * half
    return 6 * batch * (dense + convolutions) + 4 * batch * 16 * channels * 64 * half


def product_rate(size: int | None = None) -> float:
    """Operations a second of a large float32 matrix product, the best of five."""
    import tensorflow as tf

    size = size or (8192 if tf.config.list_physical_devices("GPU") else 3072)
    a = tf.random.normal((size, size))
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, a)))
    best = math.inf
    for _ in range(6):
        start = time.perf_counter()
        float(product())
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best


def share(flop: float, seconds: float) -> float:
    """The part of the measured matrix-product rate that `flop` in `seconds` is."""
    return flop / seconds / product_rate()
