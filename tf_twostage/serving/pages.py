"""The endpoints for people: the page, and the pictures on it."""

import math
import pathlib

import numpy as np
import orjson
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from tf_twostage.errors import InputError
from tf_twostage.serving import about, pictures, protocol
from tf_twostage.serving.engine import Engine
from tf_twostage.serving.refusal import Refusal
from tf_twostage.serving.served_model import DEFAULT

PAGE = pathlib.Path(__file__).with_name("page.html")
MOST_SEED = 2**31 - 1
# The page needs nothing from elsewhere, so a browser may refuse whatever comes from there.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:;"
    " script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
}


class Pages:
    """The page at /, and pictures.

    Args:
      engine: runs the model.
      name: the model's.
    """

    def __init__(self, engine: Engine, name: str):
        self._engine, self._model, self._name = engine, engine.model, name
        self._page = PAGE.read_bytes()

    @property
    def routes(self) -> list[Route]:
        """What they are."""
        return [
            Route("/", self.page),
            Route("/about", self.about),
            Route("/samples", self.samples),
            Route("/decode", self.decode, methods=["POST"]),
            Route("/encode", self.encode, methods=["POST"]),
            Route("/reconstruct", self.reconstruct, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        """The page."""
        return HTMLResponse(self._page, headers=HEADERS)

    async def about(self, request: Request) -> Response:
        """What the page must know of the model, as JSON."""
        return JSONResponse(about.describe(self._model, self._name, self._engine.limits))

    async def samples(self, request: Request) -> Response:
        """?count=16&seed=7&stage=2 -> a PNG grid of samples; stage 1: without the second VAE."""
        _check_parameters(request, "count", "seed", "stage")
        most = about.pictured(self._model, self._engine.limits)
        count = _integer(request, "count", min(16, most), 1, most)
        seed = _integer(request, "seed", 0, 0, MOST_SEED)
        inputs = {"count": np.array(count, np.int32), "seed": np.array([seed, 0], np.int32)}
        outputs = await self._engine.run(self._sampler(request), inputs)
        return await self._png(pictures.grid, outputs["images"], math.ceil(math.sqrt(count)))

    def _sampler(self, request: Request) -> str:
        """The signature that samples with the stages that are asked for."""
        stages = about.stages(self._model)
        stage = _integer(request, "stage", stages[-1], stages[0], stages[-1])
        return DEFAULT if stage == stages[-1] else "generate_stage1"

    async def decode(self, request: Request) -> Response:
        """{"instances": [latents, ...]} -> their images side by side, a PNG."""
        signatures = {DEFAULT: self._model.signatures["decode"]}
        asked = await self._engine.in_helper(protocol.parse, await request.body(), signatures)
        inputs = self._model.checked("decode", asked.inputs)
        most = about.pictured(self._model, self._engine.limits)
        if len(inputs["latents"]) > most:
            raise InputError(f"a picture has at most {most} images: decode fewer at a time")
        outputs = await self._engine.run("decode", inputs)
        return await self._png(pictures.strip, outputs["images"])

    async def encode(self, request: Request) -> Response:
        """An uploaded image -> {"mean": [kappa], "stddev": [kappa]} of q(z|x)."""
        posterior = await self._engine.run(*await self._upload(request, "encode"))
        first = {name: value[0] for name, value in posterior.items()}
        content = orjson.dumps(first, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(content, media_type="application/json")

    async def reconstruct(self, request: Request) -> Response:
        """An uploaded image -> as the model sees it, and its reconstruction: a PNG of both."""
        name, inputs = await self._upload(request, "reconstruct")
        outputs = await self._engine.run(name, inputs)
        both = np.concatenate([inputs["images"], outputs["images"]])
        return await self._png(pictures.strip, both)

    async def _upload(self, request: Request, signature: str) -> tuple[str, dict[str, np.ndarray]]:
        """The signature, and the image that the request holds as its inputs."""
        if signature not in self._model.signatures:
            raise Refusal(404, f"this model can't {signature}: it has no encoder")
        image = await self._engine.in_helper(
            pictures.uploaded,
            await _file(request),
            self._model.image_shape,
            self._engine.limits.image_pixels,
        )
        return signature, {"images": image}

    async def _png(self, draw, images: np.ndarray, *arguments) -> Response:
        content = await self._engine.in_helper(draw, images, *arguments)
        return Response(content, media_type="image/png")


async def _file(request: Request) -> bytes:
    """The bytes of the image: the body, or the file in a multipart form."""
    if not request.headers.get("content-type", "").startswith("multipart/"):
        content = await request.body()
    else:
        async with request.form(max_files=1, max_fields=8) as form:
            files = [part for part in form.values() if isinstance(part, UploadFile)]
            content = await files[0].read() if files else b""
    if not content:
        raise InputError("no image: send the file as the body, or in a multipart form")
    return content


def _check_parameters(request: Request, *known: str) -> None:
    for name in request.query_params:
        if name not in known:
            raise InputError(f"unknown parameter {name!r}: choose from {', '.join(known)}")


def _integer(request: Request, name: str, default: int, least: int, most: int) -> int:
    """A query parameter in least..most."""
    text = request.query_params.get(name, str(default))
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise InputError(f"{name} must be an integer in {least}..{most}, not {text!r}")
    return value
