"""Files of weights from strangers: what leads elsewhere or claims too much is refused."""

import h5py
import keras
import numpy as np
import pytest

from tf_twostage.errors import InputError
from tf_twostage.models import weights

KERNEL = "layers/dense/vars/0"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stage1.weights.h5"


@pytest.fixture(scope="module")
def model():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])


def replaced(model, path, put):
    """Saved weights with another kernel, as a stranger's tools would write them."""
    model.save_weights(path)
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        put(file)


def external(file):
    secret = file.filename.replace("stage1.weights.h5", "secret")
    np.arange(6, dtype="float32").tofile(secret)
    file.create_dataset(KERNEL, (3, 2), "float32", external=[(secret, 0, 24)])


def linked(file):
    other = file.filename.replace("stage1.weights.h5", "other.h5")
    with h5py.File(other, "w") as target:
        target["secret"] = np.ones((3, 2), "float32")
    file[KERNEL] = h5py.ExternalLink(other, "/secret")


def virtual(file):
    layout = h5py.VirtualLayout((3, 2), "float32")
    file.create_virtual_dataset(KERNEL, layout)


def soft(file):
    file[KERNEL] = h5py.SoftLink("/layers/dense/vars/1")


def boundless(file):
    file.create_dataset(KERNEL, (10**6, 10**6), "float32", chunks=(100, 100))


def circular(file):
    file["layers/again"] = file["layers"]


REASONS = {
    external: "another file",
    linked: "is a link",
    virtual: "another file",
    soft: "is a link",
    boundless: "4,000,000,000,000 bytes that are not there",
    circular: "recursion",
}


@pytest.mark.parametrize("put", REASONS)
def test_weights_that_lead_elsewhere_are_refused(model, path, put):
    replaced(model, path, put)
    before = model.get_weights()
    with pytest.raises(InputError, match=REASONS[put]) as caught:
        weights.load(model, path)
    assert "\n" not in str(caught.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_of_our_own_are_read(model, path):
    weights.save(model, path)
    again = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    weights.load(again, path)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_neither_written_nor_read(model, path, value):
    weights.save(model, path)
    kept, kernel = path.read_bytes(), model.get_weights()[0]
    with h5py.File(path, "a") as file:
        file[KERNEL][0, 0] = value
    with pytest.raises(InputError, match=r"kernel are not finite, delete it"):
        weights.load(model, path)
    path.write_bytes(kept)
    with pytest.raises(InputError, match="is not written"):
        weights.save(model, path)
    assert path.read_bytes() == kept
    model.layers[0].kernel.assign(kernel)
