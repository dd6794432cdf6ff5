"""What all figures share: sizes, fonts and colours for print; each is a PNG, a PDF and a JSON."""

import io
import json
import logging
import math
import os
import pathlib
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tf_twostage import files

COLUMN, PAGE = 3.3, 6.8  # inches: the widths of a column and of a page of two columns
DPI = 300
KINDS = ("png", "pdf", "json")  # of the files of a figure
GREY = "#666666"
# Okabe and Ito's colours, told apart with any colour vision, but for yellow: too light for a line.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
BLUE, ORANGE, *_ = COLORS
STYLE = {
    "font.size": 8,  # points, as they are printed
    "axes.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # letters stay letters
}
LABELS = {  # a column of a log -> what a figure calls it, its unit
    "gamma": ("γ", "(unit of the data)²"),
    "mse": ("mean squared error", "(unit of the data)²"),
    "kl": ("KL divergence", "nats per example"),
    "reconstruction": ("reconstruction, -log p", "nats per example"),
    "d_loss": ("discriminator's loss", ""),
    "g_loss": ("generator's loss", ""),
    "adversary": ("adversary's loss", ""),
}
SQUARED_ERROR = ("squared error of an image", "(pixel in -1..1)²")  # a WAE's reconstruction term

Log = Mapping[str, Sequence[float]]  # column -> a value an epoch

styled = matplotlib.rc_context(STYLE)  # decorates whoever makes a figure
logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every letter in a PDF


def label(column: str, log: Log) -> tuple[str, str]:
    """What a column of a log is called, and its unit. A WAE's log is the one with a penalty."""
    if column == "reconstruction" and "penalty" in log:
        return SQUARED_ERROR
    return LABELS.get(column, (column, ""))


def write(path: str | os.PathLike, figure: Figure, numbers: Mapping, dpi: float = DPI) -> None:
    """Writes a figure as a PNG, and beside it as a PDF and its numbers as JSON.

    The same figure gives the same bytes. Each file is replaced whole.

    Args:
      path: of the PNG.
      figure: to be written.
      numbers: what is drawn, of plain Python types; what is not finite becomes null.
      dpi: pixels per inch of the PNG, and of the images in the PDF.

    Raises:
      WriteError: a file cannot be written.
    """
    FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # everything has its place now: it holds for both files
    path = pathlib.Path(path)
    undated = {"png": {}, "pdf": {"CreationDate": None}}
    for kind, metadata in undated.items():
        content = io.BytesIO()  # on a full disk, matplotlib raises an error that hides the disk's
        figure.savefig(content, format=kind, dpi=dpi, metadata=metadata)
        files.replace_bytes(path.with_suffix(f".{kind}"), content.getvalue())
    text = json.dumps(_finite(numbers), indent=1)
    files.replace_text(path.with_suffix(".json"), text + "\n")


def _finite(value):
    """A tree of numbers with None for those that JSON has no word for."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def curve(axis, x, y, **style) -> None:
    """A line, with dots where it has few points; grid behind it."""
    few = {"marker": "o", "markersize": 2} if len(x) < 50 else {}
    axis.plot(x, y, **few | style)
    axis.grid(alpha=0.3, linewidth=0.5)


def epochs(axis) -> None:
    """An axis of whole numbers."""
    axis.set_xlabel("epoch")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def legend(figure: Figure, axes, columns: int | None = None) -> None:
    """One legend below all axes, each label once; by default on one line."""
    pairs = [axis.get_legend_handles_labels() for axis in np.ravel(axes)]
    unique = {
        label: handle
        for handles, labels in pairs
        for handle, label in zip(handles, labels, strict=True)
    }
    figure.legend(
        unique.values(),
        unique.keys(),
        loc="outside lower center",
        ncols=columns or len(unique),
        columnspacing=1.2,
        handlelength=1.8,
    )
