"""Interleaved rounds of several sides, each in a process of its own; medians, ratios, JSON."""

import argparse
import importlib
import json
import multiprocessing
import os
import pathlib
import platform
import statistics
import time

RESULTS = pathlib.Path("benchmark_results")


def busy_seconds() -> float:
    """CPU seconds that the whole machine has worked since it started (Linux; else 0)."""
    try:
        fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:8]
    except OSError:
        return 0.0
    user, nice, system, _, _, irq, softirq = map(int, fields)
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def peak_memory() -> float:
    """This process's peak resident memory in MB, from Linux: getrusage counts the parent's too."""
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(kilobytes) / 1024


def _serve(connection, factory: str, arguments: dict) -> None:
    """Builds `module:function`'s side, then runs as many of its steps as it is told to."""
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
    """One side of a comparison in its own process.

    Args:
      factory: "module:function"; called with `arguments` there, it returns `run(steps)`.
    """

    def __init__(self, factory: str, arguments: dict):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, factory, arguments), daemon=True)
        self.process.start()
        other.close()
        self.first = self.connection.recv()["first"]

    def run(self, steps: int) -> dict:
        """Seconds a step (wall and CPU), other processes' load in cores, peak memory in MB."""
        self.connection.send(steps)
        return self.connection.recv()

    def close(self) -> None:
        self.connection.send(None)
        self.process.join()


def compare(sides: dict[str, tuple[str, dict]], steps: int, rounds: int) -> dict:
    """Runs all sides in turns; the first is the yardstick.

    Returns:
      {"steps", "rounds", "sides": {name: {"seconds": [...], "median", "cpu", "first", "peak_mb",
      "ratio": how many times as fast as the yardstick, median over rounds}}, "others": cores that
      other processes kept busy}.
    """
    running = {name: Side(*side) for name, side in sides.items()}
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


def _summary(ones: list[dict], yardstick: list[float], first: float) -> dict:
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
    """Prints a comparison as a table."""
    print(f"\n{title}: {result['rounds']} rounds of {result['steps']} steps in turns; ", end="")
    print(f"others kept {result['others']:.2f} cores busy")
    print("| side | ms a step, median | CPU ms | times as fast, median (min..max) | peak MB |")
    print("|---|---|---|---|---|")
    for name, side in result["sides"].items():
        low, high = side["ratio_range"]
        print(f"| {name} | {1e3 * side['median']:.1f} | {1e3 * side['cpu']:.1f} ", end="")
        print(
            f"| {side['ratio']:.2f} ({low:.2f}..{high:.2f}) | {side['peak_mb']:.0f} |", flush=True
        )


def save(name: str, result: dict) -> None:
    """Writes `benchmark_results/<name>.json`, with the machine."""
    import tensorflow as tf

    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "tensorflow": tf.__version__,
        "gpus": [gpu.name for gpu in tf.config.list_physical_devices("GPU")],
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"benchmark": name, "machine": machine, **result}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def parser(description: str | None, rounds: int | None = 5) -> argparse.ArgumentParser:
    """The flags that every benchmark has; `rounds` None: each benchmark's own number."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    number = rounds or "each benchmark's own"
    made.add_argument("--rounds", type=int, default=rounds, help=f"of all sides ({number})")
    return made


def choose_device(device: str) -> None:
    """Hides GPUs for `cpu`; for `gpu`, makes sure that there is one."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        raise SystemExit("error: TensorFlow sees no GPU")
