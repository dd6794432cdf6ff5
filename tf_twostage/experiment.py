"""One trial in one run folder: data, stage 1, stage 2, scores, pictures, SavedModel, report."""

import dataclasses
import pathlib
import time

import keras
import numpy as np

from tf_twostage import (
    batches,
    console,
    datasets,
    evaluation,
    export,
    figures,
    networks,
    recipes,
    report,
    training,
)
from tf_twostage.errors import InputError
from tf_twostage.networks import Posterior
from tf_twostage.run_folder import RunFolder, environment
from tf_twostage.two_stage import TwoStageVAE, as_float, stage_weights

GRID = 64  # images in a grid of samples
PAIRS = 32  # originals with their reconstructions
GRIDS_WHILE_TRAINING = 10  # a grid of samples about so many times in a stage


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says; see `run_experiments.py --help`."""

    dataset: str = "manifold"
    stage: str = "both"
    recipe: str | None = None
    overrides: dict = dataclasses.field(default_factory=dict)
    epochs_scale: float = 1.0
    seed: int = 0
    output_dir: str = "runs"
    data_dir: str | None = None
    celeba_dir: str | None = None
    fid: str | None = None
    inception: str | None = None
    fid_dims: int = 2048
    fid_images: int = 10_000
    jit_compile: bool | None = None
    dry_run: bool = False

    @property
    def stages(self) -> list[int]:
        """The stages to train."""
        return [1, 2] if self.stage == "both" else [int(self.stage)]

    @property
    def changes(self) -> dict:
        """What differs from the recipe as it stands."""
        scaled = {} if self.epochs_scale == 1 else {"epochs_scale": self.epochs_scale}
        return self.overrides | scaled

    @property
    def measures_fid(self) -> bool:
        """Whether FIDs are asked for: by default for the paper's data sets."""
        return (self.fid or console.on_or_off(self.dataset in recipes.PAPER_DATASETS)) == "on"


def run(options: Options) -> dict:
    """Runs one trial to its end, from wherever it stopped; returns its metrics.

    Raises:
      InputError: bad input, in one line.
    """
    outline = _outline(options)
    recipe = recipe_for(options, outline.train_images)
    _check_trainable(recipe, options.dataset, outline.image_shape, outline.train_images)
    if options.measures_fid and not options.dry_run:
        evaluation.check_fid(fid_setting(options, recipe))
    if options.dry_run:
        print(console.plan(options, recipe, outline, run_path(options, recipe)))
        return {}
    dataset = load_dataset(options, recipe)
    return Trial(options, recipe, dataset).run()


def recipe_for(options: Options, train_images: int) -> recipes.Recipe:
    """The recipe with the command line's overrides."""
    return recipes.get(
        options.recipe or recipes.default_name(options.dataset),
        options.dataset,
        train_images,
        epochs_scale=options.epochs_scale,
        **options.overrides,
    )


def fid_setting(options: Options, recipe: recipes.Recipe) -> evaluation.FidSetting:
    """How this run measures FIDs."""
    return evaluation.FidSetting(
        options.inception,
        options.fid_dims,
        recipe.fid_protocol,
        options.fid_images,
        "through JPEG" if recipe.jpeg else "",
    )


def load_dataset(options: Options, recipe: recipes.Recipe) -> datasets.Dataset:
    """The images of `--dataset`."""
    return datasets.load(
        options.dataset,
        data_dir=options.data_dir,
        celeba_dir=options.celeba_dir,
        jpeg=recipe.jpeg,
    )


def run_path(options: Options, recipe: recipes.Recipe) -> pathlib.Path:
    """`<output_dir>/<dataset>/<recipe>-<network>-<gamma>[+override=value...]/trial_000`."""
    kind = recipe.gamma if recipe.likelihood == "gaussian" else recipe.likelihood
    named = {"network", "gamma", "likelihood"}
    changed = [f"+{k}={v}" for k, v in sorted(options.changes.items()) if k not in named]
    setting = f"{recipe.name}-{recipe.network}-{kind}{''.join(changed)}"
    root = pathlib.Path(options.output_dir).expanduser()
    return root / datasets.run_name(options.dataset) / setting / "trial_000"


