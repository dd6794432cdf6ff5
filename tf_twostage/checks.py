"""Checks of values from outside, before a dataclass takes them."""

import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence

from tf_twostage.errors import InputError

WORDS = {int: "an integer", float: "a number", bool: "True or False", str: "a word"}
MOST = 2**63  # beyond every integer that is meant
KINDS = {int: numbers.Integral, float: numbers.Real, bool: bool, str: str}


def check_fields(
    kind: type,
    values: Mapping,
    choices: Mapping[str, tuple],
    least: Mapping[str, float],
    own: Sequence[str] = (),
) -> None:
    """Checks values by the types of a dataclass's fields.

    Args:
      kind: a dataclass whose fields are int, float, bool or str.
      values: name of a field -> its value.
      choices: name of a field -> the values that it may have.
      least: name of a field -> its least value; by default 1 for an int, 0 for a float.
      own: names of the fields that may name a function of the user's instead.

    Raises:
      InputError: a value is not of its field's type, not finite, too small, or no choice.
    """
    types = {field.name: field.type for field in dataclasses.fields(kind)}
    for name, value in values.items():
        type_ = types[name]
        if not isinstance(value, KINDS[type_]) or (type_ is not bool and isinstance(value, bool)):
            raise InputError(f"{name} must be {WORDS[type_]}, not {value!r}")
        if name in choices and value not in choices[name]:
            allowed = ", ".join(choices[name])
            allowed += ", or your own package.module:function" if name in own else ""
            raise InputError(f"unknown {name} {value!r}: choose one of {allowed}")
        if type_ in (int, float):
            _check_number(name, value, least.get(name, 1 if type_ is int else 0))


def _check_number(name: str, value: float, least: float) -> None:
    beyond = isinstance(value, int) and abs(value) >= MOST  # which no float may hold
    if beyond or not (math.isfinite(value) and value >= least):
        bound = f" >= {least}" if math.isfinite(least) else ""
        shown = "one of so many digits" if beyond else value
        raise InputError(f"{name} must be a finite number{bound}, not {shown}")
