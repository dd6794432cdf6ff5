"""Blocks of code on the documentation's pages, and commands within their sentences."""

import pathlib
import re
from typing import NamedTuple

ROOT = pathlib.Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/*.md", "*/README.md")
    for path in ROOT.glob(pattern)
)

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.S | re.M)
_COMMAND = re.compile(r"`((?:python|pip|pytest|twostage-vae|ttur-fid) [^`]+)`")
_NAMED = re.compile(r'\bblock\("([^"]+)", "(\w*)", "([^"]+)"\)')


class Block(NamedTuple):
    """A piece of code on a page."""

    page: str  # relative to the root of the repository
    line: int  # of its first line of code, counted from 1
    language: str  # as the page names it: "python", "sh", "bibtex", or "" for plain text
    code: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    text = _text(page)
    return [
        Block(page, text.count("\n", 0, found.start(2)) + 1, *found.groups())
        for found in _BLOCK.finditer(text)
    ]


def commands(page: str) -> list[Block]:
    """The commands that stand within a page's sentences, `like this`."""
    text = _BLOCK.sub(lambda found: "\n" * found.group().count("\n"), _text(page))
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, "sh", " ".join(found[1].split()))
        for found in _COMMAND.finditer(text)
    ]


def block(page: str, language: str, word: str) -> Block:
    """The one block of a language on a page that holds a word; a test that asks for it tests it."""
    (found,) = [one for one in blocks(page) if one.language == language and word in one.code]
    return found


def named_by_tests() -> set[Block]:
    """The blocks that tests ask `block` for."""
    tests = (path.read_text(encoding="utf-8") for path in ROOT.glob("tests/**/test_*.py"))
    return {block(*found) for text in tests for found in _NAMED.findall(text)}


def _text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")
