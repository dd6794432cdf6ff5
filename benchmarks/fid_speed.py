"""Measures `fid` against TTUR's own way of running the same graph, on this machine.

    python -m benchmarks.fid_speed --inception classify_image_graph_def.pb

* speed: images per second of `fid.Inception` (2048 features each), and of the graph as it is in one
  `tf.compat.v1.Session` at batch 50. They run in turns, so that both meet the same load. Peak
  memory is that of another process, which does nothing else.
* switches: images per second of `fid.Inception` at several batch sizes, batches in flight and
  layouts, in turns.
* distance: seconds of the distance at d = 2048, and of `scipy.linalg.sqrtm`.
* memory: peak memory of streamed statistics of few and of many images.

`--parts speed,switches,distance,memory` chooses among them; the other flags set the sizes.
"""

import argparse
import itertools
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import fid
from benchmarks import measure

TTUR_BATCH = 50
Features = Callable[[np.ndarray], np.ndarray]


def ttur_way(path: str) -> Features:
    """uint8 [N, H, W, 3] -> float64 [N, 2048], by the unfolded graph in one session, batch 50."""
    import tensorflow as tf

    from fid.folding import load_graph_def

    with tf.Graph().as_default() as graph:
        images = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3])
        fed = {"ExpandDims:0": images}
        tf.graph_util.import_graph_def(load_graph_def(path), input_map=fed, name="")
    session = tf.compat.v1.Session(graph=graph)

    def features(pixels: np.ndarray) -> np.ndarray:
        result = np.empty((len(pixels), 2048))
        for start in range(0, len(pixels), TTUR_BATCH):
            batch = pixels[start : start + TTUR_BATCH].astype(np.float32)
            values = session.run("pool_3:0", {images: batch})
            result[start : start + TTUR_BATCH] = values.reshape(len(batch), -1)
        return result

    return features


def our_way(path: str) -> Features:
    """uint8 [N, H, W, 3] -> float32 [N, 2048], by this package."""
    return quiet_inception(path).features


def quiet_inception(path: str, **switches: Any) -> fid.Inception:
    """The network, without the warning that a graph is not TTUR's: all are equally fast."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return fid.Inception(path, **switches)


WAYS = {"TTUR's way": ttur_way, "fid": our_way}


def random_images(count: int, side: int) -> np.ndarray:
    """uint8 [count, side, side, 3]."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def measure_speed(options: argparse.Namespace) -> None:
    """Prints images per second of both ways and the largest difference of a feature."""
    images = random_images(options.images, options.side)
    ways = {name: make(options.inception) for name, make in WAYS.items()}
    first = {name: way(images[:TTUR_BATCH]) for name, way in ways.items()}  # warm-up
    theirs, ours = first.values()
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way(images)
            rates[name].append(len(images) / (time.perf_counter() - start))
    ratios = [b / a for a, b in zip(*rates.values(), strict=True)]
    print(f"\nFeatures of {len(images)} images {options.side} × {options.side}, 2048 dims")
    print("| way | images/s, median (min..max) of rounds | peak memory |\n|---|---|---|")
    for name, values in rates.items():
        spread = f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"
        peak = measure.in_own_process(features_peak, name, options.inception, images)
        print(f"| {name} | {spread} | {peak:.0f} MB |", flush=True)
    print(f"speed ratio, median of rounds: {statistics.median(ratios):.2f} ", end="")
    print(f"({min(ratios):.2f}..{max(ratios):.2f}); largest difference of a feature: ", end="")
    print(f"{np.abs(ours - theirs).max() / theirs.max():.1e} of the largest")


def measure_switches(options: argparse.Namespace) -> None:
    """Prints images per second of every choice of `fid.Inception`'s switches."""
    images = random_images(options.images, options.side)
    sizes = (64, 128, 256) if options.device == "gpu" else (8, 16)
    choices = list(itertools.product(sizes, (1, 2), ("NHWC", "NCHW")))
    networks = [
        quiet_inception(options.inception, batch_size=size, in_flight=in_flight, layout=layout)
        for size, in_flight, layout in choices
    ]
    rates: list[list[float]] = [[] for _ in choices]
    for network in networks:
        network.features(images[: 2 * network.batch_size])  # warm-up
    for _ in range(options.rounds):
        for network, values in zip(networks, rates, strict=True):
            start = time.perf_counter()
            network.features(images)
            values.append(len(images) / (time.perf_counter() - start))
    print(f"\nFeatures of {len(images)} images {options.side} × {options.side}, 2048 dims")
    print(
        "| batch | in flight | layout | images/s, median (min..max) of rounds |\n|---|---|---|---|"
    )
    for (size, in_flight, layout), values in zip(choices, rates, strict=True):
        spread = f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"
        print(f"| {size} | {in_flight} | {layout} | {spread} |", flush=True)


