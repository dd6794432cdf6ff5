"""Measures each part of tf_twostage against another way to do the same: `python -m benchmarks`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # several processes share one card
os.environ["NVIDIA_TF32_OVERRIDE"] = "0"  # no side rounds float32 products to 10 bits
