"""Table 1 from run folders alone: mean and deviation over trials beside the paper's numbers.

`table1_runs` reads the runs, `aggregate` makes cells of them, `table1_text` writes them down.
"""

import dataclasses
import json
import os
import pathlib
import statistics

from tf_twostage import files, recipes, table1_values
from tf_twostage.errors import InputError
from tf_twostage.evaluation.fid_spec import TTUR_BLOB_ID
from tf_twostage.reporting import table1_runs, table1_text
from tf_twostage.reporting.table1_runs import FLOOR, Run, collect

PROTOCOLS = tuple(table1_text.PROTOCOLS)
FILES = {  # name in the output folder -> what is written there
    "table1.md": table1_text.markdown,
    "table1.csv": table1_text.csv_text,
    "table1.json": table1_text.json_text,
}
SEARCHED = 100  # random settings that the study tried of each GAN


@dataclasses.dataclass(frozen=True)
class Cell:
    """One row's FID on one data set."""

    row: str
    dataset: str
    protocol: str
    mean: float | None
    std: float | None  # of the sample (ddof 1); None under two trials
    trials: int
    paper: tuple[float, float | None] | None
    runs: tuple[str, ...]
    commits: tuple[str, ...]
    full_schedule: bool
    reasons: tuple[str, ...]  # why it does not compare with the paper; () if it does

    @property
    def comparable(self) -> bool:
        """Whether the paper's number was measured in the same way."""
        return bool(self.trials) and not self.reasons


@dataclasses.dataclass(frozen=True)
class Table:
    """All cells of the runs that share recipe, network, overrides, width and graph."""

    recipe: str
    network: str
    changes: dict
    dims: int
    inception_git_blob: str
    datasets: tuple[str, ...]
    cells: tuple[Cell, ...]

    def cell(self, row: str, dataset: str, protocol: str) -> Cell:
        """One cell."""
        key = (row, dataset, protocol)
        return next(c for c in self.cells if (c.row, c.dataset, c.protocol) == key)


def write(output_dir: str | os.PathLike) -> str:
    """Writes `table1.md`, `.csv` and `.json` into an output folder from its run folders.

    Returns:
      The Markdown; "" where no run has FIDs, and then nothing is written.
    """
    folder = pathlib.Path(output_dir).expanduser()
    tables = aggregate(collect(folder))
    if not tables:
        return ""
    texts = {name: text(tables) for name, text in FILES.items()}
    for name, text in texts.items():
        files.replace_text(folder / name, text)
    return texts["table1.md"]


def rebuild(output_dir: str | os.PathLike) -> str:
    """`write`, for a folder that is to have runs in it.

    Raises:
      InputError: it is no folder, or none of its runs has FIDs.
    """
    folder = pathlib.Path(output_dir).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: name the --output_dir of your runs")
    markdown = write(folder)
    if not markdown:
        raise InputError(f"{folder} holds no finished run with FIDs: train with --fid on")
    return markdown


def aggregate(runs: list[Run]) -> list[Table]:
    """Tables of runs that may stand in one, the paper's recipes first.

    `suggested`, which is to the other models what `paper` is to the VAEs, shares its table.
    """
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        changes = json.dumps(run.changes, sort_keys=True)
        recipe = run.recipe
        place = {"suggested": "paper"}.get(recipe["name"], recipe["name"])
        key = (
            [*recipes.NAMES, place].index(place),
            recipe["network"],
            changes,
            run.fid.dims,
            run.fid.inception_git_blob,
        )
        groups.setdefault(key, []).append(run)
    return [_table(groups[key]) for key in sorted(groups)]


def _table(runs: list[Run]) -> Table:
    first = runs[0]
    used = {run.recipe["name"] for run in runs}
    rows = {row for run in runs for row in run.scores(PROTOCOLS[0])} | set(table1_runs.ALWAYS)
    others = sorted({run.dataset for run in runs} - set(recipes.PAPER_DATASETS))
    names = (*recipes.PAPER_DATASETS, *others)
    cells = [
        _cell(row, name, protocol, [run for run in runs if run.dataset == name])
        for protocol in PROTOCOLS
        for row in table1_runs.ROWS
        if row in rows
        for name in names
    ]
    return Table(
        ", ".join(name for name in recipes.NAMES if name in used),
        first.recipe["network"],
        first.changes,
        first.fid.dims,
        first.fid.inception_git_blob,
        names,
        tuple(sorted([*cells, *_best_gan(cells)], key=_place)),
    )


def _place(cell: Cell) -> tuple[int, int]:
    return PROTOCOLS.index(cell.protocol), table1_runs.ROWS.index(cell.row)


def _best_gan(cells: list[Cell]) -> list[Cell]:
    """The row "Best GAN, default": the lowest mean of the seven, where all have one."""
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        if cell.row in table1_runs.GANS.values():
            groups.setdefault((cell.dataset, cell.protocol), []).append(cell)
    found = [_lowest(group) for group in groups.values()]
    return found if any(cell.mean is not None for cell in found) else []


