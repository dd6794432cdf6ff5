"""The endpoints that TensorFlow Serving has too."""

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tf_twostage.serving import protocol
from tf_twostage.serving.engine import Engine
from tf_twostage.serving.refusal import Refusal

PLACES = ("/v1/models/{name}", "/v1/models/{name}/versions/{version}")


class Rest:
    """One model under /v1/models.

    Args:
      engine: runs the model.
      name: the model's, in the paths.
    """

    def __init__(self, engine: Engine, name: str):
        self._engine, self._model, self._name = engine, engine.model, name

    @property
    def routes(self) -> list[Route]:
        """With the version in the path or without."""
        return [
            route
            for place in PLACES
            for route in (
                Route(place + ":{verb}", self.predict, methods=["POST"]),
                Route(place + "/metadata", self.metadata),
                Route(place, self.status),
            )
        ]

    async def predict(self, request: Request) -> Response:
        """Runs a signature."""
        self._check_place(request)
        verb = request.path_params["verb"]
        if verb != "predict":
            raise Refusal(400, f"the model has no signature to {verb} with: use :predict")
        body, signatures = await request.body(), self._model.signatures
        asked = await self._engine.in_helper(protocol.parse, body, signatures)
        outputs = await self._engine.run(asked.signature, asked.inputs)
        return _json(await self._engine.in_helper(protocol.answer, outputs, asked.format))

    async def status(self, request: Request) -> Response:
        """Whether the model can be used."""
        if ":" in request.path_params.get("version", request.path_params["name"]):
            raise HTTPException(405)  # GET ...:predict
        self._check_place(request)
        return _json(orjson.dumps(protocol.status(self._model)))

    async def metadata(self, request: Request) -> Response:
        """The model's signatures."""
        self._check_place(request)
        return _json(orjson.dumps(protocol.metadata(self._model, self._name)))

    def _check_place(self, request: Request) -> None:
        """Refuses another model or version."""
        name, own = request.path_params["name"], str(self._model.version)
        version = request.path_params.get("version", own)
        if (name, version) != (self._name, own):
            asked = f"Specific({name}, {version})" if version != own else f"Latest({name})"
            raise Refusal(
                404,
                f"Servable not found for request: {asked}: "
                f"this server has {self._name}, version {own}",
            )


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")
