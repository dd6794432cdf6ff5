"""`stage1.csv` and `stage2.csv`: a row an epoch."""

import csv
import pathlib
from collections.abc import Sequence

from tf_twostage import files

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
    """The rows of a log, as text; none where there is no log yet."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_log(path: pathlib.Path) -> dict[str, list[float]]:
    """Column name -> values, one an epoch; empty where there is no log yet."""
    rows = read_rows(path)
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
