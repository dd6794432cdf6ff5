"""Which devices train: none, mirrored, or several workers; and what each of them gets to do.

The batch size of a recipe is that of the global batch. Each replica trains on its slice of it,
noise included, so that the number of replicas changes nothing but rounding.
"""

import contextlib
import dataclasses
import functools
import gc
import json
import multiprocessing.pool
import os
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from tf_twostage.data.storage import Array
from tf_twostage.errors import InputError
from tf_twostage.models import inference

NAMES = ("auto", "none", "mirrored", "multiworker")

TF_CONFIG_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


def choose(name: str = "auto") -> "Devices":
    """The devices to train on; for `multiworker` waits until every worker has been started.

    Args:
      name: "none": the first device. "mirrored": every GPU of this machine, without any every
        logical CPU. "multiworker": the workers of the environment variable TF_CONFIG, to be called
        before TensorFlow runs anything. "auto": mirrored where there are several GPUs, else none.

    Raises:
      InputError: unknown name; TF_CONFIG is missing, damaged, or left aside by "auto".
    """
    if name not in NAMES:
        raise InputError(f"unknown strategy {name!r}: choose one of {', '.join(NAMES)}")
    if name == "multiworker":
        workers = addresses()
        print(f"waiting for {len(workers)} workers: {', '.join(workers)}", flush=True)
        return Devices(tf.distribute.MultiWorkerMirroredStrategy())
    gpus = tf.config.list_logical_devices("GPU")
    if name == "auto":
        _refuse_a_forgotten_cluster()
        name = "mirrored" if len(gpus) > 1 else "none"
    if name == "none":
        return Devices(tf.distribute.get_strategy())
    chosen = gpus or tf.config.list_logical_devices("CPU")
    return Devices(tf.distribute.MirroredStrategy([device.name for device in chosen]))


def writes(name: str) -> bool:
    """Whether this process, before it has chosen its devices, is one that writes: the chief."""
    if name != "multiworker":
        return True
    workers, here = _cluster()
    return here == workers[0]


@dataclasses.dataclass(frozen=True)
class Devices:
    """A `tf.distribute` strategy, and what the program asks of it."""

    strategy: tf.distribute.Strategy
    _functions: dict = dataclasses.field(default_factory=dict, repr=False)
    _alone: inference.Predictor = dataclasses.field(default_factory=inference.Predictor, repr=False)

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
        workers, here = _cluster()
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

    @contextlib.contextmanager
    def losing_workers(self) -> Iterator[None]:
        """Turns the errors that the others get when a worker dies into one `InputError`."""
        try:
            yield
        except _LOST as error:
            if self.workers == 1:
                raise
            _close_thread_pools()
            raise InputError(
                f"training stopped because a worker was lost ({_first_line(error)}): start all "
                f"{self.workers} workers again, they go on from the last finished epoch"
            ) from None

    def __str__(self) -> str:
        if not self.distributed:
            return "one device"
        if self.workers == 1:
            return f"{self.replicas} mirrored replica{'s' if self.replicas > 1 else ''}"
        return f"{self.replicas} replicas on {self.workers} workers"


_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnknownError,
    tf.errors.FailedPreconditionError,
)


def _close_thread_pools() -> None:
    """TensorFlow leaves one open when a collective fails, which would complain at exit."""
    for found in gc.get_objects():
        if type(found) is multiprocessing.pool.ThreadPool:
            found.close()


def _first_line(error: tf.errors.OpError) -> str:
    lines = [line.strip() for line in error.message.splitlines()]
    telling = [line for line in lines if line.startswith("Collective ops is aborted by")]
    return f"{type(error).__name__}: {(telling or lines or [''])[0][:200]}"


def addresses() -> list[str]:
    """The workers of TF_CONFIG, `host:port` each, the chief first.

    Raises:
      InputError: it is missing or is not such a description.
    """
    return _cluster()[0]


def _cluster() -> tuple[list[str], str]:
    """The workers of TF_CONFIG, and which of them this process is."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise InputError(
            f"--strategy multiworker needs the environment variable TF_CONFIG, "
            f"on the first of two machines for instance {TF_CONFIG_EXAMPLE}"
        )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers = [*cluster.get("chief", []), *cluster["worker"]]
        here = cluster[task["type"]][int(task["index"])]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"TF_CONFIG is not understood ({type(error).__name__}: {error}); "
            f"an example: {TF_CONFIG_EXAMPLE}"
        ) from None
    if here not in workers:
        raise InputError(
            f"TF_CONFIG has a task of type {task['type']!r}: use chief and worker only"
        )
    return workers, here


def _refuse_a_forgotten_cluster() -> None:
    """Several workers that each train alone would overwrite each other's run folder."""
    if os.environ.get("TF_CONFIG") and len(addresses()) > 1:
        raise InputError(
            f"TF_CONFIG names {len(addresses())} workers: say --strategy multiworker to train on "
            "all of them, or --strategy none or mirrored to train on this machine alone"
        )


def _padded(batch: np.ndarray, multiple: int) -> np.ndarray:
    """The batch with its last row repeated until `multiple` divides the number of rows."""
    missing = -len(batch) % multiple
    return np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)]) if missing else batch


def of(model: keras.Model) -> Devices:
    """The devices that a model was built for."""
    return Devices(model.distribute_strategy)
