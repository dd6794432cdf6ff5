"""The page of the theory: `theory.html`, `theory.json` and a plot for each claim."""

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence

from tf_twostage import files
from tf_twostage.evaluation.theory.verdicts import Row, Verdict
from tf_twostage.reporting import page, theory_plots

TITLE = "The paper's theory, checked"
INTRODUCTION = (
    "Each claim of the paper was measured on data of known dimension and density. A claim agrees "
    "if every row of its table does, and a row agrees if the value of every seed does, by a "
    "criterion that was fixed beforehand. gamma is the decoder's variance."
)
HEAD = ("", "predicted", "measured, mean ± std over seeds", "each seed", "")


def write(folder: pathlib.Path, verdicts: Sequence[Verdict], facts: Mapping) -> pathlib.Path:
    """Writes plots, numbers and page of these verdicts into a folder.

    Args:
      folder: gets `theory.html`, `theory.json` and `plots/<claim>`, a PNG, a PDF and a JSON; each
        is replaced whole.
      verdicts: on every claim.
      facts: how they were measured, for the end of the page and for the JSON.

    Returns:
      The page's path.

    Raises:
      WriteError: a file cannot be written.
    """
    for verdict in verdicts:
        theory_plots.save(_plot(folder, verdict), verdict)
    numbers = {"claims": [_as_json(verdict) for verdict in verdicts], **facts}
    files.replace_text(folder / "theory.json", json.dumps(numbers, indent=2) + "\n")
    path = folder / "theory.html"
    files.replace_text(path, _page(folder, verdicts, facts))
    return path


def summary(verdicts: Sequence[Verdict]) -> str:
    """A line for each claim, for the terminal."""
    lines = [f"{_word(v.agrees):<15}{v.claim.title} ({v.claim.source})" for v in verdicts]
    agreeing = sum(verdict.agrees for verdict in verdicts)
    return "\n".join([*lines, f"{agreeing} of {len(verdicts)} claims agree"])


def _plot(folder: pathlib.Path, verdict: Verdict) -> pathlib.Path:
    return folder / "plots" / f"{verdict.claim.name}.png"


def _as_json(verdict: Verdict) -> dict:
    rows = [dataclasses.asdict(row) | {"mean": row.mean, "std": row.std} for row in verdict.rows]
    claim = dataclasses.asdict(verdict.claim)
    return claim | {
        "agrees": verdict.agrees,
        "rows": rows,
        "plot": dataclasses.asdict(verdict.plot),
    }


def _page(folder: pathlib.Path, verdicts: Sequence[Verdict], facts: Mapping) -> str:
    agreeing = sum(verdict.agrees for verdict in verdicts)
    body = [
        f"<h1>{page.escape(TITLE)}</h1>",
        f"<p>{page.escape(INTRODUCTION)}</p>",
        page.section(
            f"{agreeing} of {len(verdicts)} claims agree",
            page.table(
                ("claim", "source", "verdict"),
                [(v.claim.title, v.claim.source, _word(v.agrees)) for v in verdicts],
            ),
        ),
        *(_section(folder, verdict) for verdict in verdicts),
        page.section("How it was measured", page.flat_table(dict(facts), page.NOT_MEASURED)),
    ]
    return page.whole(TITLE, body)


def _section(folder: pathlib.Path, verdict: Verdict) -> str:
    claim = verdict.claim
    words = f"Source: {claim.source}. Verdict: {_word(verdict.agrees)}. Criterion: "
    return page.section(
        claim.title,
        f"<p>{page.escape(words + claim.criterion)}</p>",
        page.table(HEAD, [_cells(row) for row in verdict.rows]),
        page.picture(_plot(folder, verdict), claim.title),
    )


def _cells(row: Row) -> tuple[str, ...]:
    each = ", ".join(f"{value:.4g}" for value in row.values)
    return row.what, row.predicted, f"{row.mean:.4g} ± {row.std:.2g}", each, _word(row.agrees)


def _word(agrees: bool) -> str:
    return "agrees" if agrees else "does not agree"
