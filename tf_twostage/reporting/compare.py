"""`compare.html`: several runs of one data set on one page, with their figures beside it."""

import itertools
import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tf_twostage import files
from tf_twostage.errors import shown
from tf_twostage.files import PathLike
from tf_twostage.reporting import compare_figures, compared_runs, figures, page
from tf_twostage.reporting.compared_runs import ComparedRun

TITLE = "Runs side by side"
INTRODUCTION = "The best of a column is bold: the lowest. Numbers that no run has are left out."
FIGURES = {
    "curves": "Training, epoch by epoch: gamma, the squared error and each term of the losses.",
    "rows_of_samples": "The first samples of each run: of stage 1 alone, with latents from its "
    "prior, and of both stages where there are two (Figures 2 to 5).",
    "rows_of_reconstructions": "Held-out images, and what each run makes of them (Figures 6 to 9).",
}


class Column(NamedTuple):
    """A number of each run."""

    title: str
    path: str  # in metrics.json
    lowest: bool = True  # whether the lowest is the best


COLUMNS = (
    Column("γ", "gamma"),
    Column("active dimensions", "active_dimensions", False),
    Column("squared error", "reconstruction_mse"),
    Column("sliced Wasserstein, stage 1", "sliced_wasserstein.stage1"),
    Column("sliced Wasserstein, stage 2", "sliced_wasserstein.stage2"),
    Column("MMD² of q(z)", "latent_space.z.mmd2"),
    Column("p-value of q(z)", "latent_space.z.p_value", False),
    Column("MMD² of q(u)", "latent_space.u.mmd2"),
    Column("p-value of q(u)", "latent_space.u.p_value", False),
    *(
        Column(f"FID ({protocol}), {name}", f"fid.protocols.{protocol}.{key}")
        for protocol in ("plain", "table1")
        for key, name in (
            ("reconstruction", "reconstructions"),
            ("stage1", "stage 1"),
            ("stage2", "stage 2"),
        )
    ),
    Column("FID dimensions", "fid.dims", False),
    Column("near duplicates, stage 1", "near_duplicates.stage1", False),
    Column("near duplicates, stage 2", "near_duplicates.stage2", False),
    Column("seconds", "seconds.total", False),
)


def write(paths: Sequence[PathLike], output_dir: PathLike) -> pathlib.Path:
    """Compares finished runs of one data set.

    Args:
      paths: their folders, two at least.
      output_dir: gets `compare.html`, and `compare/` with each figure as PNG, PDF and JSON and with
        `numbers.json`. Each file is replaced whole.

    Returns:
      The page's path.

    Raises:
      InputError: as `compared_runs.read`.
      WriteError: a file cannot be written.
    """
    runs = compared_runs.read(paths)
    output_dir = pathlib.Path(output_dir).expanduser()
    folder = output_dir / "compare"
    numbers = {run.number: _numbers(run) for run in runs}
    files.replace_text(
        folder / "numbers.json", json.dumps(_as_json(runs, numbers), indent=2) + "\n"
    )
    _remove_figures(folder)
    compare_figures.write_all(folder, runs)
    path = output_dir / "compare.html"
    files.replace_text(path, _page(runs, numbers, folder))
    return path


def _remove_figures(folder: pathlib.Path) -> None:
    """Removes those of a former comparison, as this one may not have all."""
    for name, kind in itertools.product(FIGURES, figures.KINDS):
        (folder / f"{name}.{kind}").unlink(missing_ok=True)


def _numbers(run: ComparedRun) -> dict[str, float]:
    metrics = dict(run.metrics)
    if not any(page.as_list(metrics.get("lambda"))):  # an encoder without noise
        metrics.pop("active_dimensions", None)
    found = {column.title: page.at(metrics, column.path) for column in COLUMNS}
    return {title: value for title, value in found.items() if page.is_number(value)}


def _as_json(runs: Sequence[ComparedRun], numbers: Mapping[int, dict]) -> dict:
    return {
        "runs": [
            {"number": r.number, "name": r.name, "folder": str(r.folder), **numbers[r.number]}
            for r in runs
        ]
    }


def _page(runs: Sequence[ComparedRun], numbers: Mapping[int, dict], folder: pathlib.Path) -> str:
    title = f"{TITLE}: {runs[0].config['dataset']['name']}"
    body = [
        f"<h1>{page.escape(title)}</h1>",
        page.section("Runs", _runs_table(runs)),
        page.section("Numbers", f"<p>{INTRODUCTION}</p>", _numbers_table(runs, numbers)),
        page.section("Curves and images", page.pictures(folder, FIGURES)),
    ]
    return page.whole(title, body)


def _runs_table(runs: Sequence[ComparedRun]) -> str:
    rows = []
    for run in runs:
        epochs = " + ".join(f"{len(log['epoch'])}" for _, log in sorted(run.logs.items()))
        seed = page.text(run.config.get("seed"))
        recipe = run.config["recipe"]
        rows.append(
            (f"{run.number}", run.kind, page.text(recipe.get("name")), run.name, seed, epochs)
        )
    shared = os.path.commonpath([run.folder.path for run in runs])
    note = f"<p>In {page.escape(shown(shared))}.</p>"
    return note + page.table(("run", "model", "recipe", "folder", "seed", "epochs"), rows)


def _numbers_table(runs: Sequence[ComparedRun], numbers: Mapping[int, dict]) -> str:
    known = [c for c in COLUMNS if any(c.title in found for found in numbers.values())]
    best = {column.title: _best(column, numbers) for column in known}
    rows = [
        (run.label, *(_cell(numbers[run.number].get(c.title), best[c.title]) for c in known))
        for run in runs
    ]
    return page.table(("run", *(column.title for column in known)), rows)


def _best(column: Column, numbers: Mapping[int, dict]) -> float | None:
    values = [found[column.title] for found in numbers.values() if column.title in found]
    return min(values) if column.lowest and len(values) > 1 else None


def _cell(value, best) -> str | page.Bold:
    text = page.text(value, "–")
    return page.Bold(text) if value is not None and value == best else text
