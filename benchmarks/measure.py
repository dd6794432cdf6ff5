"""Times several ways of doing the same ("sides") in turns, and writes down what came out.

Each side has a process of its own. They run in turns, so that all meet the same load.
"""

import argparse
import concurrent.futures
import functools
import importlib
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable

RESULTS = pathlib.Path("benchmark_results")


def busy_seconds() -> float:
    """CPU seconds that all processes have used since the machine started (Linux; else 0)."""
    try:
        fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:8]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq = map(int, fields)
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def process_status(pid: int | str = "self") -> dict[str, int]:
    """The numbers of /proc/PID/status, memory in kB (Linux)."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    pairs = (line.split(":", 1) for line in lines)
    words = ((name, value.split()) for name, value in pairs if value.strip())
    return {name: int(found[0]) for name, found in words if found[0].isdigit()}


def peak_memory() -> float:
    """This process's peak resident memory in MB (Linux).

    `resource.getrusage` would count the process that started this one as well.
    """
    return process_status()["VmHWM"] / 1024


def in_own_process(function: Callable, *arguments):
    """What `function(*arguments)` returns, run in a new process with its own start and memory."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        return pool.submit(function, *arguments).result()


def _serve(connection, factory: str, arguments: dict) -> None:
    """Builds a side, then runs as many steps as the other end of `connection` asks for."""
    module, function = factory.split(":")
    start = time.perf_counter()
    side = getattr(importlib.import_module(module), function)(**arguments)
    side(1)  # traces and compiles
    connection.send({"first": time.perf_counter() - start})
    while (steps := connection.recv()) is not None:
        start, cpu, busy = time.perf_counter(), time.process_time(), busy_seconds()
        side(steps)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        others = max(0.0, busy_seconds() - busy - cpu) / wall
        peak = peak_memory()
        connection.send({"wall": wall / steps, "cpu": cpu / steps, "others": others, "peak": peak})


class Side:
    """One side of a comparison, in a process of its own.

    Args:
      factory: "module:function". The new process calls it with `arguments`; it returns a function
        `run(steps)`.
      arguments: of the factory.
    """

    def __init__(self, factory: str, arguments: dict):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, factory, arguments), daemon=True)
        self.process.start()
        other.close()

    @functools.cached_property
    def first(self) -> float | None:
        """Seconds until the side has run its first step; waits for it. None: it failed."""
        try:
            return self.connection.recv()["first"]
        except EOFError:
            return None

    def ready(self) -> bool:
        """Waits until the side has run its first step; False: it failed."""
        return self.first is not None

    def run(self, steps: int) -> dict:
        """Runs so many steps.

        Returns:
          {"wall", "cpu": seconds a step by the clock and of CPU time, "others": cores that other
          processes kept busy, "peak": the process's peak memory so far in MB}.
        """
        self.connection.send(steps)
        return self.connection.recv()

    def close(self) -> None:
        """Ends the process."""
        self.connection.send(None)
        self.process.join()


def compare(sides: dict[str, tuple[str, dict]], steps: int, rounds: int) -> dict:
    """Runs all sides in turns. The first one is what the others are compared with.

    Args:
      sides: name -> (factory, arguments) of a `Side`.
      steps: in a round.
      rounds: of every side.

    Returns:
      {"steps", "rounds", "sides": {name: see `_summary`}, "others": cores that other processes
      kept busy, median}.
    """
    running = _started(sides)
    for side in running.values():
        side.run(steps)
    found = {name: [] for name in running}
    for _ in range(rounds):
        for name, side in running.items():
            found[name].append(side.run(steps))
    first = {name: side.first for name, side in running.items()}
    for side in running.values():
        side.close()
    yardstick = [one["wall"] for one in next(iter(found.values()))]
    others = statistics.median(one["others"] for ones in found.values() for one in ones)
    summary = {name: _summary(ones, yardstick, first[name]) for name, ones in found.items()}
    return {"steps": steps, "rounds": rounds, "others": others, "sides": summary}


def _started(sides: dict[str, tuple[str, dict]]) -> dict[str, Side]:
    """The sides that can run, ready to. Where there are cores enough, they get ready together."""
    together = (os.cpu_count() or 1) >= 2 * len(sides)
    running = {}
    for name, arguments in sides.items():
        running[name] = Side(*arguments)
        if not together:
            running[name].ready()
    for name in [name for name, side in running.items() if not side.ready()]:
        print(f"{name}: FAILED, see above", flush=True)
        del running[name]
    return running


def _summary(ones: list[dict], yardstick: list[float], first: float) -> dict:
    """Medians of one side's rounds.

    Args:
      ones: what `Side.run` returned in each round.
      yardstick: seconds a step of the first side in each round.
      first: seconds until the side had run its first step.

    Returns:
      "ratio" says how many times as fast as the first side this one is; times are in seconds.
    """
    seconds = [one["wall"] for one in ones]
    ratios = [theirs / ours for theirs, ours in zip(yardstick, seconds, strict=True)]
    return {
        "seconds": seconds,
        "median": statistics.median(seconds),
        "cpu": statistics.median(one["cpu"] for one in ones),
        "ratio": statistics.median(ratios),
        "ratio_range": [min(ratios), max(ratios)],
        "first": first,
        "peak_mb": ones[-1]["peak"],
    }


def show(title: str, result: dict) -> None:
    """Prints what `compare` found as a table of medians."""
    print(f"\n{title}: {result['rounds']} rounds of {result['steps']} steps in turns; ", end="")
    print(f"others kept {result['others']:.2f} cores busy")
    print("| side | ms a step | steps/s | CPU ms a step | times as fast (min..max) | peak MB |")
    print("|---|---|---|---|---|---|")
    for name, side in result["sides"].items():
        low, high = side["ratio_range"]
        cells = (
            name,
            f"{1e3 * side['median']:.2f}",
            f"{1 / side['median']:,.1f}",
            f"{1e3 * side['cpu']:.2f}",
            f"{side['ratio']:.2f} ({low:.2f}..{high:.2f})",
            f"{side['peak_mb']:.0f}",
        )
        print(f"| {' | '.join(cells)} |", flush=True)


def save(name: str, result: dict) -> None:
    """Writes `benchmark_results/<name>.json`: the machine and the result."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "tensorflow": tf.__version__,
        "gpus": [tf.config.experimental.get_device_details(gpu) for gpu in gpus],
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"benchmark": name, "machine": machine, **result}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def parser(description: str | None, rounds: int | None = 5) -> argparse.ArgumentParser:
    """The flags that every benchmark has.

    Args:
      description: of the command, for `--help`.
      rounds: how often each side runs by default; None where benchmarks decide themselves.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    number = rounds or "each benchmark's own number"
    made.add_argument("--rounds", type=int, default=rounds, help=f"of every side ({number})")
    return made


def choose_device(device: str) -> None:
    """Hides all GPUs for `cpu`; for `gpu`, makes sure that there is one."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        raise SystemExit("error: TensorFlow sees no GPU")
