"""Times the server: `generate` as a signature and over REST against `TwoStageVAE.sample` in the
same process, and how long 1, 8 and 64 clients wait for an image.

python -m benchmarks.serving [--rounds N]      needs the extra `serve`
"""

import asyncio
import atexit
import contextlib
import functools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import numpy as np

from benchmarks import measure

SHAPES = {"28": (28, 28, 1), "64": (64, 64, 3)}
STEPS = {1: 50, 16: 10, 256: 2}  # images in a call -> calls in a round
CLIENTS = (1, 8, 64)
SECONDS = 8.0  # that each number of clients asks for
PREDICT = "/v1/models/twostage:predict"


def _model(shape: tuple[int, int, int]):
    """A two-stage VAE with random weights: speed does not depend on them."""
    from tf_twostage import recipes
    from tf_twostage.models import two_stage

    model = two_stage.TwoStageVAE(recipes.get("paper", "mnist", 1000), shape)
    model.trained |= {1, 2}
    return model


def export(shape: tuple[int, int, int], folder: pathlib.Path) -> None:
    """Writes that as a SavedModel."""
    from tf_twostage.models.export import export_saved_model

    export_saved_model(_model(shape), folder / "1")


def sample(shape: tuple[int, int, int], count: int):
    """`run(steps)` draws `count` images a step with `TwoStageVAE.sample`."""
    model = _model(shape)
    return lambda steps: [model.sample(count, seed) for seed in range(steps)]


def signature(folder: pathlib.Path, count: int):
    """`run(steps)` calls the signature."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder / "1"))  # kept: the signatures need it
    asked = tf.constant(count)

    def run(steps: int) -> None:
        for seed in range(steps):
            loaded.signatures["generate"](count=asked, seed=tf.constant([seed, 0]))

    return run


def rest(folder: pathlib.Path, count: int):
    """`run(steps)` asks a server for them, and reads the JSON."""
    url = _start(folder)

    def run(steps: int) -> None:
        for seed in range(steps):
            with urllib.request.urlopen(url + PREDICT[1:], _request(count, seed)) as answer:
                json.load(answer)

    return run


def _start(folder: pathlib.Path) -> str:
    """Starts `examples/serve.py`; it ends with this process. Returns its URL, with a slash."""
    command = [sys.executable, "examples/serve.py", str(folder), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    atexit.register(process.terminate)
    return process.stdout.readline().split()[-1]


def _request(count: int, seed: int) -> bytes:
    return json.dumps({"inputs": {"count": count, "seed": [seed, 0]}}).encode()


async def _client(place: urllib.parse.SplitResult, end: float, waits: list[float]) -> None:
    """Asks for an image at a time until `end`; notes how long each took, in seconds."""
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    head = f"POST {PREDICT} HTTP/1.1\r\nhost: x\r\ncontent-length: "
    while (start := time.perf_counter()) < end:
        body = _request(1, len(waits))
        writer.write(f"{head}{len(body)}\r\n\r\n".encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 200"):
            raise SystemExit(f"error: the server says {answer.splitlines()[0].decode()}")
        await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        waits.append(time.perf_counter() - start)
    writer.close()


async def _ask(url: str, clients: int) -> dict:
    """So many clients at once: percentiles of their waits in milliseconds, and images a second."""
    waits, place = [], urllib.parse.urlsplit(url)
    end = time.perf_counter() + SECONDS
    await asyncio.gather(*(_client(place, end, waits) for _ in range(clients)))
    p50, p99 = 1e3 * np.percentile(waits, [50, 99])
    return {"p50_ms": p50, "p99_ms": p99, "images_per_second": len(waits) / SECONDS}


def waits(folder: pathlib.Path) -> dict:
    """The number of clients -> what `_ask` found; a second of warming up comes before."""
    url = _start(folder)
    asyncio.run(_ask(url, CLIENTS[-1]))
    return {clients: asyncio.run(_ask(url, clients)) for clients in CLIENTS}


def _compare(name: str, folder: pathlib.Path, rounds: int) -> dict:
    """The three ways to draw, in turns, for each number of images."""
    found = {}
    for count, steps in STEPS.items():
        served = {"folder": folder, "count": count}
        sides = {
            "sample": ("benchmarks.serving:sample", {"shape": SHAPES[name], "count": count}),
            "signature": ("benchmarks.serving:signature", served),
            "REST": ("benchmarks.serving:rest", served),
        }
        found[count] = measure.compare(sides, steps, rounds)
        measure.show(f"{name} x {name}, {count} images a step", found[count])
        speeds = {k: count / side["median"] for k, side in found[count]["sides"].items()}
        print("images/s:", ", ".join(f"{k} {speed:,.0f}" for k, speed in speeds.items()))
    return found


def main() -> None:
    """Measures both sizes of images, prints two tables for each and writes the JSON."""
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    result = {}
    with contextlib.ExitStack() as stack:
        for name, shape in SHAPES.items():
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            measure.in_own_process(functools.partial(export, shape, folder))
            result[name] = {"generate": _compare(name, folder, options.rounds)}
            result[name]["clients"] = measure.in_own_process(waits, folder)
            print(
                f"\n{name} x {name}, one image a request\n| clients | p50 ms | p99 ms | images/s |"
            )
            print("|---|---|---|---|")
            for clients, one in result[name]["clients"].items():
                print(f"| {clients} | {' | '.join(f'{value:,.1f}' for value in one.values())} |")
    measure.save("serving", result)


if __name__ == "__main__":
    main()
