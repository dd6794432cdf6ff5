"""What a training step takes, in operations and bytes; how fast this device multiplies matrices."""

import math
import time


def step_flop(stage: int, shape: tuple[int, ...], batch: int = 100, kappa: int = 64) -> int:
    """Floating-point operations of the products and convolutions of one training step.

    Each layer needs three products, with two operations for each pair of numbers: its output, the
    gradient by its input and the gradient by its kernel. Only the first layer does without the
    gradient by its input, which is data.

    Args:
      stage: 1 (InfoGAN's network) or 2 (three layers of 1024 in each half, and the skip).
      shape: of one example: [H, W, C] in stage 1, [kappa] in stage 2.
      batch: examples a step.
      kappa: latent dimensions.
    """
    if stage == 2:
        kernels = 2 * (kappa * 1024 + 2 * 1024 * 1024) + 3 * (1024 + kappa) * kappa
        return 6 * batch * kernels - 2 * batch * kappa * 1024
    height, width, channels = shape
    flat = 128 * height * width // 16
    dense = 2 * flat * 1024 + 2 * kappa * 1024 + kappa * 1024
    half, quarter = height * width // 4, height * width // 16
    convolutions = 2 * 16 * 64 * 128 * quarter + 16 * channels * 64 * half
    return 6 * batch * (dense + convolutions) + 4 * batch * 16 * channels * 64 * half


def step_bytes(parameters: int) -> int:
    """The least memory traffic of Adam in one training step, in bytes.

    It reads each parameter, its gradient and its two moments, and writes all but the gradient:
    seven numbers of four bytes.
    """
    return 7 * 4 * parameters


def product_rate(size: int | None = None) -> float:
    """Operations a second of a large float32 matrix product, the best of six.

    Args:
      size: of both square matrices; by default 8192 on a GPU and 3072 on a CPU.
    """
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
    """How much of this device's `product_rate` it is to do `flop` operations in `seconds`."""
    return flop / seconds / product_rate()
