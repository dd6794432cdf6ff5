"""A training step: ours against the plain graph (a) and plain Keras `fit` (b)."""

from benchmarks import measure, rate


def main(name: str, stage: int, shape: tuple[int, ...], steps: int, target: float) -> None:
    """Runs one row of the table, prints it and writes its JSON.

    Args:
      name: of the JSON file.
      stage: 1 or 2.
      shape: of one example.
      steps: in a round.
      target: how many times as fast as (a) it should be.
    """
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    arguments = {"stage": stage, "shape": shape}
    names = {"plain graph (a)": "plain_graph", "plain Keras (b)": "plain_keras", "ours": "ours"}
    sides = {title: (f"benchmarks.sides:{made}", arguments) for title, made in names.items()}
    result = measure.compare(sides, steps, options.rounds)
    measure.show(f"Stage {stage}, {' x '.join(map(str, shape))}, batch 100", result)
    ratio = result["sides"]["ours"]["ratio"]
    print(f"target {target:.2f}: {'met' if ratio >= target else 'NOT met'}")
    if options.device == "gpu":
        flop = rate.step_flop(stage, shape)
        result["share"] = rate.share(flop, result["sides"]["ours"]["median"])
        print(f"{100 * result['share']:.0f} % of the device's measured matrix-product rate")
    measure.save(name, result | {"target": target})
