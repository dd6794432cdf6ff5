"""Blocks of code on the documentation's pages."""

import pathlib
import re

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def block(page, language, word):
    """The one block of a language on a page of docs/ that holds a word."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(rf"```{language}\n(.*?)```", text, re.S)
    (found,) = [code for code in blocks if word in code]
    return found
