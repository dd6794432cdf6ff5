"""Asks TensorFlow's profiler which operations a step of stage 1 spends its time on."""

import pathlib
import tempfile
from collections import Counter

from benchmarks import measure, rate

STEPS = 10


def operations(run, steps: int) -> Counter:
    """How long a step spends in each kind of operation: name -> milliseconds, over all threads."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    folder = tempfile.mkdtemp()
    tf.profiler.experimental.start(folder)
    run(steps)
    tf.profiler.experimental.stop()
    (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
    space, found = xplane_pb2.XSpace(), Counter()
    space.ParseFromString(path.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                kind = _kind(plane.event_metadata[event.metadata_id].name)
                found[kind] += event.duration_ps / 1e9 / steps
    del found[None]
    return found


def _kind(name: str) -> str | None:
    """The kind of operation behind the name of an event, or None if it is no operation.

    TensorFlow calls the event of an operation `node:Operation`; XLA calls its own `..._fusion`.
    """
    if name.endswith("_fusion") or "_fusion." in name:
        return "XLA (on a CPU: Adam with weight decay)"
    scope, _, kind = name.rpartition(":")
    return kind if scope and kind.isidentifier() and not scope.endswith(":") else None


def main() -> None:
    """Prints the profiles for images of 28 x 28 x 1 and of 64 x 64 x 3 and writes the JSON."""
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    from benchmarks import sides

    found = {}
    for shape in ((28, 28, 1), (64, 64, 3)):
        run = sides.ours(1, shape)
        run(STEPS)
        times = operations(run, STEPS)
        flop = rate.step_flop(1, shape)
        print(f"\nStage 1, {shape}: {flop / 1e9:.1f} GFLOP a step; thread-ms a step by operation")
        for kind, milliseconds in times.most_common(14):
            print(f"{milliseconds:9.2f}  {kind}", flush=True)
        found["x".join(map(str, shape))] = {"gflop": flop / 1e9, "ms": dict(times)}
    found["product_gflop_per_second"] = rate.product_rate() / 1e9
    print(f"a large matrix product: {found['product_gflop_per_second']:.0f} GFLOP/s")
    measure.save("profile_step", found)


if __name__ == "__main__":
    main()
