"""Times steps of stage 1 on 1, 2 and 4 logical CPU devices; docs/devices.md quotes the result.

    python -m benchmarks.replicas_speed [--side 28] [--steps 10] [--counts 0,1,2,4]

A count of 0 means no strategy. All devices share the same cores. So this shows what a strategy
costs, and nothing of what more devices would gain.
"""

import argparse
import itertools
import statistics
import time

from benchmarks import measure


def job(count: int, side: int, steps: int) -> tuple[float, float]:
    """Trains on `count` devices; returns seconds until the first step ended, and a later step's."""
    import keras
    import numpy as np
    import tensorflow as tf

    from tf_twostage import recipes
    from tf_twostage.data import batches
    from tf_twostage.models.two_stage import TwoStageVAE
    from tf_twostage.training import fit
    from tf_twostage.training.devices import Devices
    from tf_twostage.training.loop import Loop

    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * max(1, count)
    tf.config.set_logical_device_configuration(cpu, logical)
    devices = Devices.choose("mirrored" if count else "none")
    shape = (side, side, 3 if side == 64 else 1)
    recipe = recipes.get("paper", "celeba" if side == 64 else "mnist", 60_000)
    images = np.random.default_rng(0).integers(0, 256, (1000, *shape), dtype=np.uint8)
    with devices.strategy.scope():
        model = TwoStageVAE(recipe, shape, synchronized=devices.replicas > 1).stage1
    data = batches.ImageBatches(images, recipe.batch_size, recipe.latent_dim, seed=0)
    fit.compile_stage(model, data, recipe, devices, Loop(False, False, 1))
    ends, start = [], time.perf_counter()

    def end(batch, logs):
        float(model.kl_metric.result())  # waits for the step
        ends.append(time.perf_counter())

    callback = keras.callbacks.LambdaCallback(on_train_batch_end=end)
    model.fit(
        devices.share(data.stream()), steps_per_epoch=steps + 1, verbose=0, callbacks=[callback]
    )
    gaps = [after - before for before, after in itertools.pairwise(ends)]
    return ends[0] - start, statistics.median(gaps)


def main() -> None:
    """Prints a row for each count, measured in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--side", type=int, default=28, choices=(28, 64), help="of an image (28)")
    parser.add_argument("--steps", type=int, default=10, help="to time after the first (10)")
    parser.add_argument("--counts", default="0,1,2,4", help="of devices (0,1,2,4)")
    options = parser.parse_args()
    measure.choose_device("cpu")
    print("| replicas | seconds to the end of the first step | median seconds of the others |")
    print("|---|---|---|")
    for count in map(int, options.counts.split(",")):
        first, later = measure.in_own_process(job, count, options.side, options.steps)
        print(f"| {count or 'no strategy'} | {first:.1f} | {later:.3f} |", flush=True)


if __name__ == "__main__":
    main()
