"""The command line: `python -m fid REAL GENERATED`."""

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fid import images
from fid.distance import Result, compare, is_statistics
from fid.errors import Error
from fid.folding import FEATURE_NODES
from fid.graph import TTUR_BLOB_ID
from fid.inception import Inception
from fid.inception_score import inception_score
from fid.kid import kid
from fid.precision_recall import PrecisionRecall, precision_recall
from fid.preparation import Preparation
from fid.progress import Progress
from fid.protocols import PROTOCOLS
from fid.statistics import Statistics

METRICS = ("fid", "kid", "prc", "is")
_DESCRIPTION = """\
The Fréchet Inception Distance between real and generated images, as TTUR's script computes it.
Each side is a folder of PNG or JPEG files, an .npy or .npz file of images [N, H, W(, C)] in
0..255, or an .npz of statistics (mu, sigma). The last line printed is the number alone."""


@dataclass
class Side:
    """One of the two sides: its statistics, and its features where a metric needs them."""

    role: str
    source: Any
    statistics: Statistics | None = None
    features: np.ndarray | None = None


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
    add("--batch-size", type=int, metavar="N", help="images per run of the network (CPU 8, GPU 64)")
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
        Error: any mistake in the arguments or the files.
    """
    metrics = _chosen_metrics(options)
    preparation = Preparation(
        options.protocol, quantize=options.quantize, drop_last=options.drop_last
    )
    sides = _open_sides(options, metrics)
    network = None
    if any(side.statistics is None for side in sides):
        _start_tensorflow(options.gpu)
        network = Inception(options.inception, batch_size=options.batch_size)
    if "is" in metrics:
        network.check_softmax()
    for side in sides:
        if side.statistics is None:
            _measure(side, network, options.dims, preparation, keep=metrics != ["fid"])
    if options.save_stats:
        sides[0].statistics.save(options.save_stats)
    if len(sides) == 1:
        return [f"statistics of {sides[0].statistics.count} images: {options.save_stats}"]
    result = compare(*(side.statistics for side in sides), options.dims, preparation)
    measured = {"fid": lambda: result} | _other_metrics(*sides, network, options.seed)
    return _report(result, {name: measured[name]() for name in metrics})


def _chosen_metrics(options: argparse.Namespace) -> list[str]:
    metrics = [name.strip() for name in options.metrics.split(",")]
    for name in metrics:
        if name not in METRICS:
            raise Error(f"unknown metric {name!r}; --metrics takes {','.join(METRICS)}")
    if "is" in metrics and options.dims != 2048:
        raise Error("the Inception Score needs --dims 2048")
    return metrics


def _open_sides(options: argparse.Namespace, metrics: list[str]) -> list[Side]:
    """Both sides, statistics loaded and images found, before any time is spent."""
    if options.generated is None and not options.save_stats:
        raise Error("name the generated images too, or a file with --save-stats")
    if options.save_stats and not Path(options.save_stats).parent.is_dir():
        raise Error(f"--save-stats {options.save_stats}: there is no such folder")
    paths = {"real": options.real, "generated": options.generated}
    sides = []
    for role, path in paths.items():
        if path is None:
            continue
        if not is_statistics(path):
            sides.append(Side(role, images.open_images(path)))
        elif metrics != ["fid"]:
            raise Error(f"{path} holds statistics: all metrics but fid need the images themselves")
        else:
            sides.append(Side(role, path, statistics=Statistics.load(path)))
    return sides


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


def _measure(
    side: Side, network: Inception, dims: int, preparation: Preparation, keep: bool
) -> None:
    """Fills in the side's statistics, and its features if they are to be kept."""
    prepared = replace(preparation, role=side.role).batches(side.source)
    with Progress(side.role, images.count(side.source)) as progress:
        features = network.stream(prepared, dims, progress)
        if keep:
            parts = list(features)
            side.features = np.concatenate(parts) if parts else np.zeros((0, dims))
            features = [side.features]
        side.statistics = Statistics.from_features(features, network.git_blob_id)


def _report(result: Result, values: dict[str, Any]) -> list[str]:
    """The lines of the answer, the last one a number alone."""
    first = next(iter(values.values()))
    number = first.precision if isinstance(first, PrecisionRecall) else first
    return [
        f"real {result.n_real or 'unknown'}, generated {result.n_generated or 'unknown'} images; "
        f"{result.dims} dims, protocol {result.protocol}{_extras(result)}",
        _graph_line(result.inception_git_blob),
        *(f"{name.upper()}: {value}" for name, value in values.items()),
        f"{float(number):.6f}",
    ]


def _other_metrics(real: Side, generated: Side, network: Inception | None, seed: int) -> dict:
    pair = (real.features, generated.features)
    return {
        "kid": lambda: kid(*pair, seed=seed),
        "prc": lambda: precision_recall(*pair),
        "is": lambda: inception_score(network.class_probabilities(generated.features)),
    }


def _extras(result: Result) -> str:
    quantized = ", quantized" if result.quantize else ""
    return quantized + (f", last batch of {result.drop_last} dropped" if result.drop_last else "")


def _graph_line(blob: str | None) -> str:
    if blob == TTUR_BLOB_ID:
        return f"graph: git blob {blob}, TTUR's own"
    if blob is None:
        return "graph: unknown, the statistics do not say"
    return f"graph: git blob {blob}, NOT TTUR's: compare with no published number"


def _say(text: str) -> None:
    print(f"fid: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
