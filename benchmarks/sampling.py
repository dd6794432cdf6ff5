"""Times sampling with both stages: ours, and a v1 Session that is fed 100 latents at a time."""

from benchmarks import measure

SHAPE = (28, 28, 1)


def plain():
    """`run(steps)` draws 100 images a step, with one run of the session for each stage."""
    import numpy as np

    from benchmarks.plain_graph import KAPPA, PlainSampler

    sampler = PlainSampler((100, *SHAPE))
    rng = np.random.default_rng(0)

    def run(steps: int) -> None:
        for _ in range(steps):
            sampler.sample(*rng.standard_normal((2, 100, KAPPA), dtype=np.float32))

    return run


def ours():
    """`run(steps)` draws 100 images a step, all in one call of `TwoStageVAE.sample`."""
    from tf_twostage import recipes
    from tf_twostage.models import two_stage

    model = two_stage.TwoStageVAE(recipes.get("paper", "mnist", 1000), SHAPE)
    model.trained |= {1, 2}
    return lambda steps: model.sample(100 * steps)


def main() -> None:
    """Draws 10,000 images in both ways, prints how long it took and writes the JSON."""
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    names = {"plain graph (a)": "plain", "ours": "ours"}
    sides = {title: (f"benchmarks.sampling:{name}", {}) for title, name in names.items()}
    result = measure.compare(sides, 100, options.rounds)
    measure.show("Sampling 10,000 images, a step is 100 images", result)
    measure.save("sampling", result | {"target": 1.5})


if __name__ == "__main__":
    main()
