"""TensorFlow Serving's JSON, with the examples of its own documentation."""

import json

import numpy as np
import pytest
from loading import message

pytest.importorskip("starlette", reason="needs the extra `serve`")

from signature_cases import FLOAT, INT, SIGNATURES

from tf_twostage.serving import protocol

BY_ROW = {"instances": [{"signal": [1, 2, 3], "tag": 4}, {"signal": [5, 6, 7], "tag": 8}]}
BY_COLUMN = {"inputs": {"signal": [[1, 2, 3], [5, 6, 7]], "tag": [4, 8]}}


def parsed(document):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return protocol.parse(content, SIGNATURES)


def test_one_input_goes_without_its_name():
    for document in ({"instances": [1.0, 2.0, 5.0]}, {"inputs": [1.0, 2, 5]}):
        request = parsed(document)
        assert request.signature == "serving_default"
        assert request.inputs["x"].dtype == FLOAT
        np.testing.assert_array_equal(request.inputs["x"], [1, 2, 5])
    for document in ({"instances": [{"x": 1.5}]}, {"inputs": {"x": [1.5]}}):
        np.testing.assert_array_equal(parsed(document).inputs["x"], [1.5])


def test_rows_and_columns_say_the_same():
    rows, columns = (parsed({"signature_name": "two", **kind}) for kind in (BY_ROW, BY_COLUMN))
    assert (rows.format, columns.format) == ("instances", "inputs")
    for request in (rows, columns):
        assert request.inputs["tag"].dtype == INT
        np.testing.assert_array_equal(request.inputs["tag"], [4, 8])
        np.testing.assert_array_equal(request.inputs["signal"], [[1, 2, 3], [5, 6, 7]])


REFUSED = {
    "JSON Parse error": b"{",
    "must be a JSON object": b"[1]",
    'one of the keys "instances" and "inputs"': {"instances": [1], "inputs": [1]},
    'the keys "instances"': {"signature_name": "two"},
    "'three' not found: choose one of count": {"signature_name": "three", "inputs": [1]},
    "list with one value or more": {"instances": []},
    '"instances"[1] must be an object with keys signal, tag': {
        "signature_name": "two",
        "instances": [BY_ROW["instances"][0], [1]],
    },
    'object with keys signal, tag"': {"signature_name": "two", "inputs": [1]},
    "Missing named input: tag": {"signature_name": "two", "inputs": {"signal": [[1, 2, 3]]}},
    'count, seed can\'t be given by row: use "inputs"': {
        "signature_name": "count",
        "instances": [{"count": 1, "seed": [1, 0]}],
    },
    "its lists differ in length": {"instances": [[1, 2], [3]]},
    "x must be float32 [N], of JSON numbers": {"instances": ["1"]},
    "count must be int32 [], of JSON numbers": {
        "signature_name": "count",
        "inputs": {"count": 1.5, "seed": [1, 0]},
    },
    "seed must be int32 [2]: a number is too large": {
        "signature_name": "count",
        "inputs": {"count": 1, "seed": [2**31, 0]},
    },
    "a number is too large for it": {"instances": [1e39]},
}


@pytest.mark.parametrize("reason", REFUSED)
def test_refusals_say_why(reason):
    assert reason.rstrip('"') in message(parsed, REFUSED[reason])


@pytest.mark.parametrize("value", [None, True, {"b64": "AAAA"}, {"a": 1}, [[[[1]]], 2], 10**40])
def test_what_is_no_number_is_refused(value):
    assert "x" in message(parsed, {"inputs": {"x": [value]}})


def test_deep_nesting_is_refused_as_json():
    assert "JSON Parse error" in message(parsed, b'{"inputs":' + b"[" * 100_000)


def test_answers_as_tensorflow_serving_gives_them():
    one = {"y": np.array([3.5, 0.1, 4.0], np.float32)}
    assert protocol.answer(one, "instances") == b'{"predictions":[3.5,0.1,4.0]}'
    assert protocol.answer(one, "inputs") == b'{"outputs":[3.5,0.1,4.0]}'
    two = one | {"n": np.array([1, 2, 3], np.int32)}
    rows = [{"y": 3.5, "n": 1}, {"y": 0.1, "n": 2}, {"y": 4.0, "n": 3}]
    assert json.loads(protocol.answer(two, "instances")) == {"predictions": rows}
    columns = {"y": [3.5, 0.1, 4.0], "n": [1, 2, 3]}
    assert json.loads(protocol.answer(two, "inputs")) == {"outputs": columns}


def test_bytes_are_sent_in_base64_where_the_name_says_so():
    values = np.array([b"\x89PNG", b"ab"], object)
    coded = json.loads(protocol.answer({"png_bytes": values}, "inputs"))
    assert coded == {"outputs": [{"b64": "iVBORw=="}, {"b64": "YWI="}]}
    plain = json.loads(protocol.answer({"word": values[1:]}, "instances"))
    assert plain == {"predictions": ["ab"]}


def test_float32_comes_back_as_it_was():
    values = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    text = protocol.answer({"y": values}, "inputs")
    np.testing.assert_array_equal(np.array(json.loads(text)["outputs"], np.float32), values)
