"""TensorFlow Serving's REST: its JSON and ours, so that one client works with both servers.

https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import orjson

from tf_twostage.errors import InputError
from tf_twostage.serving.served_model import DEFAULT, ServedModel, Signature, Tensor

ROWS, COLUMNS = "instances", "inputs"  # the key of a request says its format
ANSWERS = {ROWS: "predictions", COLUMNS: "outputs"}
BYTES = "_bytes"  # an output whose name ends so is sent in base64


class Request(NamedTuple):
    """A :predict request."""

    signature: str
    inputs: dict[str, np.ndarray]
    format: str  # ROWS or COLUMNS


def parse(body: bytes, signatures: Mapping[str, Signature]) -> Request:
    """Reads a request.

    Rows: {"instances": [value, ...]}, or objects {name: value} with every input's name. Columns:
    {"inputs": value}, or {name: value}. Either has an optional "signature_name".

    Raises:
      InputError: says what is wrong with it.
    """
    document = _document(body)
    name = document.get("signature_name") or DEFAULT
    if not isinstance(name, str) or name not in signatures:
        known = ", ".join(sorted(signatures))
        raise InputError(f"Serving signature name: {name!r} not found: choose one of {known}")
    wanted, (format_,) = signatures[name].inputs, _formats(document)
    read = _rows if format_ == ROWS else _columns
    values = read(document[format_], wanted)
    return Request(name, {key: _array(key, values[key], wanted[key]) for key in wanted}, format_)


def _document(body: bytes) -> dict:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InputError(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f'the request must be a JSON object such as {{"{ROWS}": [...]}}')
    return document


def _formats(document: Mapping[str, Any]) -> list[str]:
    """The one format that a request is in."""
    found = [key for key in (ROWS, COLUMNS) if key in document]
    if len(found) != 1:
        raise InputError(f'a request must have one of the keys "{ROWS}" and "{COLUMNS}"')
    return found


def _rows(instances: Any, wanted: Mapping[str, Tensor]) -> dict[str, list]:
    """Name -> the values of all rows."""
    single = [name for name, tensor in wanted.items() if tensor.shape[:1] != (None,)]
    if single:
        raise InputError(f'{", ".join(single)} can\'t be given by row: use "{COLUMNS}"')
    if not isinstance(instances, list) or not instances:
        raise InputError(f'"{ROWS}" must be a list with one value or more')
    objects = [isinstance(row, dict) for row in instances]
    if not any(objects) and len(wanted) == 1:
        return {next(iter(wanted)): instances}
    for number, row in enumerate(instances):
        if not objects[number] or set(row) != set(wanted):
            raise InputError(f'"{ROWS}"[{number}] must be an object with keys {", ".join(wanted)}')
    return {name: [row[name] for row in instances] for name in wanted}


def _columns(inputs: Any, wanted: Mapping[str, Tensor]) -> dict[str, Any]:
    """Name -> value."""
    if not isinstance(inputs, dict):
        if len(wanted) == 1:
            return {next(iter(wanted)): inputs}
        raise InputError(f'"{COLUMNS}" must be an object with keys {", ".join(wanted)}')
    missing = [name for name in wanted if name not in inputs]
    if missing:
        raise InputError(f'Missing named input: {", ".join(missing)} in "{COLUMNS}"')
    return inputs


def _array(name: str, value: Any, wanted: Tensor) -> np.ndarray:
    """Nested lists of numbers as an array of the input's dtype."""
    try:
        array = np.asarray(value)
    except ValueError:
        raise InputError(f"{name} must be {wanted}: its lists differ in length") from None
    kinds = "iu" if np.issubdtype(wanted.dtype, np.integer) else "iuf"
    if array.size and array.dtype.kind not in kinds:
        raise InputError(f"{name} must be {wanted}, of JSON numbers")
    with np.errstate(over="ignore"):
        converted = array.astype(wanted.dtype)
    if not _lossless(array, converted):
        raise InputError(f"{name} must be {wanted}: a number is too large for it")
    return converted


def _lossless(array: np.ndarray, converted: np.ndarray) -> bool:
    if converted.dtype.kind == "f":
        return bool((np.isfinite(converted) == np.isfinite(array)).all())
    return bool((converted == array).all())


def answer(outputs: Mapping[str, np.ndarray], format_: str) -> bytes:
    """The JSON of a signature's outputs [N, ...]: of a single one its values, else by name."""
    values = {name: _jsonable(name, value) for name, value in outputs.items()}
    if len(values) == 1:
        (content,) = values.values()
    elif format_ == ROWS:
        content = [
            dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)
        ]
    else:
        content = values
    return orjson.dumps({ANSWERS[format_]: content}, option=orjson.OPT_SERIALIZE_NUMPY)


def _jsonable(name: str, value: np.ndarray):
    """Numbers as they are; bytes as text or, where the name says so, as {"b64": ...}."""
    if value.dtype != object:
        return np.ascontiguousarray(value)
    if name.endswith(BYTES):
        return [{"b64": base64.b64encode(one).decode("ascii")} for one in value]
    return [one.decode("utf-8", "replace") for one in value]


def status(model: ServedModel) -> dict:
    """What GET /v1/models/NAME says: GetModelStatusResponse."""
    version = {"version": str(model.version), "state": "AVAILABLE"}
    okay = {"error_code": "OK", "error_message": ""}
    return {"model_version_status": [version | {"status": okay}]}


def metadata(model: ServedModel, name: str) -> dict:
    """What GET /v1/models/NAME/metadata says: GetModelMetadataResponse."""
    spec = {"name": name, "signature_name": "", "version": str(model.version)}
    return {
        "model_spec": spec,
        "metadata": {"signature_def": {"signature_def": model.metadata}},
    }
