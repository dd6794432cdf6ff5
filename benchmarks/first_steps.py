"""Trains a network for its first steps, with and without `bounded_sd`: does it diverge?

    python -m benchmarks.first_steps --dataset fashion_mnist --network resnet

sd_z is `exp` of an output. On a bad start log sd_z runs away, and the loss with it, unless
`bounded_sd` keeps it within `network_values.SD_BOUND`. Prints the loss (equation (2), nats per
image), the largest |log sd_z| of a batch, and gamma; exits with 1 where a loss is not finite.
"""

import argparse
import dataclasses
import itertools
import math
import sys

from tf_twostage import keras_settings, recipes
from tf_twostage.quiet import quiet_import


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="fashion_mnist")
    parser.add_argument("--network", default="resnet")
    parser.add_argument("--recipe", default="paper")
    parser.add_argument("--batch_size", type=int, help="default: the recipe's")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--every", type=int, default=50, help="steps between two lines")
    parser.add_argument("--seed", type=int, default=0)
    flags = parser.parse_args()
    with quiet_import():
        from tf_twostage.data import datasets, sources
        from tf_twostage.data.storage import Storage
    dataset = datasets.load(sources.find(flags.dataset), Storage())
    recipe = recipes.get(flags.recipe, flags.dataset, len(dataset.train), network=flags.network)
    recipe = dataclasses.replace(recipe, batch_size=flags.batch_size or recipe.batch_size)
    print(f"{flags.dataset} {dataset.image_shape}, {flags.network}, {recipe.schedule(1)}")
    finite = [train(recipe, dataset, flags, bounded) for bounded in (False, True)]
    sys.exit(0 if all(finite) else 1)


@keras_settings.ours()
def train(recipe: recipes.Recipe, dataset, flags: argparse.Namespace, bounded: bool) -> bool:
    """The first steps of stage 1; returns whether every loss was finite."""
    import numpy as np

    from tf_twostage.data import batches
    from tf_twostage.models import loading
    from tf_twostage.training import optimizers

    recipe = dataclasses.replace(recipe, bounded_sd=bounded)
    model = loading.new(recipe, dataset.image_shape, flags.seed).trainee(1)
    data = batches.ImageBatches(dataset.train, recipe.batch_size, recipe.latent_dim, flags.seed)
    model.compile(**optimizers.of(recipe, 1, data.steps))
    print(f"\nbounded_sd={bounded}\n| step | loss | max abs(log sd_z) | gamma |\n|---|---|---|---|")
    for step, batch in enumerate(itertools.islice(data.stream(0), flags.steps), 1):
        loss = float(model.train_on_batch(batch, return_dict=True)["loss"])
        finite = math.isfinite(loss)
        if step == 1 or step % flags.every == 0 or not finite:
            log_sd = np.log(model.encoder(batch["x"]).stddev)
            print(f"| {step} | {loss:.6g} | {np.abs(log_sd).max():.2f} | {model.gamma:.4f} |")
        if not finite:
            return False
    return True


if __name__ == "__main__":
    main()
