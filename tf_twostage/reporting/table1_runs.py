"""The finished runs behind Table 1, and the rows that each of them has a number for."""

import dataclasses
import pathlib

from tf_twostage import recipes, table1_values
from tf_twostage.errors import InputError
from tf_twostage.metrics import FidScores
from tf_twostage.recipes import gan
from tf_twostage.run_folder import RunFolder

FLOOR = "training images (the floor)"
BEST_GAN = "Best GAN, default"
GANS = {
    "mm_gan": "MM GAN",
    "ns_gan": "NS GAN",
    "lsgan": "LSGAN",
    "wgan": "WGAN",
    "wgan_gp": "WGAN GP",
    "dragan": "DRAGAN",
    "began": "BEGAN",
}
TUNED = "{}, tuned"  # the best setting of a search, its best checkpoint
LAST = "{}, last checkpoint"
ABLATIONS = {"autoencoder": "Autoencoder + stage 2", "joint": "Both stages trained jointly"}
WAES = {"wae_mmd": "WAE-MMD", "wae_gan": "WAE-GAN"}
ROWS = (
    *(TUNED.format(name) for name in GANS.values()),
    *GANS.values(),
    *(LAST.format(name) for name in GANS.values()),
    BEST_GAN,
    *WAES.values(),
    *table1_values.FID,
    *ABLATIONS.values(),
    FLOOR,
)
ALWAYS = (*table1_values.FID, FLOOR)  # shown even where nothing was measured
# Overrides that choose a row, or are what a search draws.
_ROW = ("model", "learn_gamma", "likelihood", "network")
_DRAWN = (*gan.SEARCH_RANGES, *gan.SEARCH_FIXED, "discriminator_norm")


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished trial that has FIDs."""

    name: str  # its folder, relative to the output folder
    config: dict
    fid: FidScores
    epochs: dict[int, int]  # stage -> epochs in its log

    @property
    def recipe(self) -> dict:
        """The recipe's values."""
        return self.config["recipe"]

    @property
    def model(self) -> str:
        """Its model; former versions had one only."""
        return self.recipe.get("model", "two_stage")

    @property
    def dataset(self) -> str:
        """Its name."""
        return self.config["dataset"]["name"]

    @property
    def setting(self) -> str:
        """The folder that it shares with the other trials of its setting."""
        return self.name.rpartition("/")[0]

    @property
    def searched(self) -> bool:
        """Whether its setting is a random one of a search."""
        return self.config.get("search") is not None

    @property
    def changes(self) -> dict:
        """Overrides, but for those that only choose a row or change nothing."""
        known = (*_ROW, *_DRAWN) if self.searched else _ROW
        overrides = (self.config.get("overrides") or {}).items()
        return {k: v for k, v in overrides if k not in known and (k, v) != ("epochs_scale", 1)}

    def scores(self, protocol: str) -> dict[str, float]:
        """Row of the table -> FID. A VAE's row is its stage 1's; the two-stage one learns gamma."""
        found = self.fid.protocols[protocol]
        scores = {FLOOR: self.fid.training_images}
        if self.model in GANS:
            return scores | self._gan_scores(protocol)
        if self.model in WAES:
            return scores | {WAES[self.model]: found["stage1"]}
        if self.model in ABLATIONS:
            row = ABLATIONS[self.model]
            return scores | ({row: found["stage2"]} if "stage2" in found else {})
        if self.recipe["likelihood"] == "bernoulli":
            return scores | {"VAE (cross-entropy)": found["stage1"]}
        kind = "learned" if self.recipe["learn_gamma"] else "fixed"
        scores[f"VAE ({kind} γ)"] = found["stage1"]
        if self.recipe["learn_gamma"] and "stage2" in found:
            scores["2-Stage VAE"] = found["stage2"]
        return scores

    def _gan_scores(self, protocol: str) -> dict[str, float]:
        """The study reports the best checkpoint; ours has the last one beside it."""
        name, last = GANS[self.model], self.fid.protocols[protocol]["stage1"]
        best = self.fid.best.protocols[protocol] if self.fid.best else last
        if self.searched:
            return {TUNED.format(name): best}
        return {name: best, LAST.format(name): last}


def collect(folder: pathlib.Path) -> list[Run]:
    """The finished runs with FIDs below an output folder, in the order of their paths."""
    found = (_finished(folder, path) for path in sorted(folder.glob("*/*/trial_*")))
    return [run for run in found if run]


def _finished(root: pathlib.Path, path: pathlib.Path) -> Run | None:
    """The run of a folder; None where it has no FIDs under each protocol."""
    folder = RunFolder(path)
    metrics, config = folder.read_metrics(), folder.read_config()
    fid = FidScores.from_dict(metrics.get("fid"))
    if not fid or not _has_both(fid) or not _tells(config):
        return None
    try:
        recipe = recipes.from_config(config["recipe"])
    except InputError as error:
        raise InputError(f"{folder.config}: {error}") from None
    stages = set(metrics.get("stages") or ()) & set(recipe.stages)
    logs = folder.read_logs()
    epochs = {s: len(logs[s]["epoch"]) if s in logs else 0 for s in sorted(stages)}
    config["recipe"] = dataclasses.asdict(recipe)  # former versions had fewer values
    return Run(path.relative_to(root).as_posix(), config, fid, epochs)


def _has_both(fid: FidScores) -> bool:
    """Whether samples were scored under each protocol."""
    return all("stage1" in fid.protocols.get(name, {}) for name in recipes.FID_PROTOCOLS)


def _tells(config: dict) -> bool:
    """Whether a config.json tells recipe and data set."""
    dataset = config.get("dataset") or {}
    known = all(dataset.get(name) is not None for name in ("name", "train", "test"))
    return bool(config.get("recipe")) and known
