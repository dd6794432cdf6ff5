"""Trains on a million images twice: read from a file, as if they did not fit, and from memory.

    python -m benchmarks.large_set --count 1000000 --folder /somewhere/with/room

Writes an .npz of random images. Then two processes, one with little memory allowed and one with
much, load it, draw batches, train some steps of stage 1 and encode every image. Batches are "cold"
after the kernel was told to forget the file.
"""

import json
import os
import pathlib
import tempfile
import time

import numpy as np

from benchmarks import measure

SIDE, KAPPA, BATCH = 32, 64, 100
BATCHES, STEPS = 500, 40


def write_set(path: pathlib.Path, count: int) -> None:
    """Writes an .npz of `count` images for training and 1,000 held out, uint8 [N, 32, 32, 3]."""
    from tf_twostage.data import aligned_npz, storage

    images = storage.Storage(0, path.parent).empty((count, SIDE, SIDE, 3))
    rng = np.random.default_rng(0)
    for start in range(0, count, 10_000):
        stop = min(count, start + 10_000)
        images[start:stop] = rng.integers(0, 256, (stop - start, SIDE, SIDE, 3), dtype=np.uint8)
    aligned_npz.write(path, {"train": images, "test": images[:1000]})


def job(path: pathlib.Path, memory_gb: float) -> dict:
    """Does the work with so many GB allowed; returns seconds of each part and the peak MB."""
    from tf_twostage import recipes
    from tf_twostage.data import batches, datasets, sources
    from tf_twostage.data.storage import GB, FileRows, Storage
    from tf_twostage.models.two_stage import TwoStageVAE
    from tf_twostage.training import fit, loop, posteriors
    from tf_twostage.training.devices import Devices

    clock = [time.perf_counter()]

    def lap() -> float:
        """Seconds since the last call."""
        clock.append(time.perf_counter())
        return clock[-1] - clock[-2]

    storage = Storage(memory_gb * GB, path.parent)
    images = datasets.load(sources.find(path), storage).train
    found = {"load": lap()}
    for name in ("warm", "cold"):
        if name == "cold" and isinstance(images, FileRows):
            os.fsync(images._file.fileno())
            os.posix_fadvise(images._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        stream = iter(batches.ImageBatches(images, BATCH, KAPPA, seed=0).stream(len(name)))
        next(stream)
        lap()
        for _ in range(BATCHES):
            next(stream)
        found[f"batch_{name}"] = lap() / BATCHES
    recipe = recipes.get("paper", "cifar10", len(images))
    model = TwoStageVAE(recipe, images.shape[1:])
    data = batches.ImageBatches(images, BATCH, KAPPA, seed=0)
    fit.compile_stage(model.stage1, data, recipe, Devices(), loop.on_host(1, STEPS, Devices()))
    data = data.stream()
    with model.stage1.optimizer.decaying():
        model.stage1.fit(data, steps_per_epoch=10, verbose=0)
        lap()
        model.stage1.fit(data, steps_per_epoch=STEPS, verbose=0)
        found["step"] = lap() / STEPS
    model.stage1.compile(optimizer=None)
    found["peak_training_mb"] = measure.peak_memory()
    lap()
    mean, stddev = posteriors.encode(model, images, storage, Devices())
    found["encode"] = lap()
    stream = iter(batches.LatentBatches(mean, stddev, BATCH, seed=0).stream())
    next(stream)
    lap()
    for _ in range(BATCHES):
        next(stream)
    return found | {"latent_batch": lap() / BATCHES, "peak_mb": measure.peak_memory()}


def main() -> None:
    """Prints what both processes measured and writes the JSON."""
    parser = measure.parser(__doc__, rounds=1)
    folder = tempfile.gettempdir()
    parser.add_argument("--count", type=int, default=100_000, help="of images (100,000)")
    parser.add_argument("--folder", type=pathlib.Path, default=folder, help=f"of files ({folder})")
    parser.add_argument("--memory_gb", type=float, default=0.25, help="for the first run (0.25)")
    options = parser.parse_args()
    measure.choose_device(options.device)
    path = pathlib.Path(options.folder) / f"large_set_{options.count}.npz"
    if not path.exists():
        write_set(path, options.count)
    megabytes = options.count * SIDE * SIDE * 3 / 1e6
    print(f"{options.count:,} images of {SIDE} x {SIDE} x 3, {megabytes:,.0f} MB")
    found = {}
    for name, limit in (("in a file", options.memory_gb), ("in memory", 1e3)):
        found[name] = measure.in_own_process(job, path, limit)
        print(f"{name}: {json.dumps({k: round(v, 5) for k, v in found[name].items()})}", flush=True)
    path.unlink()
    measure.save("large_set", {"count": options.count, "side": SIDE, "runs": found})


if __name__ == "__main__":
    main()
