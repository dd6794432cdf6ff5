"""One trial in one run folder: data, stage 1, stage 2, scores, pictures, SavedModel, report."""

import contextlib
import dataclasses
import functools
import os
import time

import keras
import tensorflow as tf

from tf_twostage import epoch_log, files, recipes
from tf_twostage.data import batches, datasets
from tf_twostage.data.datasets import Dataset
from tf_twostage.data.storage import GB, Storage
from tf_twostage.evaluation import diagnostics, fid_scores, scores
from tf_twostage.evaluation.fid_scores import FidMeter
from tf_twostage.experiment import best_checkpoint, console, lock, progress, room, served
from tf_twostage.experiment.best_checkpoint import CheckpointFids
from tf_twostage.experiment.environment import environment
from tf_twostage.experiment.plan import Plan
from tf_twostage.experiment.sample_grids import SampleGrids
from tf_twostage.metrics import FidScores, Metrics
from tf_twostage.models import loading, precision
from tf_twostage.models.latent_model import LatentModel
from tf_twostage.models.networks import Posterior
from tf_twostage.reporting import pictures, report
from tf_twostage.training import cluster, fit, loop, posteriors
from tf_twostage.training.callbacks import FolderGuard
from tf_twostage.training.devices import Devices


def run(plan: Plan) -> dict:
    """Runs one trial to its end, from wherever it stopped; returns its metrics.

    A trial that has been scored as the plan asks is not touched.

    Raises:
      HeldError: another process works on it.
      InputError: bad input, in one line.
    """
    chief = cluster.is_chief(plan.options.strategy)
    with lock.hold(plan.lock, str(plan.folder)) if chief else contextlib.nullcontext():
        if progress.status(plan, held_here=True).finished:
            print(f"{plan.folder}: finished, nothing to do", flush=True)
            return plan.folder.read_metrics()
        plan.folder.failure.unlink(missing_ok=True)
        return _run(plan)


def _run(plan: Plan) -> dict:
    options = plan.options
    precision.allow_tf32(options.tf32)
    if options.deterministic:
        make_deterministic(plan.seed)
    devices = Devices.choose(options.strategy)
    devices.check_batch_size(plan.recipe.batch_size)
    limit = None if options.memory_gb is None else options.memory_gb * GB
    storage = Storage(limit, os.path.expanduser(options.output_dir))
    dataset = datasets.load(plan.setting.source, jpeg=plan.recipe.jpeg, storage=storage)
    with cluster.losing_workers(devices.workers):
        return Trial(plan, dataset, devices, storage).run()


def make_deterministic(seed: int) -> None:
    """Makes every TensorFlow op of this process give the same bits in every run."""
    keras.utils.set_random_seed(seed)  # ops that draw without a seed of their own are an error
    tf.config.experimental.enable_op_determinism()
    # The same of what XLA compiles: it also chooses no kernel by timing. (Read when XLA starts.)
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true"
    print("deterministic ops: the same bits in every run, also on a GPU, at some cost in speed")


