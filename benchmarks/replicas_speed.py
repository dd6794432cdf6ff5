"""Step times of the first stage on 1, 2 and 4 logical CPU devices; what docs/scaling.md quotes.

  python benchmarks/replicas_speed.py [--side 28] [--steps 10] [--counts 0,1,2,4]

0 is no strategy. Each count has a process of its own. All devices share the same cores, so this
shows what the strategy costs, never what more devices would gain.
"""

import argparse
import itertools
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))


def measure(count: int, side: int, steps: int) -> None:
    """Prints `count`, the seconds before the first step is done, and the median step."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tf_twostage import recipes
    from tf_twostage.data import batches
    from tf_twostage.models.two_stage import TwoStageVAE
    from tf_twostage.training import fit
    from tf_twostage.training.devices import Devices

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * max(1, count)
    tf.config.set_logical_device_configuration(cpu, logical)
    devices = Devices.choose("mirrored" if count else "none")
    shape = (side, side, 3 if side == 64 else 1)
    recipe = recipes.get("paper", "celeba" if side == 64 else "mnist", 60_000)
    images = np.random.default_rng(0).integers(0, 256, (1000, *shape), dtype=np.uint8)
    with devices.strategy.scope():
        model = TwoStageVAE(recipe, shape, synchronized=devices.replicas > 1).stage1
    fit.compile_stage(model, 1, recipe, 1, devices, jit_compile=False)
    stream = batches.ImageBatches(images, recipe.batch_size, recipe.latent_dim, seed=0).stream()
    ends, start = [], time.perf_counter()

    def end(batch, logs):
        float(model.kl_metric.result())  # waits for the step
        ends.append(time.perf_counter())

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=end)
    model.fit(devices.share(stream), steps_per_epoch=steps + 1, verbose=0, callbacks=[callback])
    gaps = [after - before for before, after in itertools.pairwise(ends)]
    print(f"{count} {ends[0] - start:.1f} {statistics.median(gaps):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--side", type=int, default=28, choices=(28, 64))
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--counts", default="0,1,2,4")
    parser.add_argument("--only", type=int)
    given = parser.parse_args()
    if given.only is not None:
        measure(given.only, given.side, given.steps)
        return
    print("replicas, seconds to the end of the first step, median seconds of the others")
    for count in given.counts.split(","):
        words = [sys.executable, __file__, "--only", count, "--side", given.side]
        command = [*map(str, words), "--steps", str(given.steps)]
        done = subprocess.run(command, capture_output=True, text=True)
        print(done.stdout.strip() or done.stderr[-2000:], flush=True)


if __name__ == "__main__":
    main()
