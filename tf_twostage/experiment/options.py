"""What the command line asks for. Imports nothing heavy."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Options:
    """The command line as it was given; see `run_experiments.py --help`.

    `dataset`, `model`, `gamma` and `likelihood` may name several, and `trials` be above 1:
    `plan.make` makes single trials of them.
    """

    dataset: str = "manifold"
    model: tuple[str, ...] = ("two_stage",)
    stage: str = "both"
    recipe: str | None = None
    overrides: dict = dataclasses.field(default_factory=dict)  # of the recipe's values
    gamma: tuple[str, ...] = ()
    likelihood: tuple[str, ...] = ()
    epochs_scale: float = 1.0
    seed: int = 0
    trials: int = 1
    search: int | None = None  # so many random settings first
    trial: int | None = None  # just this one of them
    jobs: int | None = None  # trials at a time
    output_dir: str = "runs"
    data_dir: str | None = None
    celeba_dir: str | None = None
    fid: str | None = None
    inception: str | None = None
    fid_dims: int = 2048
    fid_images: int = 10_000
    image_size: int | None = None
    memory_gb: float | None = None
    strategy: str = "auto"
    loop: str = "auto"
    jit_compile: bool | None = None
    deterministic: bool = False
    tf32: bool = False
    dry_run: bool = False
