"""Runs a model's signatures for many requests at once, one call of the model at a time."""

import asyncio
import functools
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from tf_twostage.serving.batching import Batcher, Outputs
from tf_twostage.serving.limits import Limits
from tf_twostage.serving.refusal import Refusal
from tf_twostage.serving.served_model import DEFAULT, ServedModel
from tf_twostage.serving.telemetry import Telemetry

JOINED = ("decode", "encode", "reconstruct")  # those whose rows do not depend on each other
HELPERS = 2  # threads that parse, decode and encode while the model works

T = TypeVar("T")


class Engine:
    """What endpoints ask.

    Args:
      model: the model.
      limits: of the server.
      telemetry: is told of every call.
    """

    def __init__(self, model: ServedModel, limits: Limits, telemetry: Telemetry):
        self.model, self.limits = model, limits
        self._telemetry = telemetry
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "model")
        self._helpers = ThreadPoolExecutor(HELPERS, "helper")
        names = [name for name in JOINED if name in model.signatures]
        self._batchers = {name: self._batcher(name) for name in names}
        first = "generate" if "generate" in model.signatures else "generate_stage1"
        self._by_latents = {DEFAULT, first}  # those that decode what `generate_latents` draws

    def _batcher(self, name: str) -> Batcher:
        (key,) = self.model.signatures[name].inputs
        observe = functools.partial(self._telemetry.observe_batch, name)
        return Batcher(lambda rows: self._call(name, {key: rows}), self._lock, self.limits, observe)

    async def run(self, name: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        """The outputs of a signature, in company of other requests where that is possible.

        Raises:
          InputError: bad inputs.
          Refusal: more than one answer may hold; too many wait.
        """
        inputs = self.model.checked(name, inputs)
        self._check_size(inputs)
        if name in self._by_latents:
            name, inputs = "decode", await self._alone("generate_latents", inputs)
        if name in self._batchers:
            (rows,) = inputs.values()
            return await self._batchers[name].run(rows)
        return await self._alone(name, inputs)

    async def in_helper(self, function: Callable[..., T], *arguments) -> T:
        """`function(*arguments)` in a thread, so that others are served meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._helpers, function, *arguments)

    def close(self) -> None:
        """Ends the threads, once they have finished what they do."""
        for pool in (self._thread, self._helpers):
            pool.shutdown(wait=True, cancel_futures=True)

    async def _alone(self, name: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        async with self._lock:
            return await self._call(name, inputs)

    async def _call(self, name: str, inputs: Mapping[str, np.ndarray]) -> Outputs:
        loop = asyncio.get_running_loop()
        with self._telemetry.timed_call(name):
            return await loop.run_in_executor(self._thread, self.model.call, name, inputs)

    def _check_size(self, inputs: Mapping[str, np.ndarray]) -> None:
        most, asked = self.limits.images(self.model.image_shape), _images(inputs)
        if asked > most:
            raise Refusal(400, f"{asked} images in one request: ask for at most {most} at a time")


def _images(inputs: Mapping[str, np.ndarray]) -> int:
    """How many images these inputs of a signature ask for: N, count, or N x steps."""
    sizes = [len(value) for value in inputs.values() if value.ndim > 1][:1]
    numbers = [int(value) for value in inputs.values() if value.ndim == 0]
    return math.prod([*sizes, *numbers])
