"""The workers of TF_CONFIG."""

import json

import pytest
import tensorflow as tf

from tf_twostage.errors import InputError
from tf_twostage.training import cluster

WORKERS = {"worker": ["a:1", "b:1"]}


def set_config(monkeypatch, index, workers=None):
    config = {"cluster": workers or WORKERS, "task": {"type": "worker", "index": index}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))


def test_the_chief_is_the_first_worker(monkeypatch):
    set_config(monkeypatch, 0)
    assert cluster.from_environment() == (["a:1", "b:1"], "a:1")
    assert cluster.is_chief("multiworker")
    set_config(monkeypatch, 1)
    assert not cluster.is_chief("multiworker")
    set_config(monkeypatch, 0, WORKERS | {"chief": ["c:1"]})
    assert cluster.from_environment() == (["c:1", "a:1", "b:1"], "a:1")
    assert not cluster.is_chief("multiworker")


def test_a_process_alone_is_its_own_chief(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert all(cluster.is_chief(name) for name in ("auto", "none", "mirrored"))


def test_a_task_that_is_no_worker_is_one_line(monkeypatch):
    config = {"cluster": WORKERS | {"ps": ["c:1"]}, "task": {"type": "ps", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(InputError, match="task of type 'ps': use chief and worker only"):
        cluster.from_environment()


def lose(workers):
    with cluster.losing_workers(workers):
        message = "\nCollective ops is aborted by: peer gone\nmore"
        raise tf.errors.UnavailableError(None, None, message)


def test_a_lost_worker_is_one_line():
    with pytest.raises(InputError, match="a worker was lost .*peer gone.*start all 2") as caught:
        lose(2)
    assert "\n" not in str(caught.value)
    with pytest.raises(tf.errors.UnavailableError):  # alone, there is nobody to lose
        lose(1)
