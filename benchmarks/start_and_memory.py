"""Measures how long a process takes to its first training step, and its peak memory.

Images are random, as many and as large as those of MNIST and of CelebA.
"""

import time

from benchmarks import measure

CASES = {  # image shape, number of images, seconds to the first step that we aim at
    "mnist": ((28, 28, 1), 60_000, 15),
    "celeba": ((64, 64, 3), 162_770, 25),
}


def job(name: str) -> tuple[float, float]:
    """Trains 21 steps; returns when the first one had ended (`time.monotonic`) and the peak MB."""
    from benchmarks import sides

    shape, count, _ = CASES[name]
    run = sides.ours(1, shape, epoch=1, images=count)
    run(1)
    first = time.monotonic()
    run(20)
    return first, measure.peak_memory()


def main() -> None:
    """Prints both for both data sets and writes the JSON."""
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    found = {}
    for name, (shape, count, target) in CASES.items():
        start = time.monotonic()
        first, peak = measure.in_own_process(job, name)
        data = count * shape[0] * shape[1] * shape[2] / 2**20
        found[name] = {"seconds": first - start, "peak_mb": peak, "images_mb": data}
        limit = 1.35 * data + 3 * 1024
        print(f"{name}: first step after {first - start:.1f} s (target {target}); ", end="")
        print(f"peak {peak:.0f} MB (limit {limit:.0f}) for {data:.0f} MB of images", flush=True)
    measure.save("start_and_memory", found)


if __name__ == "__main__":
    main()
