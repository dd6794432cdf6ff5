"""The command line: `python -m fid REAL GENERATED`."""

import argparse
import contextlib
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from fid.distance import compare
from fid.errors import Error, shown, warn
from fid.folding import FEATURE_NODES
from fid.graph import TTUR_BLOB_ID, temporary_beside
from fid.inception import Inception
from fid.inception_score import SPLITS, inception_score
from fid.kid import check_seed, kid
from fid.precision_recall import K, PrecisionRecall, precision_recall
from fid.preparation import Preparation
from fid.progress import Progress
from fid.protocols import PROTOCOLS
from fid.sides import Side, check_known, open_side
from fid.statistics import npz_path

# How many images of either role a metric needs.
METRICS = {
    "fid": {"real": 2, "generated": 2},
    "kid": {"real": 2, "generated": 2},
    "prc": {"real": K + 1, "generated": K + 1},
    "is": {"real": 2, "generated": SPLITS},
}
_DESCRIPTION = """\
The Fréchet Inception Distance between real and generated images, as TTUR's script computes it.
Each side is a folder of image files, an .npy or .npz file of images [N, H, W(, C)] in 0..255
(file.npz:key names one array of several), or an .npz of statistics (mu, sigma). The last line
printed is the number alone."""


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    result = argparse.ArgumentParser(
        prog="python -m fid",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("real", help="the real images, or their statistics")
    add("generated", nargs="?", help="the generated ones; may be left out with --save-stats")
    add("-i", "--inception", metavar="PATH", help="classify_image_graph_def.pb, or its folder")
    add("--gpu", metavar="N", help="the GPU to use, as CUDA numbers them (all; -1: none)")
    add("-l", "--lowprofile", action="store_true", help="accepted, as images are always streamed")
    add("--dims", type=int, default=2048, choices=sorted(FEATURE_NODES, reverse=True))
    add(
        "--protocol",
        default="plain",
        choices=tuple(PROTOCOLS),
        help="plain: images as they are; "
        "table1: generated ones stretched to their min..max, as in the two-stage VAE's Table 1",
    )
    add("--quantize", action="store_true", help="round pixels to uint8 first")
    add(
        "--drop-last",
        type=int,
        metavar="N",
        help="drop the last images of an incomplete batch of "
        "N, as TTUR's script does (with N = 50)",
    )
    add(
        "--metrics",
        default="fid",
        help=f"comma-separated, of {','.join(METRICS)} (fid); all but "
        "fid keep the features in memory",
    )
    add("--save-stats", metavar="FILE", help="write the real images' statistics to this .npz")
    add(
        "--batch-size", type=int, metavar="N", help="images per run of the network (CPU 8, GPU 128)"
    )
    add("--seed", type=int, default=0, help="of KID's subsets (0)")
    return result


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code: 0, or 1 after a mistake, or 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    warnings.showwarning = lambda message, *_: _say(f"warning: {message}")
    try:
        lines = run(options)
    except Error as error:
        _say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    print("\n".join(lines))
    return 0


def run(options: argparse.Namespace) -> list[str]:
    """Computes what is asked for; the lines to print.

    Raises:
        Error: any mistake in the arguments or the files; most before anything is computed.
    """
    metrics = _chosen_metrics(options)
    target = _stats_file(options)
    preparation = Preparation(
        options.protocol, quantize=options.quantize, drop_last=options.drop_last
    )
    sides = _open_sides(options, preparation)
    possible = _possible(metrics, sides)
    network = _network_for(sides, options, possible)
    check_known(sides, options.dims, network)
    for side in sides:
        if side.statistics is None:
            with Progress(side.role, side.count) as progress:
                side.measure(network, options.dims, progress, keep=possible != ["fid"])
    if target:
        sides[0].statistics.save(target)
    if len(sides) == 1:
        return [f"statistics of {sides[0].statistics.count} images: {target}"]
    compute = _metrics(*sides, network, options, preparation)
    values = {name: compute[name]() if name in possible else math.nan for name in metrics}
    return _report(*sides, options, values)


def _chosen_metrics(options: argparse.Namespace) -> list[str]:
    metrics = [name.strip() for name in options.metrics.split(",")]
    for name in metrics:
        if name not in METRICS:
            raise Error(f"unknown metric {name!r}; --metrics takes {','.join(METRICS)}")
    if "is" in metrics and options.dims != 2048:
        raise Error("the Inception Score needs --dims 2048")
    check_seed(options.seed)
    return metrics


def _stats_file(options: argparse.Namespace) -> Path | None:
    """Where the real images' statistics are to be written, which must be possible."""
    if not options.save_stats:
        return None
    path = npz_path(options.save_stats)
    for given in (options.real, options.generated):
        if given and path.exists() and Path(given).exists() and path.samefile(given):
            raise Error(f"--save-stats {path}: would overwrite what is read; name another file")
    if path.is_dir() or not path.parent.is_dir():
        what = "this is a folder" if path.is_dir() else "there is no such folder"
        raise Error(f"--save-stats {path}: {what}")
    try:
        with temporary_beside(path):
            return path
    except OSError as error:
        raise Error(f"--save-stats {path} cannot be written: {error.strerror}") from None


def _open_sides(options: argparse.Namespace, preparation: Preparation) -> list[Side]:
    """Both sides, statistics loaded and images found, before any time is spent."""
    if options.generated is None and not options.save_stats:
        raise Error("name the generated images too, or a file with --save-stats")
    paths = {"real": options.real, "generated": options.generated}
    return [
        open_side(path, replace(preparation, role=role)) for role, path in paths.items() if path
    ]


def _possible(metrics: list[str], sides: list[Side]) -> list[str]:
    """The metrics for which there are enough images; says of the others why they are not.

    Raises:
        Error: a metric needs images where there are statistics; no metric is possible.
    """
    for side in sides:
        if side.images is None and metrics != ["fid"]:
            raise Error(
                f"{side.role}: these are statistics; all metrics but fid need the images themselves"
            )
    missing = {name: _too_few(name, sides) for name in metrics}
    possible = [name for name in metrics if not missing[name]]
    reasons = [reason for reason in missing.values() if reason]
    if not possible:
        raise Error("; ".join(reasons))
    for reason in reasons:
        warn(reason)
    return possible


def _too_few(metric: str, sides: list[Side]) -> str:
    """Why there are too few images for a metric; empty if there are enough."""
    for side in sides:
        least = METRICS[metric][side.role]
        if side.count is not None and side.count < least:
            return f"{metric} needs {least} {side.role} images or more, not {side.count}"
    return ""


def _network_for(
    sides: list[Side], options: argparse.Namespace, metrics: list[str]
) -> Inception | None:
    """The network, if there are images that it has to see."""
    if all(side.images is None for side in sides):
        return None
    _start_tensorflow(options.gpu)
    network = Inception(options.inception, batch_size=options.batch_size)
    if "is" in metrics:
        network.check_softmax()
    return network


def _start_tensorflow(gpu: str | None) -> None:
    """Imports TensorFlow without its chatter; it takes GPU memory only as it needs it."""
    if gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    with _silent_stderr():
        import tensorflow as tf

        for device in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(device, True)


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drops what native code writes to stderr; no setting silences TensorFlow's first lines."""
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def _metrics(
    real: Side,
    generated: Side,
    network: Inception | None,
    options: argparse.Namespace,
    preparation: Preparation,
) -> dict[str, Callable[[], Any]]:
    """How each metric is computed."""
    pair = (real.features, generated.features)
    statistics = (real.statistics, generated.statistics)
    return {
        "fid": lambda: compare(*statistics, options.dims, preparation),
        "kid": lambda: kid(*pair, seed=options.seed),
        "prc": lambda: precision_recall(*pair),
        "is": lambda: inception_score(network.class_probabilities(generated.features)),
    }


def _report(
    real: Side, generated: Side, options: argparse.Namespace, values: dict[str, Any]
) -> list[str]:
    """The lines of the answer, the last one a number alone."""
    first = next(iter(values.values()))
    number = first.precision if isinstance(first, PrecisionRecall) else first
    blob = real.statistics.git_blob_id or generated.statistics.git_blob_id
    return [
        f"real {real.count or 'unknown'}, generated {generated.count or 'unknown'} images; "
        f"{options.dims} dims, protocol {options.protocol}{_extras(options)}",
        _graph_line(blob),
        *(f"{name.upper()}: {value}" for name, value in values.items()),
        f"{float(number):.6f}",
    ]


def _extras(options: argparse.Namespace) -> str:
    quantized, size = ", quantized" if options.quantize else "", options.drop_last
    return quantized + (f", last batch of {size} dropped" if size else "")


def _graph_line(blob: str | None) -> str:
    if blob == TTUR_BLOB_ID:
        return f"graph: git blob {blob}, TTUR's own"
    if blob is None:
        return "graph: unknown, the statistics do not say"
    return f"graph: git blob {blob}, NOT TTUR's: compare with no published number"


def _say(text: str) -> None:
    line = " ".join(text.splitlines())  # names of files may hold line breaks, and worse
    print(f"fid: {shown(line)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
