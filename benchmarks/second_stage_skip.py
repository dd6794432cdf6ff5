"""What the second stage's skip is for: both terms of its loss in training, with and without it.

    python -m benchmarks.second_stage_skip fashion_mnist.npz

Trains a short stage 1 on 10,000 images. On its posteriors it trains the `paper` recipe's second
stage twice, at the recipe's own rate. Writes docs/images/second_stage_skip.png and prints the last
values.
"""

import argparse
import pathlib
import tempfile

import numpy as np

PICTURE = pathlib.Path("docs/images/second_stage_skip.png")
IMAGES = 10_000
STAGE1 = {"stage1_epochs": 6, "stage1_halve_every": 6, "learning_rate": 3e-3}


def posterior_of_stage1(images: np.ndarray, folder: pathlib.Path):
    """q(z|x) of the images after a short stage 1."""
    from tf_twostage import recipes
    from tf_twostage.data import batches
    from tf_twostage.models.two_stage import TwoStageVAE
    from tf_twostage.run_folder import RunFolder
    from tf_twostage.training import fit
    from tf_twostage.training.devices import Devices

    recipe = recipes.get("quick", "fashion_mnist", len(images), **STAGE1)
    model = TwoStageVAE(recipe, images.shape[1:])
    data = batches.ImageBatches(images, recipe.batch_size, recipe.latent_dim, seed=0)
    fit.fit_stage(model.stage1, data, recipe, RunFolder(folder), devices=Devices())
    return model.encode(images)


def log_of_stage2(posterior, skip: bool, epochs: int, folder: pathlib.Path) -> dict:
    """The columns of stage2.csv of the `paper` recipe's second stage, with or without its skip."""
    from tf_twostage import recipes
    from tf_twostage.data import batches
    from tf_twostage.models.two_stage import TwoStageVAE
    from tf_twostage.run_folder import RunFolder
    from tf_twostage.training import fit
    from tf_twostage.training.devices import Devices

    count = len(posterior.mean)
    recipe = recipes.get("paper", "fashion_mnist", count, stage2_epochs=epochs, stage2_skip=skip)
    model = TwoStageVAE(recipe, (28, 28, 1)).stage2
    data = batches.LatentBatches(*posterior, recipe.batch_size, seed=0)
    run = RunFolder(folder)
    fit.fit_stage(model, data, recipe, run, devices=Devices())
    return run.read_log(2)


def loss_of_encoding_nothing(posterior) -> float:
    """Nats of the best decoder that ignores u: z_hat the mean of z, gamma its mean variance."""
    variance = np.mean(posterior.mean.var(axis=0) + np.mean(posterior.stddev**2, axis=0))
    return posterior.mean.shape[1] / 2 * float(np.log(2 * np.pi * np.e * variance))


def plot(logs: dict, nothing: float, steps: int) -> None:
    """Both terms together, and the KL term alone, against the step."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    both, kl = figure.subplots(1, 2)
    for label, log in logs.items():
        x = steps * np.asarray(log["epoch"])
        both.plot(x, np.add(log["kl"], log["reconstruction"]), label=label)
        kl.plot(x, log["kl"], label=label)
    both.axhline(nothing, color="grey", linestyle="--", label="encoding nothing")
    both.set_ylabel("KL + reconstruction, nats")
    both.set_ylim(top=nothing + 3)
    kl.set_ylabel("KL, nats")
    for axis in (both, kl):
        axis.set_xlabel("steps of stage 2")
        axis.grid(alpha=0.3)
    both.legend()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=80)


def main() -> None:
    """Trains, prints, plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", help=".npz whose `train` is uint8 [N, 28, 28, 1]")
    parser.add_argument("--epochs", type=int, default=40, help="of stage 2, 100 steps each")
    options = parser.parse_args()
    images = np.load(options.images)["train"][:IMAGES]
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        posterior = posterior_of_stage1(images, root / "stage1")
        logs = {
            name: log_of_stage2(posterior, skip, options.epochs, root / name)
            for name, skip in (("with the skip", True), ("without", False))
        }
    active = int(np.sum(np.mean(posterior.stddev**2, axis=0) < 0.1))
    nothing = loss_of_encoding_nothing(posterior)
    print(f"{active} active dimensions; encoding nothing costs {nothing:.2f} nats")
    for name, log in logs.items():
        kl, reconstruction = log["kl"][-1], log["reconstruction"][-1]
        print(f"{name}: {kl + reconstruction:.2f} nats, of which KL {kl:.2f}")
    plot(logs, nothing, IMAGES // 100)


if __name__ == "__main__":
    main()
