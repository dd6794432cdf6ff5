"""Clients of every kind at once: good ones, whose answers are checked, and bad ones."""

import asyncio
import collections
import io
import itertools
import json
import time
import urllib.parse
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import httpx2
import numpy as np
from PIL import Image

CLIENTS = 8  # of each kind but the slow
SLOW = 4
BUSY = (429, 503)  # what a good request may get instead of an answer
LIMIT = 100_000  # bytes: --body_bytes of the server

Kind = Callable[[httpx2.AsyncClient, int], Awaitable[int]]  # checks an answer, returns its status


class Case(NamedTuple):
    """Inputs of a signature, and what the model gives for them alone."""

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


def cases(model) -> list[Case]:
    """Of all signatures whose requests are joined, 1 to 5 rows each."""
    rng = np.random.default_rng(0)
    asked = []
    for rows in range(1, 6):
        latents = rng.normal(size=(rows, model.kappa)).astype(np.float32)
        images = rng.uniform(size=(rows, *model.image_shape)).astype(np.float32)
        drawn = {"count": np.int32(rows), "seed": np.array([rows, 0], np.int32)}
        asked += [("decode", {"latents": latents}), ("encode", {"images": images})]
        asked += [("reconstruct", {"images": images}), ("generate", drawn)]
    return [Case(name, inputs, model.call(name, inputs)) for name, inputs in asked]


def good(cases: list[Case]) -> dict[str, Kind]:
    """Name -> a kind of client whose requests are right."""

    async def predict(client, number):
        case = cases[number % len(cases)]
        inputs = {name: value.tolist() for name, value in case.inputs.items()}
        asked = {"signature_name": case.signature, "inputs": inputs}
        answer = await client.post("v1/models/tiny:predict", json=asked)
        if answer.status_code == 200:
            found = answer.json()["outputs"]
            found = found if isinstance(found, dict) else {"images": found}
            for name, expected in case.outputs.items():
                np.testing.assert_allclose(found[name], expected, rtol=1e-4, atol=1e-5)
        return answer.status_code

    async def samples(client, number):
        answer = await client.get(f"samples?count=4&seed={number % 3}")
        if answer.status_code == 200:
            assert Image.open(io.BytesIO(answer.content)).size == (172, 172)
        return answer.status_code

    return {"predict": predict, "samples": samples}


def bad() -> dict[str, Kind]:
    """Name -> a kind of client whose requests are wrong, each of which is told so."""
    latents = {"signature_name": "decode", "instances": [[1, 2, 3, None]]}
    requests = {
        "oversized": ("v1/models/tiny:predict", {"content": b"x" * (LIMIT + 1)}, 413),
        "malformed": ("v1/models/tiny:predict", {"content": b'{"instances": [[1, 2'}, 400),
        "wrong type": ("v1/models/tiny:predict", {"json": latents}, 400),
        "wrong range": ("encode", {"content": b"\x89PNG\r\n\x1a\n" + b"x" * 500}, 400),
        "too many": (
            "v1/models/tiny:predict",
            {"json": {"inputs": {"count": 9**9, "seed": [1, 0]}}},
            400,
        ),
        "no such model": ("v1/models/other:predict", {"content": b"{}"}, 404),
    }
    return {name: _refused(*request) for name, request in requests.items()}


def _refused(path: str, content: dict, status: int) -> Kind:
    async def ask(client, number):
        answer = await client.post(path, **content)
        assert answer.status_code in (status, *BUSY), answer.text
        assert answer.text.count("\n") == 1
        assert json.loads(answer.text)["error"]
        assert "Traceback" not in answer.text
        return answer.status_code

    return ask


async def slow(url: str) -> int:
    """A client that sends its body byte by byte, for as long as it is let; the status it gets."""
    place = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(b"POST /encode HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n")
    head = asyncio.create_task(reader.readline())
    while not head.done():
        writer.write(b"x")
        await asyncio.sleep(0.1)
    writer.close()
    return int((await head).split()[1])


async def flood(url: str, connections: int) -> collections.Counter:
    """So many connections, all open before the first asks; how often each status came."""
    place = urllib.parse.urlsplit(url)
    opened = await asyncio.gather(
        *(asyncio.open_connection(place.hostname, place.port) for _ in range(connections))
    )
    for _, writer in opened:
        writer.write(b"GET /v1/models/tiny HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    answers = await asyncio.gather(*(reader.read() for reader, _ in opened))
    for _, writer in opened:
        writer.close()
    for answer in answers:
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])
    return collections.Counter(int(answer.split()[1]) for answer in answers)


async def mixed(url: str, cases: list[Case], seconds: float, connections: int) -> dict:
    """All of them for so long; kind -> how often each status came."""
    end = time.monotonic() + seconds
    counts = collections.defaultdict(collections.Counter)

    async def repeat(name: str, work: Callable[[int], Awaitable[int]]) -> None:
        for number in itertools.count():
            if time.monotonic() > end:
                return
            counts[name][await work(number)] += 1

    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=httpx2.Limits()) as client:
        kinds = good(cases) | bad()
        clients = [
            repeat(name, lambda number, kind=kind: kind(client, number))
            for name, kind in kinds.items()
            for _ in range(CLIENTS)
        ]
        clients += [repeat("slow", lambda number: slow(url)) for _ in range(SLOW)]
        counts["flood"], *_ = await asyncio.gather(flood(url, connections), *clients)
    return dict(counts)