class Trial:
    """One seed of one setting."""

    def __init__(self, plan: Plan, dataset: Dataset, devices: Devices, storage: Storage):
        self.plan = plan
        self.dataset = dataset
        self.devices = devices
        self.storage = storage
        self.recipe = plan.recipe
        self.seed = plan.seed
        self.folder = plan.folder

    def run(self) -> dict:
        """Trains what is asked for and not yet done, then scores and draws.

        Of several workers the chief alone writes the run folder, and scores; the others train
        with it, wait for it and return {}.
        """
        stages = self.plan.setting.stages
        self.model = self.new_model()
        if self.devices.is_chief:
            room.check(self.folder.path, room.needed(self.model, len(self.dataset.train)))
            self.folder.open(self.config())
            files.remove_temporary(self.folder.path)
            print(f"run folder: {self.folder}", flush=True)
        self.devices.say_what_is_off(loop.compiles(self.plan.options.jit_compile))
        if stages == (2,):
            self.model.load_stage(self.folder, 1)
        for stage in stages:
            self.train(stage)
        if stages == (1,) and 2 in self.folder.trained_stages():
            self.model.load_stage(self.folder, 2)
        if self.model.has_encoder:
            _ = self.posterior  # computed by all workers together
        metrics = self.finish() if self.devices.is_chief else {}
        self.devices.wait_for_each_other()
        return metrics

    def new_model(self) -> LatentModel:
        """Untrained, on the devices chosen."""
        with self.devices.strategy.scope():
            return loading.new(
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
            "overrides": self.plan.setting.changes,
            **({} if self.plan.setting.search is None else {"search": self.plan.setting.search}),
            "dataset": {
                "name": self.dataset.name,
                "version": self.dataset.version,
                **self.plan.setting.images,
            },
            "source": self.dataset.source,
            "seed": self.seed,
            "devices": str(self.devices),
            "loop": self.plan.options.loop,
            "jit_compile": self.plan.options.jit_compile,
            "deterministic": self.plan.options.deterministic,
            "tf32": self.plan.options.tf32,
            "environment": environment(),
        }

    def train(self, stage: int) -> None:
        """Trains one stage and saves its weights, or loads them if it is done already."""
        if stage in self.folder.trained_stages():
            print(f"stage {stage}: already trained")
            self.model.load_stage(self.folder, stage)
        else:
            self._fit(stage)
        if self.devices.is_chief:
            self.folder.delete_checkpoints(stage)

    def _fit(self, stage: int) -> None:
        schedule = self.recipe.schedule(stage)
        print(f"stage {stage}: {schedule}", flush=True)
        fit.fit_stage(
            self.model.trainee(stage),
            self.batches(stage),
            self.recipe,
            self.folder,
            devices=self.devices,
            callbacks=self.callbacks(stage),
            loop=self.plan.options.loop,
            jit_compile=self.plan.options.jit_compile,
        )
        for done in self.model.trained_by(stage):
            self.model.trained.add(done)
            if self.devices.is_chief:
                self.model.save_stage(self.folder, done)

    def callbacks(self, stage: int) -> list[keras.callbacks.Callback]:
        """What is drawn and measured while a stage trains."""
        epochs = self.recipe.schedule(stage).epochs
        shown = max(self.model.trained_by(stage))
        grids = SampleGrids(self.model, shown, epochs, self.seed, self.folder)
        found = [FolderGuard(self.folder), grids]
        if self.watches_fid and shown == self.model.last_stage:
            found.append(CheckpointFids(self.model, self.meter, self.folder, self.seed))
        return found

    @property
    def watches_fid(self) -> bool:
        """Whether FIDs are measured while the last stage trains."""
        return self.plan.setting.fid is not None and self.recipe.fid_every > 0

    @functools.cached_property
    def meter(self) -> FidMeter:
        """Measures FIDs against this data set."""
        return FidMeter(self.dataset, self.plan.setting.fid)

    def batches(self, stage: int) -> batches.Batches:
        """The training batches of a stage."""
        size, kappa = self.recipe.batch_size, self.recipe.latent_dim
        if stage == 2:
            return batches.LatentBatches(*self.posterior, size, self.seed)
        if isinstance(self.recipe, recipes.GANRecipe):
            n, extras = self.recipe.discriminator_steps, self.model.stage1.extras
            return batches.AdversarialBatches(self.dataset.train, size, kappa, self.seed, n, extras)
        noises = 2 if self.recipe.model == "joint" else 1  # z's, and u's beside it
        return batches.ImageBatches(self.dataset.train, size, noises * kappa, self.seed)

    @functools.cached_property
    def posterior(self) -> Posterior:
        """q(z|x) of every training image, computed once and stored in the run folder."""
        return posteriors.stored_or_encoded(
            self.folder, self.model, self.dataset.train, self.storage, self.devices
        )

    def finish(self) -> dict:
        """Scores the model and writes metrics, pictures, SavedModel and report."""
        start = time.perf_counter()
        self.folder.check_there()
        print("scoring", flush=True)
        latents = None
        if self.model.has_encoder:
            latents = diagnostics.latents(self.model, self.posterior, self.seed)
        found = scores.evaluate(self.model, self.dataset, latents, self.seed)
        shown = self.dataset.test[: pictures.PAIRS]
        pictures.write(self.folder, self.model, latents, shown, self.seed)
        fids = self.fids() if self.plan.setting.fid else None
        logs = {f"stage{stage}": log for stage, log in self.folder.read_logs().items()}
        seconds = {name: sum(log["seconds"]) for name, log in logs.items()}
        seconds["evaluation"] = time.perf_counter() - start
        metrics = Metrics(found, fids, _last_losses(logs), seconds)
        alone = loading.load(self.folder.path) if self.devices.distributed else self.model
        config = self.folder.load_config()
        served.write(alone, config, metrics.as_dict(), self.folder.saved_model)
        report.write_report(self.folder, metrics.as_dict())
        self.folder.write(self.folder.metrics, metrics.as_dict())  # last: now all is there
        print(console.summary(metrics, self.folder))
        return metrics.as_dict()

    def fids(self) -> FidScores:
        """FIDs of the finished model, beside the best checkpoint's where they were measured."""
        found = fid_scores.measure(self.model, self.meter, self.seed)
        if not self.watches_fid:
            return found
        epochs = self.recipe.schedule(max(self.recipe.stages)).epochs
        return best_checkpoint.with_best(found, self.folder, self.model.last_stage, epochs)


def _last_losses(logs: dict) -> dict:
    """Every term of each stage's loss in its last epoch."""
    return {
        name: {term: log[term][-1] for term in log if term not in epoch_log.FACTS}
        for name, log in logs.items()
    }
