"""Several workers, one process each: who they are (TF_CONFIG), and what to do when one is lost."""

import contextlib
import gc
import json
import multiprocessing.pool
import os
from collections.abc import Iterator
from typing import NamedTuple

import tensorflow as tf

from tf_twostage.errors import InputError

TF_CONFIG_EXAMPLE = (
    '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
)


class Cluster(NamedTuple):
    """The workers that train together, and which of them this process is."""

    workers: list[str]  # `host:port` each, the chief first
    here: str  # one of them


def from_environment() -> Cluster:
    """The cluster that the environment variable TF_CONFIG describes.

    Raises:
      InputError: it is missing or is not such a description.
    """
    text = os.environ.get("TF_CONFIG")
    if not text:
        raise InputError(
            f"--strategy multiworker needs the environment variable TF_CONFIG, "
            f"on the first of two machines for instance {TF_CONFIG_EXAMPLE}"
        )
    return _parsed(text)


def _parsed(text: str) -> Cluster:
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
    return Cluster(workers, here)


def is_chief(strategy: str) -> bool:
    """Whether this process writes the run folder, told from the name of a strategy alone."""
    if strategy != "multiworker":
        return True
    workers, here = from_environment()
    return here == workers[0]


def refuse_a_forgotten_cluster() -> None:
    """Raises `InputError` where TF_CONFIG names several workers but each would train alone.

    They would overwrite each other's run folder.
    """
    count = len(from_environment().workers) if os.environ.get("TF_CONFIG") else 1
    if count > 1:
        raise InputError(
            f"TF_CONFIG names {count} workers: say --strategy multiworker to train on "
            "all of them, or --strategy none or mirrored to train on this machine alone"
        )


@contextlib.contextmanager
def losing_workers(workers: int) -> Iterator[None]:
    """Turns the errors that the others get when one of `workers` dies into one `InputError`."""
    try:
        yield
    except _LOST as error:
        if workers == 1:
            raise
        _close_thread_pools()
        raise InputError(
            f"training stopped because a worker was lost ({_first_line(error)}): start all "
            f"{workers} workers again, they go on from the last finished epoch"
        ) from None


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
