import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(scope="session")
def fixtures() -> pathlib.Path:
    return pathlib.Path(__file__).parent / "fixtures"
