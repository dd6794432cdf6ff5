"""Times a training step of each stage: ours, Keras' own `fit`, and a plain TensorFlow 1 graph.

Ours has its loop on the host or on the device. On a GPU the latter runs with CUDA graphs ("command
buffers") as XLA makes them by default, without any, and with whole loops in them, and with TF32.

    python -m benchmarks.training_step                      # every row
    python -m benchmarks.training_step stage1_28 stage2     # some of them
    python -m benchmarks.training_step --only ours stage2   # sides whose names hold "ours"

Prints how long the `paper` recipe takes at these speeds.
"""

import dataclasses

from benchmarks import measure, rate, sides

HOST, DEVICE = "ours, loop on the host", "ours, loop on the device"
GRAPHS = "--xla_gpu_enable_command_buffer="
LOOPS = GRAPHS + "FUSION,CUBLAS,CUBLASLT,CUDNN,CUSTOM_CALL,WHILE"
SWITCHES = {  # arguments of further sides on a GPU
    f"{DEVICE}, no CUDA graphs": {"xla_flags": GRAPHS},
    f"{DEVICE}, loops in CUDA graphs": {"xla_flags": LOOPS},
    f"{DEVICE}, TF32": {"tf32": True},
}
GPU_ROUND = 20  # a round has so many times the steps on a GPU, where a step is short


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
      name: what the command line calls it; also the name of its JSON file.
      stage: 1 or 2.
      shape: of one example: [H, W, C] in stage 1, [kappa] in stage 2.
      steps: in a round on a CPU.
      target: how many times as fast as the plain graph we want to be on a CPU.
    """

    name: str
    stage: int
    shape: tuple[int, ...]
    steps: int
    target: float


ROWS = (
    Row("stage1_28", 1, (28, 28, 1), steps=20, target=1.15),
    Row("stage1_32", 1, (32, 32, 3), steps=20, target=1.10),
    Row("stage1_64", 1, (64, 64, 3), steps=10, target=1.10),
    Row("stage2", 2, (64,), steps=100, target=1.35),
)
FIRST_STAGES = {  # which row each of the paper's data sets trains its first stage at
    "mnist": "stage1_28",
    "fashion_mnist": "stage1_28",
    "cifar10": "stage1_32",
    "celeba": "stage1_64",
}


def measure_row(row: Row, device: str, rounds: int, only: str = "") -> float | None:
    """Measures one row, prints it, writes its JSON.

    Args:
      row: the row.
      device: cpu or gpu.
      rounds: of every side.
      only: sides whose names hold this text; "" for all.

    Returns:
      The seconds of one of our steps, None where that side is left out.
    """
    steps = row.steps * (GPU_ROUND if device == "gpu" else 1)
    result = measure.compare(_sides(row, device, only), steps, rounds)
    measure.show(f"Stage {row.stage}, {' x '.join(map(str, row.shape))}, batch 100", result)
    ours = result["sides"].get(DEVICE if device == "gpu" else HOST)  # the default
    if ours is None:
        measure.save(row.name, result)
        return None
    if device == "cpu" and not only:
        met = "met" if ours["ratio"] >= row.target else "NOT met"
        print(f"target: {row.target:.2f} times as fast as (a), {met}")
    share = rate.share(rate.step_flop(row.stage, row.shape), ours["median"])
    print(f"{100 * share:.0f} % of the rate of a large float32 matrix product")
    moved = rate.step_bytes(sides.parameters(row.stage, row.shape))
    speed = moved / ours["median"] / 1e9
    print(f"{moved / 1e9:.2f} GB of Adam's traffic a step, {speed:.0f} GB/s", flush=True)
    measure.save(row.name, result | {"target": row.target, "share": share, "bytes": moved})
    return ours["median"]


def _sides(row: Row, device: str, only: str = "") -> dict[str, tuple[str, dict]]:
    """What is compared; on a CPU nobody would run convolutions in a loop of XLA."""
    arguments = {"stage": row.stage, "shape": row.shape}
    functions = {"plain graph (a)": "plain_graph", "plain Keras (b)": "plain_keras", HOST: "ours"}
    if device == "gpu" or row.stage == 2:
        functions[DEVICE] = "ours_on_device"
    found = {title: (f"benchmarks.sides:{name}", arguments) for title, name in functions.items()}
    for title, switch in SWITCHES.items() if device == "gpu" else ():
        found[title] = ("benchmarks.sides:ours_on_device", arguments | switch)
    return {title: side for title, side in found.items() if only in title}


def hours(seconds: dict[str, float]) -> dict[str, tuple[float, float]]:
    """Hours of both stages of the `paper` recipe, for each data set whose rows were measured.

    Args:
      seconds: row name -> seconds a step.

    Returns:
      Data set -> (hours of stage 1, hours of stage 2).
    """
    found = {}
    for dataset, first in FIRST_STAGES.items():
        if {first, "stage2"} <= seconds.keys():
            steps = paper_steps(dataset)
            found[dataset] = (steps[0] * seconds[first] / 3600, steps[1] * seconds["stage2"] / 3600)
    return found


def paper_steps(dataset: str) -> tuple[int, int]:
    """How many steps the `paper` recipe trains stage 1 and stage 2."""
    from tf_twostage import recipes, table1_values
    from tf_twostage.data.batches import steps_per_epoch

    images = table1_values.TRAIN_IMAGES[dataset]
    recipe = recipes.get("paper", dataset, images)
    steps = steps_per_epoch(images, recipe.batch_size)
    return steps * recipe.schedule(1).epochs, steps * recipe.schedule(2).epochs


def show_hours(found: dict[str, tuple[float, float]]) -> None:
    """Prints `hours` as a table."""
    print("\nThe `paper` recipe at these speeds")
    print("| data set | steps, stage 1 + stage 2 | hours, stage 1 + stage 2 |\n|---|---|---|")
    for dataset, (first, second) in found.items():
        steps = " + ".join(f"{count:,}" for count in paper_steps(dataset))
        print(f"| {dataset} | {steps} | {first:.2f} + {second:.2f} |")


def main() -> None:
    """Measures the rows that the command line names, or all."""
    parser = measure.parser(__doc__)
    names = [row.name for row in ROWS]
    parser.add_argument("--only", default="", help="measure sides whose names hold this text")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(names)}; all")
    options = parser.parse_args()
    if unknown := set(options.rows) - set(names):
        parser.error(f"no row {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    measure.choose_device(options.device)
    chosen = [
        row
        for row in ROWS
        if row.name in (options.rows or names) and _sides(row, options.device, options.only)
    ]
    if not chosen:
        parser.error(f"no side of these rows has {options.only!r} in its name")
    seconds = {
        row.name: measure_row(row, options.device, options.rounds, options.only) for row in chosen
    }
    if found := hours({name: one for name, one in seconds.items() if one is not None}):
        show_hours(found)


if __name__ == "__main__":
    main()