class Trial:
    """One seed of one setting."""

    def __init__(self, options: Options, recipe: recipes.Recipe, dataset: datasets.Dataset):
        self.options = options
        self.recipe = recipe
        self.dataset = dataset
        self.seed = options.seed
        self.folder = RunFolder(run_path(options, recipe))
        self.path = self.folder.path

    def run(self) -> dict:
        """Trains what is asked for and not yet done, then scores and draws."""
        self.folder.open(self.config())
        print(f"run folder: {self.path}", flush=True)
        self.model = TwoStageVAE(self.recipe, self.dataset.image_shape, self.seed)
        if 2 in self.options.stages and 1 not in self.options.stages:
            self.model.load_stage(self.path, 1)
        for stage in self.options.stages:
            self.train(stage)
        if self.options.stages == [1] and stage_weights(self.path, 2).exists():
            self.model.load_stage(self.path, 2)
        return self.finish()

    def config(self) -> dict:
        """What `config.json` records."""
        return {
            "recipe": dataclasses.asdict(self.recipe),
            "overrides": self.options.changes,
            "dataset": {
                "name": self.dataset.name,
                "version": self.dataset.version,
                "image_shape": list(self.dataset.image_shape),
                "train": len(self.dataset.train),
                "test": len(self.dataset.test),
            },
            "source": self.dataset.source,
            "seed": self.seed,
            "environment": environment(),
        }

    def train(self, stage: int) -> None:
        """Trains one stage and saves its weights, or loads them if it is done already."""
        if stage_weights(self.path, stage).exists():
            print(f"stage {stage}: already trained")
            self.model.load_stage(self.path, stage)
            return
        print(
            f"stage {stage}: {console.schedule_in_words(self.recipe.schedule(stage))}", flush=True
        )
        model = self.model.stage(stage)
        steps = batches.steps_per_epoch(len(self.dataset.train), self.recipe.batch_size)
        training.fit_stage(
            model,
            self.batches(stage),
            steps,
            self.recipe,
            stage,
            self.path,
            callbacks=[SampleGrids(self, stage)],
            jit_compile=self.options.jit_compile,
        )
        self.model.save_stage(self.path, stage)
        self.model.trained.add(stage)
        training.Checkpoint(self.path, stage).remove()

    def batches(self, stage: int) -> training.Batches:
        """The stream of training batches of a stage."""
        size = self.recipe.batch_size
        if stage == 1:
            images, kappa = self.dataset.train, self.recipe.latent_dim
            return lambda epoch: batches.image_batches(images, size, kappa, self.seed, epoch)
        mean, stddev = self.posterior()
        return lambda epoch: batches.latent_batches(mean, stddev, size, self.seed, epoch)

    def posterior(self) -> Posterior:
        """q(z|x) of every training image, computed once and stored in the run folder."""
        path = self.path / "checkpoints" / "posterior.npz"
        if not path.exists():
            posterior = self.model.encode(self.dataset.train)
            temporary = path.with_name(".posterior.npz")
            np.savez(temporary, **posterior._asdict())
            temporary.replace(path)
        with np.load(path) as stored:
            return Posterior(stored["mean"], stored["stddev"])

    def finish(self) -> dict:
        """Scores the model and writes metrics, pictures, SavedModel and report."""
        start = time.perf_counter()
        print("scoring", flush=True)
        trained = sorted(self.model.trained)
        posterior = self.posterior()
        metrics = evaluation.evaluate(self.model, self.dataset, posterior, trained, self.seed)
        self.draw(trained)
        figures.write_all(
            self.path, self.model, self.dataset.test, posterior.mean, posterior.stddev, self.seed
        )
        export.export_saved_model(self.model, self.path / "saved_model" / "1")
        metrics["fid"] = None
        if self.options.measures_fid:
            setting = fid_setting(self.options, self.recipe)
            metrics["fid"] = evaluation.fid_scores(
                self.model, self.dataset, trained, setting, self.seed
            )
        metrics |= self.training_facts(trained)
        metrics["seconds"]["evaluation"] = time.perf_counter() - start
        metrics["seconds"]["total"] = sum(metrics["seconds"].values())
        self.folder.write("metrics.json", metrics)
        page = report.write_report(self.path)
        print(console.summary(metrics, self.path, page))
        return metrics

    def draw(self, trained: list[int]) -> None:
        """Grids of reconstructions and samples."""
        images = self.path / "images"
        shown = self.dataset.test[:PAIRS]
        figures.save_pairs(
            images / "reconstructions.png",
            as_float(shown),
            self.model.reconstruct(shown, self.seed),
        )
        for stage in trained:
            samples = self.model.sample(GRID, self.seed, stage)
            figures.save_grid(images / f"samples_stage{stage}.png", samples)

    def training_facts(self, trained: list[int]) -> dict:
        """Last losses and seconds of each stage, from its log."""
        logs = {
            f"stage{stage}": training.read_log(self.path / f"stage{stage}.csv") for stage in trained
        }
        terms = ("kl", "reconstruction")
        return {
            "loss": {name: {term: log[term][-1] for term in terms} for name, log in logs.items()},
            "seconds": {name: sum(log["seconds"]) for name, log in logs.items()},
        }


class SampleGrids(keras.callbacks.Callback):
    """A grid of samples at fixed latents about ten times in a stage."""

    def __init__(self, trial: Trial, stage: int):
        super().__init__()
        self.trial = trial
        self.stage = stage
        epochs = trial.recipe.schedule(stage).epochs
        self.every = max(1, epochs // GRIDS_WHILE_TRAINING)
        shape = (2, GRID, trial.recipe.latent_dim)
        self.latents = np.random.default_rng(trial.seed).normal(size=shape).astype("float32")

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        first, noise = self.latents
        model = self.trial.model
        z = first if self.stage == 1 else model.latents_from(first, noise)
        name = f"stage{self.stage}_epoch_{epoch + 1:04d}.png"
        figures.save_grid(self.trial.path / "images" / "training" / name, model.decode(z))


def _outline(options: Options) -> datasets.Outline:
    return datasets.outline(
        options.dataset, data_dir=options.data_dir, celeba_dir=options.celeba_dir
    )


def _check_trainable(recipe: recipes.Recipe, name: str, shape: tuple, train_images: int) -> None:
    networks.check_image_shape(recipe.network, tuple(shape))
    if train_images < recipe.batch_size:
        raise InputError(
            f"{name} has {train_images} training images, fewer than one batch of "
            f"{recipe.batch_size}: give more images or a smaller --batch_size"
        )
