"""One trial in one run folder: data, stage 1, stage 2, scores, pictures, SavedModel, report."""

import dataclasses
import functools
import time

import keras
import numpy as np
import tensorflow as tf

from tf_twostage import epoch_log, recipes
from tf_twostage.data import batches, datasets, sources
from tf_twostage.data.storage import Storage
from tf_twostage.evaluation import scores
from tf_twostage.experiment import console, progress, settings
from tf_twostage.models import export
from tf_twostage.models.networks import Posterior
from tf_twostage.models.two_stage import TwoStageVAE, as_float, stage_weights
from tf_twostage.reporting import figures, report
from tf_twostage.run_folder import RunFolder, environment
from tf_twostage.training import fit, posteriors, strategy

GRID = 64  # images in a grid of samples
PAIRS = 32  # originals with their reconstructions
GRIDS_WHILE_TRAINING = 10  # a grid of samples about so many times in a stage


def run(options: settings.Options) -> dict:
    """Runs one trial to its end, from wherever it stopped; returns its metrics.

    A trial that has been scored as these options ask is not touched.

    Raises:
      InputError: bad input, in one line.
    """
    recipe = settings.recipe_of(options)
    status = progress.status(options, recipe)
    if status.finished:
        print(f"{status.path}: finished, nothing to do", flush=True)
        return RunFolder(status.path).read("metrics.json")
    if options.deterministic:
        make_deterministic(options.seed)
    devices = strategy.choose(options.strategy)
    devices.check_batch_size(recipe.batch_size)
    storage = settings.storage(options)
    dataset = datasets.load(sources.find(**settings.source(options)), storage, recipe.jpeg)
    with devices.losing_workers():
        return Trial(options, recipe, dataset, devices, storage).run()


def make_deterministic(seed: int) -> None:
    """Makes every TensorFlow op of this process give the same bits in every run."""
    keras.utils.set_random_seed(seed)  # ops that draw without a seed of their own are an error
    tf.config.experimental.enable_op_determinism()
    print("deterministic ops: the same bits in every run, also on a GPU, at some cost in speed")


class Trial:
    """One seed of one setting."""

    def __init__(
        self,
        options: settings.Options,
        recipe: recipes.Recipe,
        dataset: datasets.Dataset,
        devices: strategy.Devices,
        storage: Storage,
    ):
        self.options = options
        self.devices = devices
        self.storage = storage
        self.recipe = recipe
        self.dataset = dataset
        self.seed = options.seed
        self.folder = RunFolder(settings.run_path(options, recipe))
        self.path = self.folder.path

    def run(self) -> dict:
        """Trains what is asked for and not yet done, then scores and draws.

        Of several workers the chief alone writes the run folder, and scores; the others train
        with it, wait for it and return {}.
        """
        if self.devices.is_chief:
            self.folder.open(self.config())
            print(f"run folder: {self.path}", flush=True)
        self.devices.say_what_is_off(fit.compiles(self.options.jit_compile))
        self.model = self.new_model()
        if 2 in self.options.stages and 1 not in self.options.stages:
            self.model.load_stage(self.path, 1)
        for stage in self.options.stages:
            self.train(stage)
        if self.options.stages == [1] and stage_weights(self.path, 2).exists():
            self.model.load_stage(self.path, 2)
        _ = self.posterior  # computed by all workers together
        metrics = self.finish() if self.devices.is_chief else {}
        self.devices.wait_for_each_other()
        return metrics

    def new_model(self) -> TwoStageVAE:
        """Untrained, on the devices chosen."""
        with self.devices.strategy.scope():
            return TwoStageVAE(
                self.recipe,
                self.dataset.image_shape,
                self.seed,
                synchronized=self.devices.replicas > 1,
                predict=self.devices.predict,
            )

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
            "devices": str(self.devices),
            "jit_compile": self.options.jit_compile,
            "deterministic": self.options.deterministic,
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
        fit.fit_stage(
            model,
            self.batches(stage),
            steps,
            self.recipe,
            stage,
            self.path,
            callbacks=[SampleGrids(self, stage)],
            jit_compile=self.options.jit_compile,
        )
        self.model.trained.add(stage)
        if self.devices.is_chief:
            self.model.save_stage(self.path, stage)
            fit.Checkpoint(self.path, stage).remove()

    def batches(self, stage: int) -> fit.Batches:
        """The stream of training batches of a stage."""
        size, part = self.recipe.batch_size, self.devices.part
        if stage == 1:
            images, kappa = self.dataset.train, self.recipe.latent_dim
            return lambda epoch: batches.image_batches(images, size, kappa, self.seed, epoch, part)
        mean, stddev = self.posterior
        return lambda epoch: batches.latent_batches(mean, stddev, size, self.seed, epoch, part)

    @functools.cached_property
    def posterior(self) -> Posterior:
        """q(z|x) of every training image, computed once and stored in the run folder."""
        return posteriors.stored_or_encoded(
            self.path / "checkpoints", self.model, self.dataset.train, self.storage, self.devices
        )

    def finish(self) -> dict:
        """Scores the model and writes metrics, pictures, SavedModel and report."""
        start = time.perf_counter()
        print("scoring", flush=True)
        trained = sorted(self.model.trained)
        posterior = self.posterior
        metrics = scores.evaluate(self.model, self.dataset, posterior, trained, self.seed)
        self.draw(trained)
        figures.write_all(
            self.path, self.model, self.dataset.test, posterior.mean, posterior.stddev, self.seed
        )
        served = TwoStageVAE.load(self.path) if self.devices.distributed else self.model
        export.export_saved_model(served, self.path / "saved_model" / "1")
        metrics["fid"] = None
        if self.options.measures_fid:
            setting = settings.fid_setting(self.options, self.recipe)
            metrics["fid"] = scores.fid_scores(
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
            f"stage{stage}": epoch_log.read_log(self.path / f"stage{stage}.csv")
            for stage in trained
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
