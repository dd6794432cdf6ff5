"""The same training on 1, 2 and 4 replicas, on logical CPU devices; the choice of a strategy."""

import json
import pathlib
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import replica_runs
import replicas

from tf_twostage.errors import InputError
from tf_twostage.models.two_stage import TwoStageVAE
from tf_twostage.run_folder import RunFolder
from tf_twostage.training.devices import Devices

LOSS = 2  # the column; in float32 the small KL term alone differs more, which float64 explains


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Two replicas and one device, in processes of their own; the latter also goes on with the run
    of the former."""
    out = tmp_path_factory.mktemp("replicas")
    replica_runs.run("replicas.py", out, "float64", 2)
    replica_runs.run("replicas.py", out, "float64", 0, "float64-2")
    return out


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """One device, and four replicas in a process of their own."""
    out = tmp_path_factory.mktemp("four")
    replicas.record(out, "float32-0", Devices())
    replica_runs.run("replicas.py", out, "float32", 4)
    return out


def load(out, name):
    with np.load(out / f"{name}.npz") as file:
        return dict(file)


@pytest.mark.slow
def test_four_replicas_have_the_losses_of_one_device(four):
    one, other = (load(four, f"float32-{count}")["losses"] for count in (0, 4))
    np.testing.assert_allclose(other[:, LOSS], one[:, LOSS], rtol=1e-4)
    assert load(four, "float32-4")["spread"] == 0


def test_losses_weights_and_statistics_are_the_same_but_for_rounding(out):
    """In float64, where rounding cannot hide a difference: noise, batch norm, u, decay, gamma."""
    one, two = (load(out, f"float64-{count}") for count in (0, 2))
    assert one["losses"].shape == (20, 6)  # kl, reconstruction, loss, gamma, active dims, mse
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-12)
    compare_weights(one, two)


def compare_weights(one, other):
    names = sorted(set(one) - {"losses", "spread"})
    assert any(name.endswith("/u") for name in names)
    assert any(name.endswith("/moving_variance") for name in names)
    for name in names:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-9, atol=1e-10, err_msg=name)


def test_every_replica_holds_the_same_variables(out):
    assert load(out, "float64-2")["spread"] == 0


def test_a_run_goes_on_with_fewer_replicas(out):
    whole, changed = load(out, "float64-0"), load(out, "float64-2-then-0")
    np.testing.assert_allclose(changed["losses"], whole["losses"][10:], rtol=1e-12)
    compare_weights(whole, changed)


@pytest.mark.slow
def test_a_run_goes_on_with_more_replicas(tmp_path):
    replicas.record(tmp_path, "float32-0", Devices())
    replica_runs.run("replicas.py", tmp_path, "float32", 4, "float32-0")
    whole, changed = load(tmp_path, "float32-0"), load(tmp_path, "float32-0-then-4")
    losses = whole["losses"][10:]
    np.testing.assert_allclose(changed["losses"][:, LOSS], losses[:, LOSS], rtol=1e-4)


@pytest.mark.slow
def test_encoding_and_decoding_on_four_devices_equals_one(four):
    """Seven images, which four devices cannot share evenly."""
    model = TwoStageVAE(replicas.RECIPE, replicas.SHAPE, replicas.SEED)
    model.load_stage(RunFolder(four / "float32-4"), 1)
    found = load(four, "float32-4")
    np.testing.assert_allclose(model.encode(replicas.images()[:7]).mean, found["mean"], rtol=1e-5)
    np.testing.assert_allclose(model.decode(found["mean"]), found["decoded"], rtol=1e-5)


def test_one_device_needs_no_strategy(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name in ("auto", "none"):
        devices = Devices.choose(name)
        assert not devices.distributed
        assert (devices.replicas, devices.workers, devices.is_chief) == (1, 1, True)


def test_a_batch_that_cannot_be_shared_is_named_with_the_replicas():
    devices = Devices(FakeStrategy(3))
    devices.check_batch_size(99)
    with pytest.raises(InputError, match="a batch of 100 cannot be shared evenly by 3 replicas"):
        devices.check_batch_size(100)


class Worker(Devices):
    """One of two workers; they exchange arrays through `table`."""

    def __init__(self, index, table, barrier):
        super().__init__(FakeStrategy(2))
        fields = {"part": (index, 2), "workers": 2, "table": table, "barrier": barrier}
        for name, value in fields.items():
            object.__setattr__(self, f"_{name}", value)

    part = property(lambda self: self._part)
    workers = property(lambda self: self._workers)

    def _gathered(self, array):
        self._table[self.part[0]] = array
        self._barrier.wait(timeout=60)
        joined = np.concatenate([self._table[0], self._table[1]])
        self._barrier.wait(timeout=60)
        return joined


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9, 21])
def test_workers_share_work_and_get_all_of_it(count):
    rows, seen, table, barrier = np.arange(count) * 1.0, {0: [], 1: []}, {}, threading.Barrier(2)

    def work(index):
        def square(part):
            seen[index].extend(part)
            return part**2, -part

        return list(Worker(index, table, barrier).apply(square, rows, 4))

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(work, (0, 1)))
    for result in results:
        first, second = (np.concatenate(column) for column in zip(*result, strict=True))
        np.testing.assert_array_equal(first, rows**2)
        np.testing.assert_array_equal(second, -rows)
    if count == 21:  # two blocks of eight, and five
        assert sorted(map(len, seen.values())) == [10, 11]
        assert sorted(seen[0] + seen[1]) == list(rows)


class FakeStrategy:
    def __init__(self, replicas):
        self.num_replicas_in_sync = replicas


CLUSTER = {"worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("fastest", None, "unknown strategy 'fastest': choose one of auto, none"),
        ("multiworker", None, "needs the environment variable TF_CONFIG"),
        ("multiworker", "{", "TF_CONFIG is not understood"),
        ("multiworker", {"cluster": CLUSTER}, "TF_CONFIG is not understood .KeyError: 'task'"),
        ("multiworker", {"cluster": CLUSTER, "task": {"type": "worker", "index": 2}}, "IndexError"),
        ("auto", {"cluster": CLUSTER, "task": {"type": "worker", "index": 0}}, "names 2 workers"),
    ],
)
def test_wrong_choices_are_one_line(monkeypatch, name, config, message):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        text = config if isinstance(config, str) else json.dumps(config)
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=message) as caught:
        Devices.choose(name)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "printed"),
    [
        ("alone", "works: [36.0, 36.0]"),
        ("averaging", "fails: RuntimeError: `merge_call` called while defining a new graph"),
    ],
)
def test_what_xla_cannot_compile_of_a_replica(case, printed):
    """Should this fail one day, `loop.on_host` may compile a replica's steps."""
    script = pathlib.Path(__file__).parents[1] / "helpers" / "compiled_replicas.py"
    done = subprocess.run([sys.executable, script, case], capture_output=True, text=True)
    assert done.stdout.startswith(printed), done.stdout + done.stderr[-2000:]
