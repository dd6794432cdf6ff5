"""Requests to the server from strangers."""

import json

import pytest
from fuzzing import damaged, fuzz, odd_json, refused

pytest.importorskip("starlette", reason="needs the extra `serve`")

from signature_cases import SIGNATURES

from tf_twostage.errors import InputError
from tf_twostage.serving import protocol

SOUND = (
    {"instances": [1.0, 2.0, 5.0]},
    {"signature_name": "two", "instances": [{"signal": [1, 2, 3], "tag": 4}]},
    {"signature_name": "two", "inputs": {"signal": [[1, 2, 3], [5, 6, 7]], "tag": [4, 8]}},
    {"signature_name": "count", "inputs": {"count": 3, "seed": [0, 0]}},
)
BODIES = odd_json(*SOUND).map(lambda text: text.encode("utf-8", "surrogatepass"))


@fuzz(BODIES | damaged(*(json.dumps(document).encode() for document in SOUND)), share=4)
def test_requests(body):
    with refused(InputError):
        request = protocol.parse(body, SIGNATURES)
        for name, value in request.inputs.items():
            assert value.dtype == SIGNATURES[request.signature].inputs[name].dtype
