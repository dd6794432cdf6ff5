"""Markdown with text that comes from outside: names of folders, a stranger's config.json."""

from typing import Any

# What ends a code span or a cell, starts HTML or a link, or would escape that.
_MARKS = str.maketrans(dict.fromkeys("`|<>[]\\\r\n", "?"))


def plain(value: Any) -> Any:
    """The value with `?` for every character that Markdown could take for more than text.

    Args:
      value: a string; or lists, tuples and dicts of them, keys included. Others stay.
    """
    if isinstance(value, str):
        return value.translate(_MARKS)
    if isinstance(value, dict):
        return {plain(key): plain(part) for key, part in value.items()}
    return type(value)(map(plain, value)) if isinstance(value, list | tuple) else value
