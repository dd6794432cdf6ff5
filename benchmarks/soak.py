"""Does the same small work for hours in one process, and shows whether the process grows.

    python -m benchmarks.soak --what training --minutes 120      small runs of both stages, with FID
    python -m benchmarks.soak --what fid --inception GRAPH       FID of an endless stream of images
    python -m benchmarks.soak --what server                      a server and a few clients

A line a reading: memory, open files, threads, and (not of the server) Python's objects and
TensorFlow's functions. The first quarter of the time is a warm-up; growth is counted after it.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import gc
import io
import itertools
import os
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator

import numpy as np

from benchmarks import measure

BATCH, SIDE = 64, 32  # of the endless stream
DIMS = 2048
FLOOD = 20  # connections at once, every so many rounds of requests


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a process holds at one moment; memory in MB."""

    minutes: float
    rounds: int
    resident: float
    anonymous: float
    files: int
    threads: int
    objects: int | None = None
    functions: int | None = None

    @classmethod
    def of(cls, pid: int | None, minutes: float, rounds: int) -> "Reading":
        """Of a process of another program, or (None) of this one, once its garbage is collected."""
        counts = {} if pid else _counts()
        status = measure.process_status(pid or "self")
        files = len(list(pathlib.Path(f"/proc/{pid or 'self'}/fd").iterdir()))
        memory = status["VmRSS"] / 1024, status["RssAnon"] / 1024
        return cls(minutes, rounds, *memory, files, status["Threads"], **counts)

    def __str__(self) -> str:
        """A row of a table."""
        cells = (f"{v:,.1f}" if isinstance(v, float) else v for v in dataclasses.astuple(self))
        return f"| {' | '.join('' if cell is None else str(cell) for cell in cells)} |"


def _counts() -> dict[str, int]:
    """How many objects Python's collector knows, and how many of them are tf.functions."""
    import tensorflow as tf

    gc.collect()
    function, objects = type(tf.function(len)), gc.get_objects()
    return {"objects": len(objects), "functions": sum(type(one) is function for one in objects)}


class Watch:
    """Says when time is over, counts the rounds until then and takes readings.

    Args:
      minutes: how long.
      readings: how many on the way.
      pause: seconds of rest after each round.
      pid: the process that is watched; None: this one.
    """

    def __init__(self, minutes: float, readings: int, pause: float, pid: int | None = None):
        self.minutes, self.pause, self.pid = minutes, pause, pid
        self.every = minutes / readings
        self.start = time.monotonic()
        self.rounds = 0
        self.readings: list[Reading] = []
        names = [field.name for field in dataclasses.fields(Reading)]
        print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)

    def goes_on(self) -> bool:
        """Whether there is time for a round more."""
        minutes = (time.monotonic() - self.start) / 60
        if minutes >= self.every * len(self.readings):
            self.readings.append(Reading.of(self.pid, minutes, self.rounds))
            print(self.readings[-1], flush=True)
        if self.rounds:
            time.sleep(self.pause)
        self.rounds += 1
        return minutes < self.minutes

    def growth(self) -> dict[str, float]:
        """The last quarter against the second one, medians: memory as a ratio, others counted."""
        quarter = max(1, len(self.readings) // 4)
        before, after = self.readings[quarter : 2 * quarter], self.readings[-quarter:]
        found = {}
        for name in ("resident", "anonymous", "files", "threads"):
            first, last = (
                statistics.median(getattr(r, name) for r in rs) for rs in (before, after)
            )
            found[name] = last / first - 1 if name in ("resident", "anonymous") else last - first
        return found


def training(watch: Watch, folder: pathlib.Path, inception: pathlib.Path) -> None:
    """A round is a run of both stages on the built-in images: trained, scored, drawn, exported."""
    from tf_twostage.experiment import sweep
    from tf_twostage.experiment.options import Options

    while watch.goes_on():
        options = Options(
            seed=watch.rounds,
            epochs_scale=1e-9,
            output_dir=str(folder / "runs"),
            fid="on",
            inception=str(inception),
            fid_dims=64,
            fid_images=100,
            overrides={"batch_size": 1000, "stage2_width": 16},
        )
        with contextlib.redirect_stdout(io.StringIO()):
            sweep.run(options)
        shutil.rmtree(folder / "runs")


def fid_stream(watch: Watch, folder: pathlib.Path, inception: pathlib.Path) -> None:
    """A round is a batch of images; the statistics of all are computed in one pass."""
    import fid

    def images() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(0)
        while watch.goes_on():
            side = SIDE + watch.rounds % 3
            yield rng.integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8)

    network = fid.Inception(inception)
    found = fid.Statistics.from_features(network.stream(images(), DIMS))
    print(f"{found.count:,} images; FID to themselves {float(fid.compare(found, found, DIMS)):.1e}")


