"""Joins rows that wait for the same signature into one call of the model."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import numpy as np

from tf_twostage.serving.limits import Limits
from tf_twostage.serving.refusal import RETRY, Refusal

Outputs = dict[str, np.ndarray]  # name -> [N, ...]


class _Waiting(NamedTuple):
    rows: np.ndarray
    outputs: asyncio.Future


class Batcher:
    """Calls the model with the rows of several requests at once, and gives each its own back.

    A request waits `join_seconds` for others. It also waits while the model works, and more join
    it then. A call has at most `batch_rows` rows: a longer request is cut, and its parts may meet
    the rows of others. Where a joined call fails, each request is called alone, so that one with
    bad rows fails no other.

    Args:
      call: rows [N, ...] -> outputs of N rows each.
      model: held during a call; batchers of one model share it.
      limits: of the server.
      observe: is told the number of requests and of rows of each call.
    """

    def __init__(
        self,
        call: Callable[[np.ndarray], Awaitable[Outputs]],
        model: asyncio.Lock,
        limits: Limits,
        observe: Callable[[int, int], None],
    ):
        self._call, self._model, self._limits, self._observe = call, model, limits, observe
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task | None = None

    async def run(self, rows: np.ndarray) -> Outputs:
        """The model's outputs for these rows.

        Raises:
          Refusal: too many rows wait already.
        """
        if self._waiting and self._count() + len(rows) > self._limits.waiting_rows:
            raise Refusal(429, "too many rows wait for the model: ask again in a second", RETRY)
        size = self._limits.batch_rows
        starts = range(0, max(1, len(rows)), size)
        parts = await asyncio.gather(*(self._join(rows[start : start + size]) for start in starts))
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _count(self) -> int:
        return sum(len(one.rows) for one in self._waiting)

    def _join(self, rows: np.ndarray) -> asyncio.Future:
        """Puts rows in the queue; their outputs come."""
        one = _Waiting(rows, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return one.outputs

    async def _work(self) -> None:
        """Answers requests until none waits."""
        while self._waiting:
            if self._count() < self._limits.batch_rows:
                await asyncio.sleep(self._limits.join_seconds)
            async with self._model:
                await self._answer(self._take())

    def _take(self) -> list[_Waiting]:
        """The next requests whose rows fit into one call; those given up are left out."""
        taken, rows = [], 0
        while self._waiting:
            rows += len(self._waiting[0].rows)
            if taken and rows > self._limits.batch_rows:
                break
            taken.append(self._waiting.popleft())
        return [one for one in taken if not one.outputs.done()]

    async def _answer(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        rows = np.concatenate([one.rows for one in batch])
        self._observe(len(batch), len(rows))
        try:
            outputs = await self._call(rows)
        except Exception as error:
            await self._answer_each(batch, error)
        else:
            _give_out(batch, outputs)

    async def _answer_each(self, batch: list[_Waiting], error: Exception) -> None:
        """After a call that failed: each request alone; the only one is told why."""
        if len(batch) > 1:
            for one in batch:
                await self._answer([one])
        elif not batch[0].outputs.done():
            batch[0].outputs.set_exception(error)


def _give_out(batch: list[_Waiting], outputs: Outputs) -> None:
    """Cuts the outputs of a call into those of each request."""
    start = 0
    for one in batch:
        stop = start + len(one.rows)
        if not one.outputs.done():
            one.outputs.set_result({name: value[start:stop] for name, value in outputs.items()})
        start = stop
