"""uvicorn's HTTP connection, with an end to the patience that it has with slow clients."""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.h11_impl import H11Protocol

from tf_twostage.serving import refusal
from tf_twostage.serving.limits import Limits


class BoundedConnection(H11Protocol):
    """Closes a connection whose client sends no head, or reads no answer, in time.

    One beyond `limits.connections` is told so and closed. What is no HTTP gets a JSON line.
    """

    limits: Limits  # set by `bounded`

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._surplus = len(self.connections) > self.limits.connections
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._start("head", self.limits.head_seconds)

    def data_received(self, data: bytes) -> None:
        if self._surplus:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections: come again later")
        else:
            super().data_received(data)

    def handle_events(self) -> None:
        former = self.cycle
        super().handle_events()
        if self.cycle is not former:  # a head is here
            self._stop("head")

    def on_response_complete(self) -> None:
        self._start("head", self.limits.head_seconds)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start("read", self.limits.read_seconds)

    def resume_writing(self) -> None:
        self._stop("read")
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        for name in list(self._timers):
            self._stop(name)
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, f"{msg.rstrip('.')}: send HTTP/1.1")

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        content = refusal.body(message)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(content)}\r\nretry-after: 1\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + content)
        self.transport.close()

    def _start(self, name: str, seconds: float) -> None:
        self._stop(name)
        self._timers[name] = self.loop.call_later(seconds, self.transport.abort)

    def _stop(self, name: str) -> None:
        if name in self._timers:
            self._timers.pop(name).cancel()


def bounded(limits: Limits) -> type[BoundedConnection]:
    """The class of connections with these limits, for `uvicorn.Config(http=...)`."""
    return type("Connection", (BoundedConnection,), {"limits": limits})
