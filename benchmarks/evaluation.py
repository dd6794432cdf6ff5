"""Times a whole evaluation: the FIDs of reconstructions and of both stages' samples.

    python -m benchmarks.evaluation --inception classify_image_graph_def.pb

The plain way (a) runs the unfolded graph at batch 50 on both sides of each of the three FIDs, and
takes the distances by `scipy.linalg.sqrtm`. Ours finds the statistics of the real images in its
cache. The time of features grows with the number of images and the time of a distance does not. So
the time for 10,000 images can be computed from fewer; both are printed.
"""

import os
import time

import numpy as np

from benchmarks import measure

SETS = ("reconstruction", "stage1", "stage2")
TABLE1_IMAGES = 10_000


def generated(count: int) -> list[np.ndarray]:
    """Random images for each of the three FIDs, uint8 [count, 28, 28, 3] each."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8) for _ in SETS]


def timed(statistics, distance, count: int):
    """Makes `run()`, which computes three FIDs of `count` images.

    Args:
      statistics: of (real images, other images), the statistics of both.
      distance: of two statistics.

    Returns:
      `run() -> (seconds of all statistics, seconds of all distances)`.
    """
    real, sets = generated(count)[0], generated(count)

    def run() -> tuple[float, float]:
        times = [0.0, 0.0]
        for images in sets:
            start = time.perf_counter()
            found = statistics(real, images)
            middle = time.perf_counter()
            distance(*found)
            times[0] += middle - start
            times[1] += time.perf_counter() - middle
        return tuple(times)

    return run


def plain(inception: str, count: int):
    """(a): features of both sides by the unfolded graph each time, distances by `sqrtm`."""
    from scipy.linalg import sqrtm

    from benchmarks import fid_speed

    features = fid_speed.ttur_way(inception)

    def statistics(*sides: np.ndarray) -> list:
        both = (features(images) for images in sides)
        return [(values.mean(axis=0), np.cov(values, rowvar=False)) for values in both]

    def distance(real, other) -> float:
        (mu1, sigma1), (mu2, sigma2) = real, other
        root = sqrtm(sigma1 @ sigma2 + 1e-6 * np.eye(len(sigma1))).real
        return float(np.sum((mu1 - mu2) ** 2) + np.trace(sigma1 + sigma2 - 2 * root))

    return timed(statistics, distance, count)


def ours(inception: str, count: int):
    """Ours: `fid`, with the statistics of the real images in its cache beforehand."""
    import fid
    from benchmarks import fid_speed

    network = fid_speed.quiet_inception(inception)
    fid.cached_statistics(generated(count)[0], network)

    def statistics(real: np.ndarray, images: np.ndarray) -> tuple:
        known = fid.cached_statistics(real, network)
        return known, fid.Statistics.from_images(images, network)

    return timed(statistics, lambda *both: fid.compare(*both, 2048), count)


def main() -> None:
    """Prints the seconds of both ways and their ratio, and writes the JSON."""
    parser = measure.parser(__doc__, rounds=2)
    parser.add_argument("-i", "--inception", default=os.environ.get("FID_INCEPTION"), help="graph")
    parser.add_argument("--images", type=int, default=60, help="on each side (60)")
    options = parser.parse_args()
    measure.choose_device(options.device)
    if not options.inception:
        raise SystemExit("skipped: --inception or FID_INCEPTION names no Inception graph")
    sides = {"plain (a)": plain, "ours": ours}
    runs = {name: make(options.inception, options.images) for name, make in sides.items()}
    rounds = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            rounds[name].append(run())
    seconds = {name: np.median(values, axis=0).tolist() for name, values in rounds.items()}
    scaled = {
        name: features * TABLE1_IMAGES / options.images + distances
        for name, (features, distances) in seconds.items()
    }
    print(f"\nThree FIDs of {options.images} images a side, median of {options.rounds} rounds")
    print("| side | features, s | distances, s | for 10,000 images, computed, min |")
    print("|---|---|---|---|")
    for name, (features, distances) in seconds.items():
        print(f"| {name} | {features:.1f} | {distances:.1f} | {scaled[name] / 60:.1f} |")
    measured = {name: sum(times) for name, times in seconds.items()}
    here, there = (values["plain (a)"] / values["ours"] for values in (measured, scaled))
    print(f"ratio: {here:.2f} as measured, {there:.2f} for 10,000; target 3.00")
    ratios = {"ratio": here, "ratio_10000": there, "target": 3.0}
    measure.save("evaluation", {"images": options.images, "seconds": seconds, **ratios})


if __name__ == "__main__":
    main()
