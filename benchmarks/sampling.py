"""Sampling with both stages: ours against decoding 100 images at a time with plain Keras calls."""

from benchmarks import measure

SHAPE = (28, 28, 1)


def _model():
    from tf_twostage import recipes, two_stage

    model = two_stage.TwoStageVAE(recipes.get("paper", "mnist", 1000), SHAPE)
    model.trained |= {1, 2}
    return model


def plain():
    """`steps` hundreds of images, one graph call a stage and hundred, as the authors' loop does."""
    import numpy as np
    import tensorflow as tf

    model = _model()
    first, second = model.stage1.decoder, model.stage2.decoder
    decode = tf.function(lambda u: first(second(u, training=False), training=False))

    def run(steps: int) -> None:
        for _ in range(steps):
            u = np.random.default_rng(0).standard_normal((100, 64), dtype=np.float32)
            decode(tf.constant(u)).numpy()

    return run


def ours():
    """`steps` hundreds of images by `TwoStageVAE.sample`."""
    model = _model()
    return lambda steps: model.sample(100 * steps)


def main() -> None:
    """Prints the comparison for 10,000 images and writes its JSON."""
    options = measure.parser(__doc__).parse_args()
    measure.choose_device(options.device)
    names = {"a hundred at a time": "plain", "ours": "ours"}
    sides = {title: (f"benchmarks.sampling:{name}", {}) for title, name in names.items()}
    result = measure.compare(sides, 100, options.rounds)
    measure.show("Sampling 10,000 images, a step is 100 images", result)
    measure.save("sampling", result | {"target": 1.5})


if __name__ == "__main__":
    main()
