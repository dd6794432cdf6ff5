"""Joined requests: who meets whom, what each gets back, and whom a bad one harms."""

import asyncio

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs the extra `serve`")

from tf_twostage.errors import InputError
from tf_twostage.serving.batching import Batcher
from tf_twostage.serving.limits import Limits
from tf_twostage.serving.refusal import Refusal


class Doubling:
    """A model that doubles rows, and refuses calls with a row below 0."""

    def __init__(self):
        self.calls = []  # the number of rows of each

    async def __call__(self, rows):
        self.calls.append(len(rows))
        await asyncio.sleep(0.005)
        if (rows < 0).any():
            raise InputError("a row is negative")
        return {"doubled": 2 * rows, "negated": -rows}


def gather(model, requests, **limits):
    """What each request gets, or raises, when all come at once."""

    async def run():
        batcher = Batcher(model, asyncio.Lock(), Limits(**limits), observe=lambda *_: None)
        work = (batcher.run(np.full((rows, 2), value, np.float32)) for rows, value in requests)
        return await asyncio.gather(*work, return_exceptions=True)

    return asyncio.run(run())


def test_requests_are_joined_and_each_gets_its_own_rows():
    model = Doubling()
    answers = gather(model, [(2, 1), (3, 5), (0, 0), (1, 7)])
    assert model.calls == [6]
    for answer, (rows, value) in zip(answers, [(2, 1), (3, 5), (0, 0), (1, 7)], strict=True):
        np.testing.assert_array_equal(answer["doubled"], np.full((rows, 2), 2 * value))
        np.testing.assert_array_equal(answer["negated"], np.full((rows, 2), -value))


def test_a_call_is_bounded_and_a_long_request_is_cut():
    model = Doubling()
    answers = gather(model, [(3, 1), (9, 2), (2, 3)], batch_rows=4)
    assert max(model.calls) <= 4
    assert sum(model.calls) == 14
    assert [len(answer["doubled"]) for answer in answers] == [3, 9, 2]
    assert (answers[1]["doubled"] == 4).all()


def test_bad_rows_fail_their_own_request_alone():
    answers = gather(Doubling(), [(2, 1), (2, -1), (2, 3)])
    assert isinstance(answers[1], InputError)
    assert (answers[0]["doubled"] == 2).all()
    assert (answers[2]["doubled"] == 6).all()


def test_too_many_waiting_rows_are_refused():
    answers = gather(Doubling(), [(6, 1), (6, 2), (6, 3)], waiting_rows=12)
    assert (answers[1]["doubled"] == 4).all()
    assert isinstance(answers[2], Refusal)
    assert answers[2].status == 429
    assert answers[2].headers["Retry-After"]


def test_a_request_that_is_given_up_is_not_computed():
    model = Doubling()

    async def run():
        batcher = Batcher(model, asyncio.Lock(), Limits(), observe=lambda *_: None)
        given_up = asyncio.create_task(batcher.run(np.zeros((5, 2), np.float32)))
        kept = asyncio.create_task(batcher.run(np.ones((1, 2), np.float32)))
        await asyncio.sleep(0)
        given_up.cancel()
        return await kept

    assert (asyncio.run(run())["doubled"] == 2).all()
    assert model.calls == [1]


def test_requests_that_come_while_the_model_works_are_joined_next():
    model = Doubling()

    async def run():
        batcher = Batcher(model, asyncio.Lock(), Limits(join_seconds=1e-4), lambda *_: None)
        first = asyncio.create_task(batcher.run(np.ones((1, 2), np.float32)))
        await asyncio.sleep(0.003)  # the model works on the first
        others = (batcher.run(np.ones((1, 2), np.float32)) for _ in range(5))
        await asyncio.gather(first, *others)

    asyncio.run(run())
    assert model.calls == [1, 5]
