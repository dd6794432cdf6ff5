"""The run folder of one trial: the names of its files, and the only reader of its JSON files."""

import dataclasses
import json
import pathlib
import sys

from tf_twostage import epoch_log, files, json_forms, recipes
from tf_twostage.errors import InputError

# What makes a run another run; the rest of config.json only tells how it was done.
IDENTITY = ("recipe", "dataset", "seed")
STAGES = (1, 2)


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """`<output_dir>/<dataset>/<setting>/trial_000`, made on first use.

    A file that can be made again (metrics.json, the logs) counts as absent where it is damaged.
    config.json cannot: whoever goes on with a run gets it from `load_config`, which refuses a
    damaged one.

    Args:
      path: the folder; it need not exist.
    """

    path: pathlib.Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def config(self) -> pathlib.Path:
        """The setting, versions, devices and the git commit."""
        return self.path / "config.json"

    @property
    def metrics(self) -> pathlib.Path:
        """Every number; see `metrics.Metrics`."""
        return self.path / "metrics.json"

    @property
    def report(self) -> pathlib.Path:
        """The run on one page."""
        return self.path / "report.html"

    @property
    def live_decoder(self) -> pathlib.Path:
        """The decoder's weights in 8 bits, for the page."""
        return self.path / "live_decoder.json"

    @property
    def images(self) -> pathlib.Path:
        """The folder of grids."""
        return self.path / "images"

    @property
    def training_images(self) -> pathlib.Path:
        """The folder of grids drawn while training."""
        return self.images / "training"

    @property
    def figures(self) -> pathlib.Path:
        """The folder of plots."""
        return self.path / "figures"

    @property
    def saved_model(self) -> pathlib.Path:
        """The model for serving."""
        return self.path / "saved_model" / "1"

    @property
    def output(self) -> pathlib.Path:
        """What the trial printed, where it ran side by side with others."""
        return self.path / "output.log"

    @property
    def failure(self) -> pathlib.Path:
        """Why the trial failed when it ran last; absent if it did not."""
        return self.path / "failure.txt"

    def log(self, stage: int) -> pathlib.Path:
        """The CSV with a row an epoch."""
        return self.path / f"stage{stage}.csv"

    def tensorboard(self, stage: int) -> pathlib.Path:
        """The folder of TensorBoard's events."""
        return self.path / "tensorboard" / f"stage{stage}"

    def weights(self, stage: int) -> pathlib.Path:
        """The weights of a finished stage."""
        return self.path / "checkpoints" / f"stage{stage}.weights.h5"

    def best_weights(self, stage: int) -> pathlib.Path:
        """The weights of the checkpoint with the lowest FID, where that is not the last one."""
        return self.path / "checkpoints" / f"stage{stage}.best.weights.h5"

    @property
    def fids(self) -> pathlib.Path:
        """The CSV of FIDs measured while training: epoch, and a column for each protocol."""
        return self.path / "fids.csv"

    def checkpoint(self, stage: int) -> pathlib.Path:
        """Weights and optimiser of a stage that is still training."""
        return self.path / "checkpoints" / f"stage{stage}.training.weights.h5"

    def former_checkpoint(self, stage: int) -> pathlib.Path:
        """The checkpoint before that."""
        return self.path / "checkpoints" / f"stage{stage}.training.former.weights.h5"

    def delete_checkpoints(self, stage: int) -> None:
        """Deletes the checkpoints of a stage that has finished."""
        for path in (self.checkpoint(stage), self.former_checkpoint(stage)):
            path.unlink(missing_ok=True)

    def posterior(self, name: str) -> pathlib.Path:
        """q(z|x) of every training image: `name` is "mean" or "stddev"."""
        return self.path / "checkpoints" / f"posterior_{name}.npy"

    def open(self, config: dict) -> None:
        """Creates the folder and `config.json`, or checks that it holds a run of this config.

        Raises:
          InputError: the folder cannot be written, or holds a run of another configuration.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self.config.exists():
                _check_same(self.path, self.load_config(), _today(config))
            else:
                self.write(self.config, config)
        except InputError:
            raise
        except OSError as error:
            raise InputError(
                f"cannot write {self.path} ({error.strerror}): choose another --output_dir"
            ) from None

    def check_there(self) -> None:
        """Makes sure that the folder is still the one that was opened.

        Raises:
          InputError: it has gone. What is written then would make a new one, or fill another disk.
        """
        if not self.config.exists():
            raise InputError(
                f"{self.path} has vanished: its disk was unmounted, or somebody deleted it. Bring "
                "it back and give the same command again"
            )

    def write(self, path: pathlib.Path, content: dict) -> None:
        """Writes one of the JSON files, whole or not at all."""
        files.replace_text(path, json.dumps(content, indent=2) + "\n")

    def load_config(self) -> dict:
        """config.json.

        Raises:
          InputError: there is none, or it is damaged.
        """
        if not self.config.exists():
            raise InputError(f"{self.path} holds no run: there is no {self.config.name} in it")
        config = _read(self.config, json_forms.CONFIG)
        if not config:
            raise InputError(f"{self.config} is damaged: delete {self.path}, or restore the file")
        return _today(config)

    def read_config(self) -> dict:
        """config.json; {} where there is none or it is damaged."""
        return _today(_read_or_warn(self.config, json_forms.CONFIG))

    def read_metrics(self) -> dict:
        """metrics.json; {} where there is none or it is damaged."""
        return _read_or_warn(self.metrics, json_forms.METRICS)

    def read_live_decoder(self) -> dict:
        """live_decoder.json; {} where there is none or it is damaged."""
        return _read_or_warn(self.live_decoder, json_forms.LIVE_DECODER)

    def load_metrics(self) -> dict:
        """metrics.json.

        Raises:
          InputError: there is none, or it is damaged.
        """
        metrics = self.read_metrics()
        if not metrics:
            raise InputError(
                f"{self.path} has not finished (no readable metrics.json): give the command that "
                "trains it again"
            )
        return metrics

    def read_failure(self) -> str | None:
        """Why the trial failed when it ran last; None if it did not."""
        if not self.failure.exists():
            return None
        return self.failure.read_text(encoding="utf-8", errors="replace")

    def write_failure(self, reason: str) -> None:
        """Keeps why the trial failed, for `--dry_run`."""
        files.replace_text(self.failure, reason)

    def read_log(self, stage: int) -> dict[str, list[float]]:
        """The log of a stage: column name -> values, one an epoch; {} before its first epoch."""
        return epoch_log.read_log(self.log(stage))

    def read_fids(self, before: int) -> list[dict[str, float]]:
        """The rows of `fids` of epochs before this one; none where no FID was measured then."""
        rows = epoch_log.read_rows(self.fids)
        found = [{name: float(value) for name, value in row.items()} for row in rows]
        return [row for row in found if row["epoch"] < before]

    def read_logs(self) -> dict[int, dict[str, list[float]]]:
        """The logs of the stages that have at least one epoch."""
        logs = {stage: self.read_log(stage) for stage in STAGES}
        return {stage: log for stage, log in logs.items() if log}

    def trained_stages(self) -> list[int]:
        """The stages that have finished."""
        return [stage for stage in STAGES if self.weights(stage).exists()]


def _read(path: pathlib.Path, form: dict) -> dict:
    """What a JSON file holds; {} where it is absent, damaged or of another form."""
    content = files.read_json(path)
    return content if json_forms.fits(content, form) else {}


def _read_or_warn(path: pathlib.Path, form: dict) -> dict:
    content = _read(path, form)
    if not content and path.exists():
        print(f"warning: {path} is damaged: it counts as absent", file=sys.stderr)
    return content


def _today(config: dict) -> dict:
    """A config.json of this version or a former one, with today's names; null counts as absent."""
    config = {key: value for key, value in config.items() if value is not None}
    parts = {key: config.get(key) for key in ("recipe", "overrides")}
    known = {key: recipes.renamed(part) for key, part in parts.items() if isinstance(part, dict)}
    if "recipe" in known:  # former versions had one model only
        known["recipe"] = {"model": "two_stage"} | known["recipe"]
    return config | known


