"""The choice between a loop on the host and one on the device."""

import numpy as np
import pytest

from tf_twostage.data.batches import ImageBatches, LatentBatches
from tf_twostage.data.storage import Storage
from tf_twostage.errors import InputError
from tf_twostage.training import loop
from tf_twostage.training.devices import Devices
from tf_twostage.training.loop import Loop

IMAGES = ImageBatches(np.zeros((1000, 2, 2, 1), "uint8"), 10, 3, seed=0)  # 100 steps an epoch
LATENTS = LatentBatches(np.zeros((1000, 3), "float32"), np.ones((1000, 3), "float32"), 10, seed=0)


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(loop, "_has_gpu", lambda: True)
    monkeypatch.setattr(loop, "gpu_memory", lambda: 100_000)


class TwoDevices(Devices):
    distributed = True

    def __str__(self):
        return "2 mirrored replicas"


def test_a_cpu_keeps_the_loop_on_the_host():
    assert loop.choose("auto", IMAGES, Devices()) == Loop(False, False, 10)
    assert loop.choose("auto", LATENTS, Devices()) == Loop(False, False, 100)


def test_a_gpu_takes_the_loop_of_either_stage(gpu):
    for data in (IMAGES, LATENTS):
        assert loop.choose("auto", data, Devices()) == Loop(True, False, 100)


def test_asked_for_it_is_taken_or_left(gpu):
    assert loop.choose("host", IMAGES, Devices()) == Loop(False, True, 10)
    assert loop.choose("host", LATENTS, Devices(), jit_compile=False) == Loop(False, False, 100)


def test_a_cpu_runs_it_if_asked_for():
    assert loop.choose("device", IMAGES, Devices()) == Loop(True, False, 10)
    with pytest.raises(InputError, match="unknown loop 'fast': choose one of auto, device, host"):
        loop.choose("fast", IMAGES, Devices())


def in_files(tmp_path):
    rows = Storage(0, tmp_path).empty(IMAGES.images.shape)
    return ImageBatches(rows, 10, 3, seed=0)


@pytest.mark.parametrize(
    ("data", "devices", "jit_compile", "message"),
    [
        (lambda path: IMAGES, TwoDevices(), None, "one device, not on 2 mirrored replicas"),
        (lambda path: IMAGES, Devices(), False, "--nojit_compile switches it off"),
        (in_files, Devices(), None, "the data lie in files, raise --memory_gb"),
        (
            lambda path: ImageBatches(np.zeros((1000, 8, 8, 1), "uint8"), 10, 3, seed=0),
            Devices(),
            None,
            r"0.0 GB of data are over 50% of the GPU's memory",
        ),
    ],
)
def test_what_stands_in_the_way_is_named(gpu, tmp_path, data, devices, jit_compile, message):
    data = data(tmp_path)
    assert not loop.choose("auto", data, devices, jit_compile).on_device
    with pytest.raises(InputError, match=f"--loop device is impossible here: .*{message}"):
        loop.choose("device", data, devices, jit_compile)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (600, 200),
        (500, 125),
        (40, 40),
        (937, 188),  # a prime: four calls of 188 and one of 185
        (1627, 181),
    ],
)
def test_how_many_steps_a_call_has(gpu, steps, expected):
    assert loop.on_device(1, steps).steps == expected


def test_the_host_takes_whole_calls_only():
    assert [loop.on_host(1, steps, Devices()).steps for steps in (600, 937)] == [10, 1]
    assert loop.on_host(2, 600, Devices()).steps == 100
    assert loop.on_host(2, 600, TwoDevices(), jit_compile=True) == Loop(False, False, 1)
