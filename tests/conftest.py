import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(scope="session")
def fixtures() -> pathlib.Path:
    return pathlib.Path(__file__).parent / "fixtures"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Initial weights, and other draws that have no seed of their own, go by the test alone."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)
