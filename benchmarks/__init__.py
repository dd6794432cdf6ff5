"""Measures every part of tf_twostage against a yardstick: `python -m benchmarks`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
