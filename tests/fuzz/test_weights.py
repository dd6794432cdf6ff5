"""Files of weights from strangers."""

import keras
import pytest
from fuzzing import damaged, fuzz, refused
from hypothesis import strategies as st

from tf_twostage.errors import InputError
from tf_twostage.models import weights


def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])


@pytest.fixture(scope="module")
def trained():
    return model()


@pytest.fixture(scope="module")
def sound(tmp_path_factory, trained):
    path = tmp_path_factory.mktemp("weights") / "a.weights.h5"
    trained.save_weights(path)
    return path.read_bytes()


@fuzz(st.data(), share=0.2)
def test_weights(tmp_path, trained, sound, data):
    path = tmp_path / "stage1.weights.h5"
    path.write_bytes(data.draw(damaged(sound)))
    with refused(InputError):
        weights.load(trained, path)
