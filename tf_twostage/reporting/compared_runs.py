"""The finished runs that `--compare` puts side by side, read from their folders alone."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tf_twostage import run_folder
from tf_twostage.errors import InputError
from tf_twostage.files import PathLike
from tf_twostage.reporting import grids
from tf_twostage.run_folder import STAGES, RunFolder

IMAGES = 10  # of each run that are shown in a row


class ComparedRun(NamedTuple):
    """One finished run."""

    number: int  # from 1 on
    name: str  # what tells it from the others
    folder: RunFolder
    config: dict
    metrics: dict
    logs: Mapping[int, Mapping[str, Sequence[float]]]  # stage -> column -> a value an epoch

    @property
    def kind(self) -> str:
        """Its model; of a VAE the kind of gamma or likelihood where that is not the usual one."""
        recipe = self.config["recipe"]
        if recipe.get("likelihood") == "bernoulli":
            return "cross-entropy"
        fixed = recipe.get("learn_gamma") is False or recipe.get("gamma") == "fixed"
        return "fixed gamma" if fixed else recipe["model"]

    @property
    def label(self) -> str:
        """For a legend or a row of images."""
        return f"{self.number} {self.kind}"

    def samples(self) -> dict[int, np.ndarray]:
        """Stage -> its first samples, uint8 [IMAGES, H, W, C], as far as they were drawn."""
        found = {
            stage: grids.read_grid(
                self.folder.images / f"samples_stage{stage}.png", self._image_shape, IMAGES
            )
            for stage in STAGES
        }
        return {stage: images for stage, images in found.items() if images is not None}

    def reconstructions(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The first held-out images and their reconstructions, uint8 [N, H, W, C] each."""
        count = min(IMAGES, self.config["dataset"]["test"])
        path = self.folder.images / "reconstructions.png"
        return grids.read_pairs(path, self._image_shape, count)

    @property
    def _image_shape(self) -> tuple[int, int, int]:
        return tuple(self.config["dataset"]["image_shape"])


def read(paths: Sequence[PathLike]) -> list[ComparedRun]:
    """The runs in these folders, each once, in the order given.

    Raises:
      InputError: no run there, one that has not finished, fewer than two runs, or runs of
        different images.
    """
    resolved = dict.fromkeys(pathlib.Path(path).expanduser().resolve() for path in paths)
    folders = [RunFolder(path) for path in resolved]
    configs = [folder.load_config() for folder in folders]
    metrics = [_metrics(folder) for folder in folders]
    if len(folders) < 2:
        raise InputError(f"--compare needs two runs at least, not {folders[0]} alone")
    for folder, config in zip(folders, configs, strict=True):
        _check_images(folders[0], configs[0], folder, config)
    names = _names([folder.path for folder in folders])
    logs = [folder.read_logs() for folder in folders]
    columns = zip(names, folders, configs, metrics, logs, strict=True)
    return [ComparedRun(number, *values) for number, values in enumerate(columns, 1)]


def _metrics(folder: RunFolder) -> dict:
    found = folder.read_metrics()
    if not found:
        raise InputError(
            f"{folder} has not finished (no readable metrics.json): leave it out, or give the "
            "command that trains it again"
        )
    return found


def _check_images(first: RunFolder, expected: dict, folder: RunFolder, config: dict) -> None:
    theirs, ours = expected.get("dataset") or {}, config.get("dataset") or {}
    known = {"image_shape", "train", "test"} <= set(ours)
    known = known and isinstance(config.get("recipe"), dict)
    if not known:
        raise InputError(f"{folder.config} is damaged: leave that run out, or restore the file")
    of_first = {"identity": ours.get("identity")} | theirs  # former versions have no identity
    if ours.get("name") != theirs.get("name") or not run_folder.same_images(ours, of_first):
        raise InputError(
            f"runs of one data set are needed: {first} has {expected.get('source')}, and {folder} "
            f"has {config.get('source')}"
        )


def _names(paths: Sequence[pathlib.Path]) -> list[str]:
    """What tells these run folders apart: setting and trial, without the overrides of all."""
    settings = [path.parent.name.split("+") for path in paths]
    shared = set.intersection(*map(set, settings)) if len(set(map(tuple, settings))) > 1 else set()
    short = ["+".join(part for part in parts if part not in shared) for parts in settings]
    trials = {path.name for path in paths}
    names = [
        f"{name} {path.name}".strip() if len(trials) > 1 or not name else name
        for name, path in zip(short, paths, strict=True)
    ]
    if len(set(names)) == len(names):
        return names
    root = os.path.commonpath(paths)
    return [os.path.relpath(path, root) for path in paths]
