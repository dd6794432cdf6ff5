"""The door: what is too large, too slow or too much is refused, and nothing is kept of it."""

import asyncio
import json

import pytest

pytest.importorskip("starlette", reason="needs the extra `serve`")

from tf_twostage.serving.admission import Admission
from tf_twostage.serving.limits import Limits


async def echo(scope, receive, send):
    """Sends the body back; a path such as /0.5 says after how many seconds."""
    message = await receive()
    await asyncio.sleep(0 if scope["path"] == "/healthz" else float(scope["path"][1:]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


async def ask(app, parts=(b"",), path="/0", headers=(), pause=0.0):
    """(status, body) of a request whose body comes in these parts."""
    left, sent = list(parts), []

    async def receive():
        if not left:
            return {"type": "http.disconnect"}
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    await app(scope, receive, send)
    return sent[0]["status"], sent[-1]["body"]


def run(*requests, **limits):
    """The answers of requests that come at once, each a dict of arguments of `ask`."""

    async def all_():
        app = Admission(echo, Limits(**limits))
        answers = await asyncio.gather(*(ask(app, **request) for request in requests))
        assert app._requests == app._bytes == 0
        return answers

    return asyncio.run(all_())


def reason(answer, status):
    assert answer[0] == status
    return json.loads(answer[1])["error"]


def test_the_app_sees_the_whole_body():
    assert run({"parts": [b"a", b"bc", b""]}) == [(200, b"abc")]


def test_a_large_body_is_refused_by_its_length_and_by_its_bytes():
    announced = {"headers": [(b"content-length", b"11")], "parts": []}
    chunked, fitting = {"parts": [b"x" * 6] * 2}, {"parts": [b"x" * 10]}
    first, second, third = run(announced, chunked, fitting, body_bytes=10)
    assert "more than 10 bytes" in reason(first, 413)
    assert "more than 10 bytes" in reason(second, 413)
    assert third[0] == 200


def test_bodies_have_a_bound_together():
    slow = {"parts": [b"x" * 6, b""], "path": "/0.05"}
    answers = run(slow, slow, body_bytes=10, bodies_bytes=10)
    assert sorted(status for status, _ in answers) == [200, 503]


def test_requests_have_a_bound_but_for_a_supervisors():
    slow = {"path": "/0.05"}
    *answers, health = run(slow, slow, slow, {"path": "/healthz"}, requests=2)
    assert [status for status, _ in answers] == [200, 200, 503]
    assert "busy" in reason(answers[2], 503)
    assert health[0] == 200


def test_a_slow_body_and_a_slow_answer_end():
    trickle = {"parts": [b"x"] * 100, "pause": 0.01}
    late = {"path": "/5"}
    first, second = run(trickle, late, body_seconds=0.05, answer_seconds=0.1)
    assert "too slowly" in reason(first, 408)
    assert "no answer in time" in reason(second, 503)


def test_a_client_that_leaves_is_forgotten():
    async def left():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    sent, app = [], Admission(echo, Limits())
    scope = {"type": "http", "method": "POST", "path": "/0", "headers": []}
    asyncio.run(app(scope, left, send))
    assert sent[0]["status"] == 400
    assert app._requests == app._bytes == 0
