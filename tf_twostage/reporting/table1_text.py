"""Table 1 as Markdown, CSV and JSON."""

import csv
import dataclasses
import io
import json

from tf_twostage import recipes, table1_values
from tf_twostage.reporting.markdown import plain

NAMES = {
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "celeba": "CelebA",
}
PROTOCOLS = {
    "table1": "`table1`: each sample stretched to its own min..max, as the authors scored",
    "plain": "`plain`: samples as they are",
}
NONE = "–"


def markdown(tables) -> str:
    """The tables of `table1.aggregate` (`table1.Table`s), and what the paper cites, once."""
    return "\n".join([*map(_one, tables), *_cited(), ""])


def _cited() -> list[str]:
    names = [NAMES[name] for name in recipes.PAPER_DATASETS]
    rows = table1_values.CITED.items()
    lines = [_line(row, *(_paper(value) for value in values)) for row, values in rows]
    head = [_line("", *names), _line("---", *["---"] * len(names))]
    return ["# Models of others, as the paper cites them", "", *head, *lines]


def _one(table) -> str:
    recipe, network = plain(table.recipe), plain(table.network)
    title = f"# Table 1: recipe `{recipe}`, network `{network}`"
    changes = ", ".join(f"`--{plain(k)}={plain(str(v))}`" for k, v in table.changes.items())
    notes: list[str] = []
    facts = (
        f"FID at {table.dims} dimensions, Inception graph `{table.inception_git_blob[:12]}`"
        + (f", changed: {changes}" if changes else "")
        + ". Mean ± standard deviation over (n) trials | the paper's."
    )
    parts = [title, "", facts, ""]
    for protocol, words in PROTOCOLS.items():
        parts += [f"Protocol {words}.", "", *_grid(table, protocol, notes), ""]
    marks = [f"{_letter(k)}: not comparable with the paper: {text}" for k, text in enumerate(notes)]
    return "\n".join([*parts, *(f"- {mark}" for mark in marks), ""])


def _grid(table, protocol: str, notes: list[str]) -> list[str]:
    columns = [part for name in table.datasets for part in (NAMES.get(name, plain(name)), "paper")]
    rows = dict.fromkeys(cell.row for cell in table.cells)
    lines = [_line("", *columns), _line("---", *["---"] * len(columns))]
    for row in rows:
        cells = [table.cell(row, name, protocol) for name in table.datasets]
        lines.append(_line(row, *(part for cell in cells for part in _parts(cell, notes))))
    return lines


def _parts(cell, notes: list[str]) -> tuple[str, str]:
    """What was measured, with a mark where it does not compare, and what the paper has."""
    paper = _paper(cell.paper) if cell.paper else NONE
    if cell.mean is None:
        return NONE, paper
    mark = ""
    if cell.reasons:
        text = plain("; ".join(cell.reasons))
        if text not in notes:
            notes.append(text)
        mark = f" [{_letter(notes.index(text))}]"
    return f"{_number(cell.mean, cell.std)} ({cell.trials}){mark}", paper


def _number(mean: float, std: float | None) -> str:
    digits = 1 if abs(mean) >= 10 else 2 if abs(mean) >= 1 else 3
    return f"{mean:.{digits}f}" + ("" if std is None else f" ± {std:.{digits}f}")


def _paper(value: tuple[float, float | None]) -> str:
    """A number as the paper prints it, one digit after the point; approximate ones without."""
    mean, std = value
    return f"{mean:g}" if std is None else f"{mean:.1f} ± {std:.1f}"


def _letter(number: int) -> str:
    return chr(ord("a") + number % 26) * (number // 26 + 1)


def _line(*parts: str) -> str:
    return f"| {' | '.join(parts)} |"


def csv_text(tables) -> str:
    """A line a cell, all protocols."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for table in tables:
        for cell in table.cells:
            writer.writerow(_record(table, cell))
    return out.getvalue()


_COLUMNS = (
    "recipe",
    "network",
    "changes",
    "dims",
    "inception_git_blob",
    "protocol",
    "row",
    "dataset",
    "mean",
    "std",
    "trials",
    "paper_mean",
    "paper_std",
    "full_schedule",
    "comparable",
    "reasons",
    "runs",
)


def _record(table, cell) -> dict:
    paper = cell.paper or (None, None)
    known = dataclasses.asdict(table) | dataclasses.asdict(cell)
    known |= {
        "changes": " ".join(f"{k}={v}" for k, v in table.changes.items()),
        "paper_mean": paper[0],
        "paper_std": paper[1],
        "comparable": cell.comparable,
        "reasons": "; ".join(cell.reasons),
        "runs": " ".join(cell.runs),
    }
    return {name: known[name] for name in _COLUMNS}


def json_text(tables) -> str:
    """Everything, with the models that the paper cites."""
    cited = {
        row: dict(zip(recipes.PAPER_DATASETS, values, strict=True))
        for row, values in table1_values.CITED.items()
    }
    content = [_json(table) for table in tables]
    return json.dumps({"tables": content, "cited": cited}, indent=2, ensure_ascii=False) + "\n"


def _json(table) -> dict:
    cells = [dataclasses.asdict(cell) | {"comparable": cell.comparable} for cell in table.cells]
    return dataclasses.asdict(table) | {"cells": cells}
