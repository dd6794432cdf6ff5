"""Lets requests in: as many as can be worked on, none too large, none too slow."""

import asyncio
from collections.abc import Awaitable, Callable

from tf_twostage.serving.limits import Limits
from tf_twostage.serving.refusal import RETRY, Refusal

ALWAYS = ("/healthz", "/readyz", "/metrics")  # answered however busy the server is
CLOSE = {"Connection": "close"}


class Admission:
    """An ASGI app behind a door: it sees a request once its whole body is here.

    Refused are, each with one JSON line: a request beyond `limits.requests` or whose body does
    not fit beside those of others (503), a body that is too large (413) or too slow (408), and
    one that is not answered in time (503).

    Args:
      app: the app.
      limits: of the server.
    """

    def __init__(self, app, limits: Limits):
        self._app, self._limits = app, limits
        self._requests = 0
        self._bytes = 0  # of the bodies that are held

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http" or scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        self._requests += 1
        try:
            await self._admit(scope, receive, answer)
        except Refusal as refusal:
            await answer.refuse(refusal, scope, receive)
        finally:
            self._requests -= 1

    async def _admit(self, scope, receive, answer: "_Answer") -> None:
        if self._requests > self._limits.requests:
            raise Refusal(503, "the server is busy: ask again in a second", RETRY)
        self._check_size(_announced(scope))
        body = bytearray()
        try:
            slow = Refusal(408, "the request's body came too slowly: send it again", CLOSE)
            await _within(self._limits.body_seconds, self._read(receive, body), slow)
            late = "no answer in time: ask again, or for less"
            handled = self._app(scope, _replay(bytes(body), receive), answer.send)
            await _within(self._limits.answer_seconds, handled, Refusal(503, late, RETRY))
        finally:
            self._bytes -= len(body)

    async def _read(self, receive, body: bytearray) -> None:
        """Adds the whole body to `body`."""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refusal(400, "the client left before its request was whole")
            part = message.get("body", b"")
            self._check_size(len(body) + len(part))
            if self._bytes + len(part) > self._limits.bodies_bytes:
                raise Refusal(503, "the server holds too much: ask again in a second", RETRY)
            body += part
            self._bytes += len(part)
            more = message.get("more_body", False)

    def _check_size(self, size: int) -> None:
        most = self._limits.body_bytes
        if size > most:
            raise Refusal(
                413, f"the body has more than {most:,} bytes: send fewer, or smaller, images"
            )


class _Answer:
    """`send`, which remembers whether an answer has begun."""

    def __init__(self, send: Callable):
        self._send = send
        self._begun = False

    async def send(self, message) -> None:
        self._begun = True
        await self._send(message)

    async def refuse(self, refusal: Refusal, scope, receive) -> None:
        """Sends the refusal, unless half an answer is out."""
        if not self._begun:
            await refusal.response(scope, receive, self._send)


def _announced(scope) -> int:
    """The Content-Length; 0 where there is none."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else 0


async def _within(seconds: float, work: Awaitable, refusal: Refusal) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except (asyncio.TimeoutError, TimeoutError):
        raise refusal from None


def _replay(body: bytes, receive: Callable) -> Callable:
    """A `receive` that gives this body first."""
    whole = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay():
        return whole.pop() if whole else await receive()

    return replay
