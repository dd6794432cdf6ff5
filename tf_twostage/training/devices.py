"""Which devices train: none, mirrored, or several workers; and what each of them gets to do.

The batch size of a recipe is that of the global batch. Each replica trains on its slice of it,
noise included, so that the number of replicas changes nothing but rounding.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from tf_twostage.data.storage import Array
from tf_twostage.errors import InputError
from tf_twostage.models import inference
from tf_twostage.training import cluster

NAMES = ("auto", "none", "mirrored", "multiworker")


@dataclasses.dataclass(frozen=True)
class Devices:
    """A `tf.distribute` strategy (by default none: one device), and what is asked of it."""

    strategy: tf.distribute.Strategy = dataclasses.field(default_factory=tf.distribute.get_strategy)
    _functions: dict = dataclasses.field(default_factory=dict, repr=False)
    _alone: inference.Predictor = dataclasses.field(default_factory=inference.Predictor, repr=False)

    @classmethod
    def choose(cls, name: str = "auto") -> "Devices":
        """The devices to train on; for `multiworker` waits until every worker has been started.

        Args:
          name: "none": the first device. "mirrored": every GPU of this machine, without any every
            logical CPU. "multiworker": the workers of the environment variable TF_CONFIG, to be
            called before TensorFlow runs anything. "auto": mirrored where there are several GPUs,
            else none.

        Raises:
          InputError: unknown name; TF_CONFIG is missing, damaged, or left aside by "auto".
        """
        if name not in NAMES:
            raise InputError(f"unknown strategy {name!r}: choose one of {', '.join(NAMES)}")
        if name == "multiworker":
            workers = cluster.from_environment().workers
            print(f"waiting for {len(workers)} workers: {', '.join(workers)}", flush=True)
            return cls(tf.distribute.MultiWorkerMirroredStrategy())
        gpus = tf.config.list_logical_devices("GPU")
        if name == "auto":
            cluster.refuse_a_forgotten_cluster()
            name = "mirrored" if len(gpus) > 1 else "none"
        if name == "none":
            return cls()
        chosen = gpus or tf.config.list_logical_devices("CPU")
        return cls(tf.distribute.MirroredStrategy([device.name for device in chosen]))

    @property
    def replicas(self) -> int:
        """How many devices share a batch, over all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def local_replicas(self) -> int:
        """How many of them this process has."""
        return len(self.strategy.extended.worker_devices) if self.distributed else 1

    @property
    def workers(self) -> int:
        """How many processes train together."""
        return self.replicas // self.local_replicas

    @property
    def distributed(self) -> bool:
        """Whether there is a strategy at all."""
        mirrored = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
        return isinstance(self.strategy, mirrored)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.strategy.extended.should_checkpoint

    def check_batch_size(self, batch_size: int) -> None:
        """Raises `InputError` where the replicas cannot share a batch evenly."""
        if batch_size % self.replicas:
            raise InputError(
                f"a batch of {batch_size} cannot be shared evenly by {self.replicas} replicas: "
                f"choose a --batch_size that is a multiple of {self.replicas}, or other devices"
            )

    @property
    def part(self) -> tuple[int, int]:
        """This worker's share of every batch: (i, n) for the i-th of n."""
        if self.workers == 1:
            return 0, 1
        workers, here = cluster.from_environment()
        return workers.index(here), self.workers

    def share(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """This worker's `part` of every batch -> a slice for each of its replicas, in order.

        Args:
          batches: data set of nested tensors [B, ...]; the number of local replicas divides B.
        """
        if not self.distributed:
            return batches
        return self.strategy.distribute_datasets_from_function(
            lambda context: batches.flat_map(self._slices)
        )

    def _slices(self, batch) -> tf.data.Dataset:
        def cut(tensor):
            size = tensor.shape[0] // self.local_replicas
            return tf.reshape(tensor, (self.local_replicas, size, *tensor.shape[1:]))

        return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(cut, batch))

    def apply(self, function: Callable, rows: Array, size: int) -> Iterator:
        """`function(rows[a:b])` for all rows in order, every worker computing its share.

        To be called by all workers; each gets all results.

        Args:
          function: of an array [n, ...]; gives nested arrays [n, ...].
          rows: [N, ...], the same on every worker.
          size: the largest n.
        """
        if self.workers == 1:
            yield from (function(rows[a : a + size]) for a in range(0, len(rows), size))
            return
        index, workers = self.part
        for start in range(0, len(rows), size * workers):
            edges = np.linspace(start, min(start + size * workers, len(rows)), workers + 1)
            edges = edges.astype(int)
            if edges[-1] - start < self.replicas:  # too few to give each a row
                yield function(rows[start : edges[-1]])
            else:
                found = function(rows[edges[index] : edges[index + 1]])
                yield tf.nest.map_structure(self._gathered, found)

    def _gathered(self, array: np.ndarray) -> np.ndarray:
        """The workers' arrays one after the other."""
        parts = np.array_split(array, self.local_replicas)
        values = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group % len(parts)])
        )
        if "gather" not in self._functions:  # outside of a function it is traced at every call
            gather = functools.partial(self.strategy.gather, axis=0)
            self._functions["gather"] = tf.function(gather, reduce_retracing=True)
        return self._functions["gather"](values).numpy()

    def predict(self, model: keras.Model, batch: np.ndarray):
        """What the model gives for a batch in inference mode, shared by this process's devices.

        Workers do not talk to each other here, so one of them may call it alone.
        """
        if not self.distributed:
            return self._alone(model, batch)
        devices = self.local_replicas
        parts = np.split(_padded(batch, devices), devices)
        values = self.strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group % devices])
        )
        outputs = self._function(model)(values)
        return tf.nest.map_structure(lambda output: self._joined(output, len(batch)), outputs)

    def _function(self, model: keras.Model):
        if id(model) not in self._functions:

            def run(values):
                return self.strategy.run(lambda x: model(x, training=False), (values,))

            self._functions[id(model)] = tf.function(run, reduce_retracing=True)
        return self._functions[id(model)]

    def _joined(self, output, rows: int) -> np.ndarray:
        parts = self.strategy.experimental_local_results(output)
        return np.concatenate([part.numpy() for part in parts])[:rows]

    def check_same(self, number: int, what: str) -> None:
        """Raises `InputError` where the workers do not hold the same number."""
        if self.workers == 1:
            return
        numbers = self.strategy.gather(tf.constant([number], tf.int64), axis=0).numpy().tolist()
        if len(set(numbers)) > 1:
            raise InputError(
                f"the workers disagree on the {what}: {', '.join(map(str, numbers))}. "
                "--output_dir must be one folder that all workers see"
            )

    def wait_for_each_other(self) -> None:
        """Returns once every worker has called it: one that left would abort the others."""
        if self.workers > 1:
            self.strategy.gather(tf.constant([0]), axis=0)

    def say_what_is_off(self, jit_compile: bool) -> None:
        """One line on what a strategy switches off, where it does."""
        if self.distributed and self.is_chief:
            xla = "XLA and " if jit_compile else ""
            print(f"{self}: {xla}several steps an execution are off", flush=True)

    def __str__(self) -> str:
        if not self.distributed:
            return "one device"
        if self.workers == 1:
            return f"{self.replicas} mirrored replica{'s' if self.replicas > 1 else ''}"
        return f"{self.replicas} replicas on {self.workers} workers"


def grow_memory() -> None:
    """Lets TensorFlow take a GPU's memory as it needs it, not all at once.

    So several processes can share a GPU. To be called before TensorFlow looks for GPUs; it holds
    for child processes too. TF_FORCE_GPU_ALLOW_GROWTH=false in the environment prevents it.
    """
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


def gpu_memory() -> int:
    """Bytes of the first GPU's memory that TensorFlow may use."""
    from tensorflow.python.client import device_lib  # nothing public tells it

    sizes = [d.memory_limit for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    return sizes[0]


def _padded(batch: np.ndarray, multiple: int) -> np.ndarray:
    """The batch with its last row repeated until `multiple` divides the number of rows."""
    missing = -len(batch) % multiple
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch
