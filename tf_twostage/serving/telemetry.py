"""What the server counts and times, in Prometheus' text format."""

import contextlib
import time
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Telemetry:
    """The metrics of one server, in a registry of its own."""

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter(
            "twostage_requests_total",
            "Requests, by endpoint and HTTP status.",
            ("endpoint", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "twostage_request_seconds",
            "Seconds from a request's head to its whole answer.",
            ("endpoint",),
            buckets=SECONDS,
            registry=registry,
        )
        self.in_flight = Gauge(
            "twostage_requests_in_flight", "Requests that are worked on.", registry=registry
        )
        self._call_seconds = Histogram(
            "twostage_model_seconds",
            "Seconds of a call of the model, by signature.",
            ("signature",),
            buckets=SECONDS,
            registry=registry,
        )
        self._batch_requests = Histogram(
            "twostage_batch_requests",
            "Requests joined in a call of the model.",
            ("signature",),
            buckets=SIZES,
            registry=registry,
        )
        self._batch_rows = Histogram(
            "twostage_batch_rows",
            "Rows in a joined call of the model.",
            ("signature",),
            buckets=SIZES,
            registry=registry,
        )

    def observe_request(self, endpoint: str, status: int, seconds: float) -> None:
        """Notes a request that is over; status 0: its client left before the answer."""
        self._requests.labels(endpoint, status).inc()
        self._seconds.labels(endpoint).observe(seconds)

    def observe_batch(self, signature: str, requests: int, rows: int) -> None:
        """Notes a joined call."""
        self._batch_requests.labels(signature).observe(requests)
        self._batch_rows.labels(signature).observe(rows)

    @contextlib.contextmanager
    def timed_call(self, signature: str) -> Iterator[None]:
        """Times a call of the model."""
        with self._call_seconds.labels(signature).time():
            yield

    def text(self) -> bytes:
        """All metrics, for Prometheus."""
        return generate_latest(self._registry)


class Measured:
    """An ASGI app, measured.

    Args:
      app: the app.
      telemetry: where its requests are counted.
    """

    def __init__(self, app, telemetry: Telemetry):
        self._app, self._telemetry = app, telemetry

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, statuses = time.perf_counter(), [0]

        async def note_status(message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            await send(message)

        try:
            with self._telemetry.in_flight.track_inprogress():
                await self._app(scope, receive, note_status)
        finally:
            # Not the path: those are the clients', and there is no end of them.
            endpoint = getattr(scope.get("endpoint"), "__name__", "none")
            seconds = time.perf_counter() - start
            self._telemetry.observe_request(endpoint, statuses[-1], seconds)
