"""Inputs that are damaged or made to do harm, and how many of them a test gets.

A test gets a few, the same ones in every run. `FUZZ_EXAMPLES=10000` gives each test so many, drawn
anew in every run.
"""

import contextlib
import copy
import functools
import json
import os
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
FEW = 20
COUNTS: Counter[str] = Counter()  # test -> inputs that it got

HOSTILE = "<script>alert(1)</script>"
DEEP = "a place for nested lists"
NESTED = "[" * 5000 + "]" * 5000  # beyond what Python's JSON reads
LIMITS = (b"\0", b"\xff", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff" * 8, b"\0" * 8)
NUMBERS = (0, -1, 1, 2**31, 2**63, 10**40, 0.5, 1e308, float("nan"), float("inf"))
ODD = (*NUMBERS, None, True, "", HOSTILE, "\ud800", "\0", [], {}, [1, "a", None], {"a": {}}, DEEP)


def fuzz(*strategies, share: float = 1):
    """Gives a test inputs of these strategies; one that is slow takes a `share` of the number."""
    number = max(1, round(share * (EXAMPLES or FEW)))
    limits = settings(
        max_examples=number,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    return lambda test: limits(given(*strategies)(_counted(test)))


def _counted(test):
    @functools.wraps(test)
    def wrapper(*args, **kwargs):
        COUNTS[test.__name__] += 1
        return test(*args, **kwargs)

    return wrapper


@contextlib.contextmanager
def refused(kind: type[Exception]):
    """Lets a refusal of one line pass; whatever else is raised inside is a fault."""
    try:
        yield
    except kind as error:
        if "\n" in str(error):
            raise AssertionError("a refusal of several lines") from error


def damaged(*sound: bytes) -> st.SearchStrategy[bytes]:
    """One of the sound files with up to four places changed, or bytes of any kind."""
    kinds = st.sampled_from(("replace", "insert", "delete", "cut", "repeat"))
    pieces = st.sampled_from(LIMITS) | st.binary(min_size=1, max_size=8)
    edits = st.lists(st.tuples(kinds, st.floats(0, 1), pieces), min_size=1, max_size=4)
    changed = st.builds(_edited, st.sampled_from(sound), edits)
    return st.one_of(changed, changed, changed, st.binary(max_size=200))


def _edited(content: bytes, edits: list[tuple[str, float, bytes]]) -> bytes:
    for kind, where, piece in edits:
        at = int(where * len(content))
        end = at + len(piece)
        content = {
            "replace": content[:at] + piece + content[end:],
            "insert": content[:at] + piece + content[at:],
            "delete": content[:at] + content[end:],
            "cut": content[:at],
            "repeat": content[:end] + content[at:],
        }[kind]
    return content


def odd_json(*sound: dict) -> st.SearchStrategy[str]:
    """JSON of one of the sound values with up to three parts replaced by odd ones or left out."""
    values = st.sampled_from(ODD) | st.integers() | st.floats() | st.text(max_size=20)
    edits = st.lists(st.tuples(st.integers(0, 2**16), st.booleans(), values), max_size=3)
    return st.builds(_odd, st.sampled_from([json.dumps(value) for value in sound]), edits)


def one_odd_value(sound: dict) -> st.SearchStrategy[str]:
    """JSON of the sound value with one part replaced by one of `ODD`, or left out.

    None comes twice, so a test with examples enough gets them all.
    """
    places = st.integers(0, len(list(_places([sound]))) - 1)
    replaced = st.tuples(places, st.just(True), st.sampled_from(ODD))
    left_out = st.tuples(places, st.just(False), st.none())
    return st.builds(lambda edit: _odd(json.dumps(sound), [edit]), replaced | left_out)


def _odd(text: str, edits: list[tuple[int, bool, object]]) -> str:
    tree = [json.loads(text)]
    for number, replaced, value in edits:
        places = list(_places(tree))
        if places:
            holder, key = places[number % len(places)]
            if replaced or holder is tree:
                holder[key] = copy.deepcopy(value)
            else:
                del holder[key]
    return json.dumps(tree[0]).replace(json.dumps(DEEP), NESTED)


def _places(tree):
    """(holder, key) of every value in nested lists and objects."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        yield tree, key
        if isinstance(value, dict | list):
            yield from _places(value)
