"""`stage1.csv` and `stage2.csv`: a row an epoch."""

import csv
import math
import pathlib
import sys
from collections.abc import Sequence

from tf_twostage import files
from tf_twostage.errors import shown

# Columns that are no term of a loss.
FACTS = (
    *("epoch", "loss", "mse", "gamma", "gamma_z", "active_dimensions"),
    *("learning_rate", "seconds", "k"),
)


def write_rows(path: pathlib.Path, rows: Sequence[dict]) -> None:
    """Replaces a log by these rows, whole; what a row of a former version lacks is nan."""
    columns = dict.fromkeys(name for row in rows for name in row)

    def write(temporary: pathlib.Path) -> None:
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="nan")
            writer.writeheader()
            writer.writerows(rows)

    files.replace_file(path, write)


def read_rows(path: pathlib.Path) -> list[dict]:
    """The rows of a log, numbers as text; none where there is no log yet or it is damaged."""
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        _check(rows)
    except (OSError, ValueError, TypeError, csv.Error):
        print(f"warning: {shown(path)} is damaged: it counts as absent", file=sys.stderr)
        return []
    return rows


def _check(rows: Sequence[dict]) -> None:
    """Raises ValueError or TypeError where a value is no number, or no epoch is told."""
    for row in rows:
        numbers = {name: float(value) for name, value in row.items()}
        if not math.isfinite(numbers.get("epoch", math.nan)):
            raise ValueError("a row tells no epoch")


def read_log(path: pathlib.Path) -> dict[str, list[float]]:
    """Column name -> values, one an epoch; empty where there is no log yet."""
    rows = read_rows(path)
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
