"""Table 1 from run folders alone: mean and deviation over trials beside the paper's numbers.

`collect` reads the runs, `aggregate` makes cells of them, `table1_text` writes them down.
"""

import dataclasses
import json
import os
import pathlib
import statistics

from tf_twostage import files, recipes, table1_values
from tf_twostage.errors import InputError
from tf_twostage.evaluation.fid_spec import TTUR_BLOB_ID
from tf_twostage.metrics import FidScores
from tf_twostage.reporting import table1_text
from tf_twostage.run_folder import RunFolder

PROTOCOLS = tuple(table1_text.PROTOCOLS)
FLOOR = "training images (the floor)"
ROWS = (*table1_values.FID, FLOOR)
_SCHEDULE = ("epochs_scale", "epochs", "halve_every")  # overrides that end so shorten a schedule


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished trial that has FIDs."""

    name: str  # its folder, relative to the output folder
    config: dict
    fid: FidScores
    epochs: dict[int, int]  # stage -> epochs in its log

    @property
    def recipe(self) -> dict:
        """The recipe's values."""
        return self.config["recipe"]

    @property
    def dataset(self) -> str:
        """Its name."""
        return self.config["dataset"]["name"]

    @property
    def changes(self) -> dict:
        """Overrides, but for those that only choose a row or change nothing."""
        known = ("learn_gamma", "likelihood", "network")
        overrides = self.config.get("overrides", {}).items()
        return {k: v for k, v in overrides if k not in known and (k, v) != ("epochs_scale", 1)}

    def scores(self, protocol: str) -> dict[str, float]:
        """Row of the table -> FID. A VAE's row is its stage 1's; the two-stage one learns gamma."""
        found, recipe = self.fid.protocols[protocol], self.recipe
        scores = {FLOOR: self.fid.training_images}
        if recipe["likelihood"] == "bernoulli":
            return scores | {"VAE (cross-entropy)": found["stage1"]}
        kind = "learned" if recipe["learn_gamma"] else "fixed"
        scores[f"VAE ({kind} γ)"] = found["stage1"]
        if recipe["learn_gamma"] and "stage2" in found:
            scores["2-Stage VAE"] = found["stage2"]
        return scores


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
    markdown = table1_text.markdown(tables)
    files.replace_text(folder / "table1.md", markdown)
    files.replace_text(folder / "table1.csv", table1_text.csv_text(tables))
    files.replace_text(folder / "table1.json", table1_text.json_text(tables))
    return markdown


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


def collect(folder: pathlib.Path) -> list[Run]:
    """The finished runs with FIDs below an output folder, in the order of their paths."""
    runs = []
    for path in sorted(folder.glob("*/*/trial_*")):
        run = RunFolder(path)
        metrics, config = run.read_metrics(), run.read_config()
        fid = FidScores.from_dict(metrics.get("fid"))
        if fid and config.get("recipe"):
            logs = run.read_logs()
            epochs = {s: len(logs[s]["epoch"]) if s in logs else 0 for s in metrics["stages"]}
            runs.append(Run(path.relative_to(folder).as_posix(), config, fid, epochs))
    return runs


def aggregate(runs: list[Run]) -> list[Table]:
    """Tables of runs that may stand in one, the paper's recipes first."""
    groups: dict[tuple, list[Run]] = {}
    for run in runs:
        changes = json.dumps(run.changes, sort_keys=True)
        recipe = run.recipe
        place = list(recipes.RECIPES).index(recipe["name"])
        key = (place, recipe["network"], changes, run.fid.dims, run.fid.inception_git_blob)
        groups.setdefault(key, []).append(run)
    return [_table(groups[key]) for key in sorted(groups)]


def _table(runs: list[Run]) -> Table:
    first = runs[0]
    others = sorted({run.dataset for run in runs} - set(recipes.PAPER_DATASETS))
    names = (*recipes.PAPER_DATASETS, *others)
    cells = [
        _cell(row, name, protocol, [run for run in runs if run.dataset == name])
        for protocol in PROTOCOLS
        for row in ROWS
        for name in names
    ]
    return Table(
        first.recipe["name"],
        first.recipe["network"],
        first.changes,
        first.fid.dims,
        first.fid.inception_git_blob,
        names,
        tuple(cells),
    )


def _cell(row: str, dataset: str, protocol: str, runs: list[Run]) -> Cell:
    having = [run for run in runs if row in run.scores(protocol)]
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
        _reasons(row, protocol, alike, having),
    )


def _images(run: Run) -> tuple:
    """The images that trials must share to be averaged."""
    data = run.config["dataset"]
    return run.fid.images, data["train"], data["test"], data["version"]


def _paper(row: str, dataset: str) -> tuple[float, float | None] | None:
    if row not in table1_values.FID or dataset not in recipes.PAPER_DATASETS:
        return None
    return table1_values.FID[row][recipes.PAPER_DATASETS.index(dataset)]


def _commit(run: Run) -> str:
    return run.config.get("environment", {}).get("git_commit") or "unknown"


def _full_schedule(run: Run) -> bool:
    """Whether a recipe of the paper's length was trained to its end."""
    recipe = run.recipe
    shortened = any(key.endswith(_SCHEDULE) for key in run.changes)
    ended = all(run.epochs[stage] >= recipe[f"stage{stage}_epochs"] for stage in run.epochs)
    return recipe["name"] in table1_values.RECIPES and not shortened and ended


def _reasons(row: str, protocol: str, runs: list[Run], having: list[Run]) -> tuple[str, ...]:
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
        (protocol != "table1", "samples not stretched, as Table 1's were"),
        (len(runs) < len(having) and row != FLOOR, _left_out(runs, having)),
    )
    return tuple(text for holds, text in checks if holds)


def _schedule_in_words(recipe: dict) -> str:
    return " + ".join(f"{recipe[f'stage{stage}_epochs']}" for stage in (1, 2)) + " epochs"


def _left_out(runs: list[Run], having: list[Run]) -> str:
    names = ", ".join(run.name for run in having if run not in runs)
    return f"left out, of other images or another number of them: {names}"
