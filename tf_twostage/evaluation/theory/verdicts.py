"""The records of what was claimed, what was measured, and whether they agree."""

import dataclasses
from collections.abc import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Claim:
    """What the paper says."""

    name: str  # of its plot's file
    title: str
    source: str  # theorem or equation of the paper
    criterion: str  # when the measured values agree; fixed before any of them was seen


@dataclasses.dataclass(frozen=True)
class Row:
    """One measured quantity; it agrees if every seed's value does."""

    what: str
    predicted: str
    values: tuple[float, ...]  # one a seed
    agrees: bool

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """Over the seeds, with n in the denominator; 0 for one seed."""
        return float(np.std(self.values))


@dataclasses.dataclass(frozen=True)
class Curve:
    """Points of a plot."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    predicted: bool = False  # what the paper says, rather than what was measured


@dataclasses.dataclass(frozen=True)
class Plot:
    """What shows a claim."""

    x_label: str
    y_label: str
    curves: tuple[Curve, ...]
    log_x: bool = False
    log_y: bool = False
    lines: bool = True  # False: points that no line joins
    whole_x: bool = False  # whether x counts something


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A claim with what was measured; it agrees if all its rows do."""

    claim: Claim
    rows: tuple[Row, ...]
    plot: Plot

    @property
    def agrees(self) -> bool:
        return all(row.agrees for row in self.rows)


def row(what: str, predicted: str, values, agree) -> Row:
    """A row of the values of each seed; `agree` says of each whether it agrees. [seeds] both."""
    return Row(what, predicted, tuple(map(float, values)), bool(np.all(agree)))


def mean_curve(label: str, x, curves, predicted: bool = False) -> Curve:
    """The mean over seeds of curves [seeds, points] at x [points]."""
    y = np.mean(np.asarray(curves, np.float64), axis=0)
    return Curve(label, tuple(map(float, x)), tuple(map(float, y)), predicted)


def slope(x, y) -> float:
    """The slope of the least-squares line through points (x, y)."""
    return float(np.polyfit(x, y, 1)[0])


def by_manifold(results: Iterable) -> dict[str, list]:
    """Results of each manifold, over the seeds; the key says which it is."""
    groups: dict[str, list] = {}
    for result in results:
        label = f"{'curved' if result.curved else 'linear'}, r = {result.r}"
        groups.setdefault(label, []).append(result)
    return groups
