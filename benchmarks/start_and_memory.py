"""Seconds from the start of a process to its first training step, and peak memory of CelebA."""

import subprocess
import sys
import time

from benchmarks import measure

CASES = {"mnist": ((28, 28, 1), 60_000, 15), "celeba": ((64, 64, 3), 162_770, 25)}


def job(name: str) -> None:
    """Trains 20 steps on random images of a data set's size; prints peak MB."""
    import numpy as np

    from tf_twostage import recipes
    from tf_twostage.data import batches
    from tf_twostage.data.storage import in_memory
    from tf_twostage.models.two_stage import TwoStageVAE
    from tf_twostage.training import fit
    from tf_twostage.training.devices import Devices

    shape, count, _ = CASES[name]
    images = in_memory((count, *shape))
    images[...] = np.random.default_rng(0).integers(0, 256, (1, *shape), dtype=np.uint8)
    recipe = recipes.get("paper", name, count)
    model = TwoStageVAE(recipe, shape).stage1
    fit.compile_stage(model, 1, recipe, 1, Devices())
    data = batches.ImageBatches(images, recipe.batch_size, recipe.latent_dim, seed=0).stream()
    with model.optimizer.decaying():
        model.fit(data, steps_per_epoch=1, verbose=0)
        print("first step", flush=True)
        model.fit(data, steps_per_epoch=20, verbose=0)
    print(measure.peak_memory(), flush=True)


def main() -> None:
    """Prints both for both data sets and writes the JSON."""
    options = measure.parser(__doc__)
    options.add_argument("--job", choices=CASES)
    chosen = options.parse_args()
    measure.choose_device(chosen.device)
    if chosen.job:
        return job(chosen.job)
    found = {}
    for name, (shape, count, target) in CASES.items():
        command = [sys.executable, "-m", "benchmarks.start_and_memory", "--job", name]
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        child.stdout.readline()
        seconds = time.perf_counter() - start
        peak = float(child.stdout.read())
        data = count * shape[0] * shape[1] * shape[2] / 2**20
        found[name] = {"seconds": seconds, "peak_mb": peak, "images_mb": data}
        limit = 1.35 * data + 3 * 1024
        print(f"{name}: first step after {seconds:.1f} s (target {target}); ", end="")
        print(f"peak {peak:.0f} MB (limit {limit:.0f}) for {data:.0f} MB of images", flush=True)
    return measure.save("start_and_memory", found)


if __name__ == "__main__":
    main()
