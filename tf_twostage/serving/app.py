"""The whole server as an ASGI app."""

import asyncio
import contextlib

import numpy as np
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tf_twostage.errors import InputError
from tf_twostage.serving.admission import Admission
from tf_twostage.serving.engine import Engine
from tf_twostage.serving.limits import Limits
from tf_twostage.serving.pages import Pages
from tf_twostage.serving.refusal import RETRY, Refusal, error_response
from tf_twostage.serving.rest import Rest
from tf_twostage.serving.served_model import ServedModel
from tf_twostage.serving.telemetry import Measured, Telemetry

READY_SECONDS = 2.0  # in which a model that is ready decodes a row
ADVICE = {404: "see / for what there is", 405: "use another method"}


def make_app(model: ServedModel, name: str, limits: Limits) -> Measured:
    """The app.

    Args:
      model: what is served.
      name: under which, in the paths /v1/models/NAME.
      limits: what a client may ask.
    """
    telemetry = Telemetry()
    engine = Engine(model, limits, telemetry)
    health = _Health(engine, telemetry)

    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield
        engine.close()

    app = Starlette(
        routes=[*Rest(engine, name).routes, *Pages(engine, name).routes, *health.routes],
        exception_handlers=HANDLERS,
        lifespan=lifespan,
    )
    return Measured(Admission(app, limits), telemetry)


class _Health:
    """What a supervisor asks."""

    def __init__(self, engine: Engine, telemetry: Telemetry):
        self._engine, self._telemetry = engine, telemetry

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.metrics),
        ]

    async def healthz(self, request: Request) -> Response:
        """Whether the process answers at all."""
        return PlainTextResponse("ok\n")

    async def readyz(self, request: Request) -> Response:
        """Whether the model answers, and soon."""
        row = {"latents": np.zeros((1, self._engine.model.kappa), np.float32)}
        try:
            await asyncio.wait_for(self._engine.run("decode", row), READY_SECONDS)
        except (asyncio.TimeoutError, TimeoutError):
            raise Refusal(503, "the model is busy: ask again in a second", RETRY) from None
        return PlainTextResponse("ready\n")

    async def metrics(self, request: Request) -> Response:
        """All counts and times."""
        return Response(self._telemetry.text(), media_type=CONTENT_TYPE_LATEST)


def _refused(request: Request, error: Refusal) -> Response:
    return error.response


def _bad_input(request: Request, error: InputError) -> Response:
    return error_response(400, str(error))


def _http_error(request: Request, error: HTTPException) -> Response:
    what = f"{request.method} {request.url.path}: {error.detail}"
    message = f"{what}: {ADVICE.get(error.status_code, 'mend the request')}"
    return error_response(error.status_code, message, error.headers)


def _fault(request: Request, error: Exception) -> Response:
    """A fault of ours: the client gets no traceback, and the log gets it from uvicorn."""
    return error_response(500, "a fault of the server, which its log tells: ask for something else")


HANDLERS = {
    Refusal: _refused,
    InputError: _bad_input,
    HTTPException: _http_error,
    Exception: _fault,
}