def features_peak(way: str, inception: str, images: np.ndarray) -> float:
    """Computes features in one of the two ways; returns this process's peak memory in MB."""
    WAYS[way](inception)(images)
    return measure.peak_memory()


def statistics_peak(inception: str, count: int) -> float:
    """Computes statistics of streamed images; returns this process's peak memory in MB."""
    fid.Statistics.from_images(streamed_images(count), quiet_inception(inception), dims=64)
    return measure.peak_memory()


def streamed_images(count: int) -> Iterator[np.ndarray]:
    """Batches uint8 [100, 8, 8, 3], each made when it is asked for."""
    rng = np.random.default_rng(0)
    for start in range(0, count, 100):
        yield rng.integers(0, 256, (min(100, count - start), 8, 8, 3), dtype=np.uint8)


def measure_distance(options: argparse.Namespace) -> None:
    """Prints the seconds of a distance by `fid` and by `sqrtm`, and their relative difference."""
    from scipy.linalg import sqrtm

    (mu1, sigma1), (mu2, sigma2) = (moments(options.d, seed) for seed in (0, 1))
    seconds: dict[str, list[float]] = {"fid": [], "sqrtm": []}
    for _ in range(options.distance_rounds):
        start = time.perf_counter()
        ours = fid.frechet_distance(mu1, sigma1, mu2, sigma2)
        middle = time.perf_counter()
        root = sqrtm(sigma1 @ sigma2).real
        theirs = np.sum((mu1 - mu2) ** 2) + np.trace(sigma1 + sigma2 - 2 * root)
        seconds["fid"].append(middle - start)
        seconds["sqrtm"].append(time.perf_counter() - middle)
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"\nDistance at d = {options.d}, covariances of {2 * options.d} samples")
    print("| way | seconds, median (min..max) of rounds |\n|---|---|")
    for name, values in seconds.items():
        print(
            f"| {name} | {statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f}) |"
        )
    print(f"speed ratio, median of rounds: {statistics.median(ratios):.1f}; ", end="")
    print(f"relative difference {abs(ours - theirs) / theirs:.1e}")


def moments(d: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and covariance [d, d] of 2 d samples; standard deviations range over 1 to 400."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0]
    samples = rng.normal(size=(2 * d, d)) * np.exp(-6 * np.arange(d) / d) @ turn
    return samples.mean(axis=0), np.cov(samples, rowvar=False)


def measure_memory(options: argparse.Namespace) -> None:
    """Prints the peak memory of streamed statistics of few and of many images."""
    counts = [int(count) for count in options.memory_images.split(",")]
    print("\nStreamed statistics of 8 × 8 images, 64 dims")
    print("| images | peak memory |\n|---|---|")
    peaks = []
    for count in counts:
        peaks.append(measure.in_own_process(statistics_peak, options.inception, count))
        print(f"| {count:,} | {peaks[-1]:.0f} MB |", flush=True)
    print(f"growth: {100 * (peaks[-1] / peaks[0] - 1):.1f} %")


PARTS = {
    "speed": measure_speed,
    "switches": measure_switches,
    "distance": measure_distance,
    "memory": measure_memory,
}


def parse() -> argparse.Namespace:
    """The command's arguments."""
    parser = measure.parser(__doc__)
    parser.add_argument("-i", "--inception", help="the graph; by default as fid finds it")
    parser.add_argument("--parts", default=",".join(PARTS), help="which to run (all)")
    parser.add_argument("--images", type=int, default=200, help="in a round (200)")
    parser.add_argument("--side", type=int, default=32, help="of an image (32)")
    parser.add_argument("--d", type=int, default=2048, help="of the distance (2048)")
    parser.add_argument("--distance-rounds", type=int, default=3, help="of the distance (3)")
    parser.add_argument("--memory-images", default="5000,50000", help="few and many (5000,50000)")
    options = parser.parse_args()
    if unknown := set(options.parts.split(",")) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}: choose from {', '.join(PARTS)}")
    return options


def main() -> None:
    """Runs the parts that were asked for."""
    options = parse()
    measure.choose_device(options.device)
    options.inception = str(fid.find_graph(options.inception))
    for name in options.parts.split(","):
        PARTS[name](options)


if __name__ == "__main__":
    main()