def requests(watch: Watch, url: str, cases: list) -> None:
    """A round is a request of every kind, good and bad, and now and then many connections.

    A refused request may end with its connection before its answer is read: those are counted.
    """
    import httpx2

    from tests.helpers import serving_load

    lost = []

    async def rounds() -> None:
        kinds = (serving_load.good(cases) | serving_load.bad()).values()
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            for number in itertools.takewhile(lambda _: watch.goes_on(), itertools.count()):
                asked = (ask(client, number) for ask in kinds)
                for found in await asyncio.gather(*asked, return_exceptions=True):
                    if isinstance(found, httpx2.TransportError):
                        lost.append(found)
                    elif isinstance(found, Exception):
                        raise found
                if number % FLOOD == 0:
                    await serving_load.flood(url, FLOOD)

    asyncio.run(rounds())
    print(f"{len(lost)} connections ended before their answer")


def _graph(folder: pathlib.Path) -> pathlib.Path:
    """Writes the small Inception graph of the tests."""
    from tests.helpers import fid_graph

    path = folder / "graph.pb"
    path.write_bytes(fid_graph.SmallInception().graph_def().SerializeToString())
    return path


def soak(options: argparse.Namespace, folder: pathlib.Path) -> Watch:
    """Does the work that is asked for until time is over."""
    watched = {key: getattr(options, key) for key in ("minutes", "readings", "pause")}
    if options.what == "server":
        from tests.helpers import serving_load, serving_process, tiny_served
        from tf_twostage.serving.served_model import ServedModel

        path = tiny_served.write(folder)
        cases = serving_load.cases(ServedModel(path))
        body = ("--body_bytes", str(serving_load.LIMIT))
        with serving_process.running(path, folder / "stderr.txt", *body) as server:
            watch = Watch(**watched, pid=server.pid)
            requests(watch, server.url, cases)
        return watch
    watch = Watch(**watched)
    work = {"training": training, "fid": fid_stream}[options.what]
    work(watch, folder, options.inception or _graph(folder))
    return watch


def main() -> None:
    """Prints the readings and the growth, and writes the JSON."""
    parser = measure.parser(__doc__, rounds=None)
    parser.add_argument("--what", choices=["training", "fid", "server"], default="training")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--readings", type=int, default=24, help="on the way (24)")
    parser.add_argument("--pause", type=float, default=0, help="seconds of rest after a round")
    parser.add_argument("--inception", type=pathlib.Path, help="a graph; else the tests' small one")
    options = parser.parse_args()
    measure.choose_device(options.device)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder  # the statistics of held-out images
        watch = soak(options, pathlib.Path(folder))
    growth = watch.growth()
    print(
        "after the warm-up: resident memory {resident:+.1%}, anonymous {anonymous:+.1%}, "
        "files {files:+.0f}, threads {threads:+.0f}".format(**growth)
    )
    readings = [dataclasses.asdict(reading) for reading in watch.readings]
    measure.save(f"soak_{options.what}", {"growth": growth, "readings": readings})


if __name__ == "__main__":
    main()
