"""Where the loop over the training steps of a stage runs: on the host or on the device."""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tf_twostage.data.batches import Batches
from tf_twostage.data.storage import GB
from tf_twostage.errors import InputError
from tf_twostage.training.devices import Devices, gpu_memory

NAMES = ("auto", "device", "host")

# Steps of a call from Python, of stage 1 and of stage 2, at most. A call costs about a millisecond,
# and nobody can interrupt it.
STEPS = (10, 100)
GPU_STEPS = (200, 1000)  # in a loop on a GPU, whose steps are shorter

# Of a GPU's memory, for the data: weights, their state and activations need the rest.
SHARE_OF_GPU = 0.5


@dataclasses.dataclass(frozen=True)
class Loop:
    """How the steps of a stage are run."""

    on_device: bool  # whether XLA runs the loop, on data that lie on the device
    jit_compile: bool  # whether XLA compiles the steps of a loop on the host
    steps: int  # of a call from Python


def on_host(stage: int, steps: int, devices: Devices, jit_compile: bool | None = None) -> Loop:
    """Keras' own loop, fed batch by batch.

    Args:
      stage: 1 or 2.
      steps: batches an epoch.
      devices: that share a batch. With a strategy Keras 3.15 can run neither XLA nor several steps
        a call.
      jit_compile: compile the steps with XLA; None: where there is a GPU. On a CPU TensorFlow's
        own kernels are faster and there at once.
    """
    if devices.distributed:
        return Loop(False, False, 1)
    return Loop(False, compiles(jit_compile), _divisor(steps, STEPS[stage - 1]))


def on_device(stage: int, steps: int) -> Loop:
    """The loop of `device_loop`, for `steps` batches an epoch."""
    most = min(steps, (GPU_STEPS if _has_gpu() else STEPS)[stage - 1])
    size = _divisor(steps, most)
    if size < most / 4:  # the epoch's last call is shorter, and compiled as well
        size = math.ceil(steps / math.ceil(steps / most))
    return Loop(True, False, size)


def choose(name: str, data: Batches, devices: Devices, jit_compile: bool | None = None) -> Loop:
    """The loop for a stage.

    "auto" takes the device's where there is a GPU and it is possible. On a CPU XLA's convolutions
    and large products are several times slower.

    Args:
      name: one of `NAMES`.
      data: the batches of that stage.
      devices, jit_compile: as in `on_host`; `jit_compile` False also rules the device's out.

    Raises:
      InputError: unknown name; "device" where that is impossible.
    """
    if name not in NAMES:
        raise InputError(f"unknown loop {name!r}: choose one of {', '.join(NAMES)}")
    obstacle = _obstacle(data, devices, jit_compile)
    if name == "device" and obstacle:
        raise InputError(f"--loop device is impossible here: {obstacle}")
    if name == "device" or name == "auto" and _has_gpu() and not obstacle:
        return on_device(data.stage, data.steps)
    return on_host(data.stage, data.steps, devices, jit_compile)


def _obstacle(data: Batches, devices: Devices, jit_compile: bool | None) -> str | None:
    """What stands in the way of a loop on the device."""
    if devices.distributed:
        return f"it works on one device, not on {devices}"
    if jit_compile is False:
        return "--nojit_compile switches it off"
    if not all(isinstance(array, np.ndarray) for array in data.arrays):
        return "the data lie in files, raise --memory_gb"
    size = sum(array.nbytes for array in data.arrays)
    if _has_gpu() and size > SHARE_OF_GPU * gpu_memory():
        return f"{size / GB:.1f} GB of data are over {SHARE_OF_GPU:.0%} of the GPU's memory"
    return None


def compiles(jit_compile: bool | None) -> bool:
    """Whether steps are compiled with XLA; where nothing is said, on a GPU."""
    return _has_gpu() if jit_compile is None else jit_compile


def _has_gpu() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))


def _divisor(steps: int, most: int) -> int:
    """The largest divisor of `steps` up to `most`."""
    return max(size for size in range(1, min(steps, most) + 1) if steps % size == 0)
