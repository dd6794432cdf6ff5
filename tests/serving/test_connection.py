"""Clients that are slow, many or speak no HTTP, on real sockets."""

import asyncio
import contextlib
import json

import pytest

pytest.importorskip("starlette", reason="needs the extra `serve`")

import uvicorn

from tf_twostage.serving.connection import bounded
from tf_twostage.serving.limits import Limits

ASK = b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n"
LARGE = 64 * 2**20  # bytes, more than the buffers of both sockets hold


async def app(scope, receive, send):
    """Answers with as many bytes as the path says."""
    size = int(scope["path"][1:])
    head = [(b"content-length", b"%d" % size)]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"x" * size})


@contextlib.asynccontextmanager
async def serving(**limits):
    """A server; gives `connect() -> (reader, writer)`, and the open connections."""
    config = uvicorn.Config(
        app, port=0, http=bounded(Limits(**limits)), ws="none", lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield lambda: asyncio.open_connection("127.0.0.1", port), server.server_state.connections
    finally:
        server.force_exit = True
        await server.shutdown()


def with_server(check, **limits):
    async def run():
        async with serving(**limits) as (connect, connections):
            await asyncio.wait_for(check(connect, connections), 20)

    asyncio.run(run())


async def answer(reader):
    """(status, body) of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"length" in line
    )
    return int(head.split()[1]), await reader.readexactly(size)


def test_a_client_that_sends_no_head_is_closed_at_once_or_between_requests():
    async def check(connect, connections):
        silent, _ = await connect()
        reader, writer = await connect()
        writer.write(ASK % 3)
        assert await answer(reader) == (200, b"xxx")
        writer.write(b"GET /3 HT")
        for end in (silent, reader):
            with contextlib.suppress(ConnectionError):
                assert await end.read() == b""
        assert not connections

    with_server(check, head_seconds=0.1)


def test_a_client_that_does_not_read_is_closed():
    async def check(connect, connections):
        _, writer = await connect()
        writer.write(ASK % LARGE)
        await asyncio.sleep(0.1)
        assert connections
        while connections:
            await asyncio.sleep(0.05)

    with_server(check, read_seconds=0.3)


def test_a_client_that_reads_gets_all_however_large():
    async def check(connect, connections):
        reader, writer = await connect()
        for _ in range(2):
            writer.write(ASK % LARGE)
            status, body = await answer(reader)
            assert (status, len(body)) == (200, LARGE)

    with_server(check, read_seconds=5.0, head_seconds=5.0)


def test_connections_beyond_the_limit_are_told_so():
    async def check(connect, connections):
        kept = [await connect() for _ in range(2)]
        reader, writer = await connect()
        writer.write(ASK % 1)
        status, body = await answer(reader)
        assert status == 503
        assert "too many connections" in json.loads(body)["error"]
        for reader, writer in kept:
            writer.write(ASK % 1)
            assert await answer(reader) == (200, b"x")

    with_server(check, connections=2)


def test_what_is_no_http_gets_a_line_of_json():
    async def check(connect, connections):
        for garbage in (
            b"\x16\x03\x01\x02\x00 tls?\r\n\r\n",
            b"HELLO\r\n\r\n",
            b"GET / HTTP/9\r\n\r\n",
        ):
            reader, writer = await connect()
            writer.write(garbage)
            status, body = await answer(reader)
            assert status == 400
            assert "send HTTP/1.1" in json.loads(body)["error"]

    with_server(check)
