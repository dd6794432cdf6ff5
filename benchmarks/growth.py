"""Shows how time and memory grow with the batch, the image side, kappa and the number of images."""

import pathlib

from benchmarks import measure

DEFAULT = {"batch": 100, "side": 32, "kappa": 64}
GRID = {"batch": (25, 100, 400, 800), "side": (16, 32, 64, 128), "kappa": (16, 64, 256, 512)}
STEPS = 4
COUNTS = (10_000, 100_000, 1_000_000)


def side(batch: int, side: int, kappa: int):
    """`run(steps)` trains stage 1 on images of side x side x 1."""
    from benchmarks import sides

    values = {"batch_size": batch, "latent_dim": kappa}
    return sides.ours(1, (side, side, 1), epoch=STEPS, **values)


def stream(count: int):
    """`run(steps)` draws batches of 100 from `count` images of 28 x 28 x 1, and trains nothing."""
    from tf_twostage.data import batches
    from tf_twostage.data.storage import in_memory

    images = in_memory((count, 28, 28, 1))
    images[...] = 7
    iterator = iter(batches.ImageBatches(images, 100, 64, seed=0).stream())
    return lambda steps: [next(iterator) for _ in range(steps)]


def measure_one(factory: str, arguments: dict, steps: int) -> dict:
    """Runs one side in a process of its own; `factory` is one of the functions above.

    Returns:
      {"seconds": a step, in the faster of two rounds, "peak_mb": peak memory of the process}.
    """
    made = measure.Side(f"benchmarks.growth:{factory}", arguments)
    made.run(steps)
    found = min((made.run(steps) for _ in range(2)), key=lambda one: one["wall"])
    made.close()
    return {"seconds": found["wall"], "peak_mb": found["peak"]}


def plot(rows: dict, path: pathlib.Path) -> None:
    """Draws milliseconds a step and peak memory over each quantity; all axes are logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot, ticker

    shape = {"figsize": (3 * len(rows), 5), "squeeze": False, "sharex": "col"}
    figure, axes = pyplot.subplots(2, len(rows), **shape)
    for column, (name, found) in enumerate(rows.items()):
        values = [int(value) for value in found]
        measures = {"ms a step": ("seconds", 1e3), "peak MB": ("peak_mb", 1)}
        for axis, (label, (key, factor)) in zip(axes[:, column], measures.items(), strict=True):
            heights = [factor * one[key] for one in found.values()]
            axis.loglog(values, heights, "o-")
            axis.set_ylim(min(heights) / 3, max(heights) * 3)
            axis.set_xticks(values, [f"{value:,}" for value in values], fontsize=8)
            axis.xaxis.set_minor_locator(ticker.NullLocator())
            axis.grid(alpha=0.3)
            axis.set_ylabel(label if column == 0 else "")
        axes[1, column].set_xlabel(name)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def main() -> None:
    """Prints the table, writes the JSON and draws the plot."""
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    rows = {}
    print("| quantity | value | ms a step | peak MB |\n|---|---|---|---|")
    jobs = [
        (name, value, "side", DEFAULT | {name: value}, STEPS)
        for name in GRID
        for value in GRID[name]
    ]
    jobs += [("images", count, "stream", {"count": count}, 200) for count in COUNTS]
    for name, value, factory, arguments, steps in jobs:
        one = rows.setdefault(name, {})[value] = measure_one(factory, arguments, steps)
        print(
            f"| {name} | {value} | {1e3 * one['seconds']:.2f} | {one['peak_mb']:.0f} |", flush=True
        )
    measure.save("growth", {"rows": rows})
    plot(rows, measure.RESULTS / "growth.png")


if __name__ == "__main__":
    main()