def _lowest(group: list[Cell]) -> Cell:
    measured = [cell for cell in group if cell.mean is not None]
    whole = len(measured) == len(table1_runs.GANS)
    best = min(measured, key=lambda cell: cell.mean) if whole else group[0]
    row, paper = table1_runs.BEST_GAN, _paper(table1_runs.BEST_GAN, best.dataset)
    if whole:
        return dataclasses.replace(best, row=row, paper=paper)
    return _cell(row, best.dataset, best.protocol, [])


def _cell(row: str, dataset: str, protocol: str, runs: list[Run]) -> Cell:
    having = [run for run in runs if row in run.scores(protocol)]
    settings = {run.setting for run in having if run.searched}
    if settings:
        having = _of_the_best_setting(having)
    alike = [run for run in having if _images(run) == _images(having[0])]
    scores = [run.scores(protocol)[row] for run in alike]
    if row == FLOOR and scores:
        scores, alike = scores[:1], alike[:1]  # the same images in every run
    return Cell(
        row,
        dataset,
        protocol,
        statistics.fmean(scores) if scores else None,
        statistics.stdev(scores) if len(scores) > 1 else None,
        len(scores),
        _paper(row, dataset),
        tuple(run.name for run in alike),
        tuple(dict.fromkeys(_commit(run) for run in alike)),
        all(_full_schedule(run) for run in alike),
        _reasons(row, protocol, alike, having, len(settings)),
    )


def _of_the_best_setting(runs: list[Run]) -> list[Run]:
    """The trials of the searched setting whose first trial has the lowest FID."""
    first = {run.setting: run for run in reversed(runs)}
    best = min(first.values(), key=lambda run: run.fid.reported)
    return [run for run in runs if run.setting == best.setting]


def _images(run: Run) -> tuple:
    """The images that trials must share to be averaged."""
    data = run.config["dataset"]
    return run.fid.images, data["train"], data["test"], data.get("version")


def _paper(row: str, dataset: str) -> tuple[float, float | None] | None:
    known = table1_values.FID | table1_values.CITED
    if row not in known or dataset not in recipes.PAPER_DATASETS:
        return None
    return known[row][recipes.PAPER_DATASETS.index(dataset)]


def _commit(run: Run) -> str:
    return run.config.get("environment", {}).get("git_commit") or "unknown"


def _full_schedule(run: Run) -> bool:
    """Whether a recipe of the paper's length was trained to its end."""
    recipe = run.recipe
    shortened = any(k == "epochs_scale" or recipes.is_of_the_schedule(k) for k in run.changes)
    ended = all(run.epochs[stage] >= recipe[f"stage{stage}_epochs"] for stage in run.epochs)
    return recipe["name"] in table1_values.RECIPES and not shortened and ended


def _reasons(
    row: str, protocol: str, runs: list[Run], having: list[Run], settings: int
) -> tuple[str, ...]:
    """Why a cell's mean does not compare with the paper's; in the order of their weight."""
    if not runs:
        return ()
    run = runs[0]
    recipe, fid, data = run.recipe, run.fid, run.config["dataset"]
    whole = table1_values.TRAIN_IMAGES.get(run.dataset)
    checks = (
        (whole is None, "not one of the paper's data sets"),
        (recipe["name"] not in table1_values.RECIPES, f"recipe {recipe['name']}, not the paper's"),
        (bool(run.changes), f"changed: {', '.join(f'{k}={v}' for k, v in run.changes.items())}"),
        (recipe["network"] != table1_values.NETWORK, f"network {recipe['network']}"),
        (
            not all(_full_schedule(r) for r in runs),
            "shortened schedule: " + _schedule_in_words(recipe),
        ),
        (whole not in (None, data["train"]), f"{data['train']:,} of {whole or 0:,} images trained"),
        (fid.dims != 2048, f"{fid.dims}-dimensional features, not 2048"),
        (fid.images != 10_000, f"{fid.images:,} images on either side, not 10,000"),
        (fid.inception_git_blob != TTUR_BLOB_ID, "another Inception graph than TTUR's"),
        (protocol != _protocol_of(run), _PROTOCOL_REASONS[protocol]),
        (0 < settings != SEARCHED, f"best of {settings} random settings, not of {SEARCHED}"),
        (len(runs) < len(having) and row != FLOOR, _left_out(runs, having)),
    )
    return tuple(text for holds, text in checks if holds)


_PROTOCOL_REASONS = {
    "plain": "samples not stretched, as Table 1's were",
    "table1": "samples stretched, unlike the study's",
}


def _protocol_of(run: Run) -> str:
    """The protocol of this row's paper: the GANs' study did not stretch samples."""
    return "plain" if run.model in table1_runs.GANS else "table1"


def _schedule_in_words(recipe: dict) -> str:
    stages = recipes.from_config(recipe).stages
    return " + ".join(f"{recipe[f'stage{stage}_epochs']}" for stage in stages) + " epochs"


def _left_out(runs: list[Run], having: list[Run]) -> str:
    names = ", ".join(run.name for run in having if run not in runs)
    return f"left out, of other images or another number of them: {names}"