def same_images(existing: dict, dataset: dict) -> bool:
    """Whether a config.json tells of these images.

    Args:
      existing: its "dataset"; that of a former version has no identity.
      dataset: "identity", "image_shape", and the numbers of images "train" and "test".
    """
    names = ("identity", "image_shape", "train", "test")
    return all(existing.get(name, dataset[name]) == dataset[name] for name in names)


def _check_same(path: pathlib.Path, existing: dict, config: dict) -> None:
    if "dataset" in existing and not same_images(existing["dataset"], config["dataset"]):
        raise InputError(
            f"{path} holds a run of other images ({existing.get('source')}), not of these "
            f"({config['source']}): choose another --output_dir, or delete that folder"
        )
    theirs, ours = (
        _flat({key: c.get(key) for key in IDENTITY} | {"recipe": _whole(c.get("recipe") or {})})
        for c in (existing, config)
    )
    differing = [key for key in ours | theirs if theirs.get(key) != ours.get(key)]
    differing = [key for key in differing if key != "dataset.identity"]  # seen to above
    if differing:
        key = differing[0]
        was, is_ = theirs.get(key), ours.get(key)
        more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
        raise InputError(
            f"{path} holds a run with {key} = {was}, not {is_}{more}: "
            "choose another --output_dir, or delete that folder"
        )


def _whole(recipe: dict) -> dict:
    """A recipe with the values that a former version did not know yet: what it did then."""
    fields = dataclasses.fields(recipes.recipe_class(recipe))
    return {f.name: f.default for f in fields if f.default is not dataclasses.MISSING} | recipe


def _flat(tree: dict, prefix: str = "") -> dict:
    flat = {}
    for key, value in tree.items():
        inner = isinstance(value, dict)
        flat |= _flat(value, f"{prefix}{key}.") if inner else {prefix + key: _plain(value)}
    return flat


def _plain(value):
    return list(value) if isinstance(value, tuple) else value
