"""The record of `metrics.json`: written by evaluation, read by whoever shows or tabulates it."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence


@dataclasses.dataclass(frozen=True)
class Distances:
    """Sliced Wasserstein distances to held-out images, in units of pixel values 0..1."""

    stage1: float  # of samples of stage 1
    stage2: float | None  # of samples of both stages; None where stage 2 is not trained
    train_vs_test: float  # of training images: the floor
    images: int  # on each side

    @property
    def factor(self) -> float | None:
        """stage1 / stage2: above 1 where stage 2 comes closer; None where one of them is 0."""
        return self.stage1 / self.stage2 if self.stage1 and self.stage2 else None

    @property
    def in_words(self) -> str | None:
        """'1.6 times closer', or '1.1 times farther' where stage 2 is behind."""
        return None if self.factor is None else in_words(self.factor)

    def as_dict(self) -> dict:
        """As it stands in metrics.json."""
        second = {} if self.stage2 is None else {"stage2": self.stage2, "factor": self.factor}
        last = {"train_vs_test": self.train_vs_test, "images": self.images}
        return {"stage1": self.stage1, **second, **last}


def in_words(factor: float) -> str:
    """A factor by which a distance shrinks: '1.6 times closer', '1.1 times farther'."""
    farther = 1 / factor if factor > 0 else math.inf
    return f"{factor:.1f} times closer" if factor >= 1 else f"{farther:.1f} times farther"


COLLAPSED = 0.5  # a share of near duplicates above this is called a mode collapse


@dataclasses.dataclass(frozen=True)
class NearDuplicates:
    """Shares of near duplicates, 0..1: the sign of a generator that makes few different images.

    An image is one where the image nearest to it in its own set is closer than that of 1 % of as
    many held-out images; images are compared by the means of 4 x 4 blocks.
    """

    stage1: float  # among samples of stage 1
    stage2: float | None  # among samples of both stages; None where stage 2 is not trained
    train: float  # among training images: the floor, about 0.01
    images: int  # in each set

    def as_dict(self) -> dict:
        """As it stands in metrics.json."""
        values = dataclasses.asdict(self)
        return {name: value for name, value in values.items() if value is not None}


@dataclasses.dataclass(frozen=True)
class Normality:
    """How far the latents of one stage, z ~ q(z) or u ~ q(u), are from draws from N(0, I)."""

    spectrum_distance: float  # root mean square difference of sorted singular values over sqrt(n)
    mmd2: float  # unbiased estimate of MMD^2; may be below 0
    p_value: float  # of that: the share of random splits with one as great, in 0..1


@dataclasses.dataclass(frozen=True)
class LatentSpace:
    """What the posteriors of the training images say about the latent space."""

    kl: tuple[float, ...] | None  # [kappa], nats, mean over images; None where sd_z is 0
    active_share: float | None  # of lambda_j below the threshold, 0..1; None where sd_z is 0
    lambda_gap: float | None  # least lambda_j above it - greatest below; None where one is missing
    z: Normality
    u: Normality | None  # None where stage 2 is not trained
    spectrum_floor: float  # the distance between the spectra of two N(0, I) matrices
    draws: int  # n, rows of the matrices
    mmd_draws: int  # rows of them that the MMD is measured on

    def as_dict(self) -> dict:
        """As it stands in metrics.json."""
        values = dataclasses.asdict(self)
        kl = None if self.kl is None else list(self.kl)
        return {"kl_per_dimension": kl} | {k: v for k, v in values.items() if k != "kl"}


@dataclasses.dataclass(frozen=True)
class Encoding:
    """What an encoder gives."""

    active_dimensions: int
    true_dimensions: int | None  # r, where it is known
    lambda_: tuple[float, ...]  # [kappa], mean posterior variances; 0 without any noise
    reconstruction_mse: float  # a pixel of held-out images, (0..1)^2
    latent_space: LatentSpace


@dataclasses.dataclass(frozen=True)
class Scores:
    """What the model and the images give, without an Inception network."""

    stages: tuple[int, ...]  # those that are trained
    latent_dim: int  # kappa
    log_sd_x: float | None  # log of the decoder's standard deviation; None where it has none
    encoding: Encoding | None  # None without an encoder
    sliced_wasserstein: Distances
    near_duplicates: NearDuplicates

    @property
    def gamma(self) -> float | None:
        """The decoder's variance."""
        return None if self.log_sd_x is None else math.exp(2 * self.log_sd_x)

    def as_dict(self) -> dict:
        """As it stands in metrics.json. `log_gamma` is the former name of `log_sd_x`."""
        encoding = self.encoding and {
            "active_dimensions": self.encoding.active_dimensions,
            "true_dimensions": self.encoding.true_dimensions,
            "lambda": list(self.encoding.lambda_),
            "reconstruction_mse": self.encoding.reconstruction_mse,
            "latent_space": self.encoding.latent_space.as_dict(),
        }
        variance = {"gamma": self.gamma, "log_gamma": self.log_sd_x}
        return {
            "stages": list(self.stages),
            **(variance if self.log_sd_x is not None else {}),
            "latent_dim": self.latent_dim,
            **(encoding or {}),
            "sliced_wasserstein": self.sliced_wasserstein.as_dict(),
            "near_duplicates": self.near_duplicates.as_dict(),
        }


@dataclasses.dataclass(frozen=True)
class BestFid:
    """The lowest FID of the checkpoints at which it was measured."""

    epoch: int  # of the last stage
    checkpoints: int  # how many were compared
    protocols: Mapping[str, float]  # the FIDs of that checkpoint's samples

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, float]], protocol: str) -> "BestFid":
        """The best of rows {"epoch", and an FID for each protocol}, by one of the protocols."""
        best = dict(min(rows, key=lambda row: row[protocol]))
        return cls(int(best.pop("epoch")), len(rows), best)

    @classmethod
    def from_dict(cls, values: dict | None, protocols: Iterable[str]) -> "BestFid | None":
        """The record of metrics.json; None where there is none or a protocol is missing."""
        names = [field.name for field in dataclasses.fields(cls)]
        if not values or not set(names) <= set(values):
            return None
        known = {name: values[name] for name in names}
        return cls(**known) if set(protocols) <= set(known["protocols"] or ()) else None


@dataclasses.dataclass(frozen=True)
class FidScores:
    """FIDs of one run under every protocol.

    `protocols` maps a protocol's name to {"reconstruction", "stage1", "stage2"}, as far as they
    were measured.
    """

    protocol: str  # the one whose numbers stand first
    dims: int  # width of the features
    inception_git_blob: str
    comparable_with_table1: bool
    images: int  # on each side
    training_images: float  # FID of training images: the floor
    protocols: Mapping[str, Mapping[str, float]]
    best: BestFid | None = None  # None where FIDs were not measured while training

    @property
    def reported(self) -> float:
        """The FID that a row of Table 1 has: the best checkpoint's, else that of the last stage."""
        if self.best:
            return self.best.protocols[self.protocol]
        found = self.protocols[self.protocol]
        return found.get("stage2", found["stage1"])

    @classmethod
    def from_dict(cls, values: dict | None) -> "FidScores | None":
        """The record that `as_dict` was made of; None where there is none or it is not whole."""
        names = [field.name for field in dataclasses.fields(cls)]
        known = {name: values[name] for name in names if name in values} if values else {}
        if not set(names) - {"best"} <= set(known) or None in known.values():
            return None
        protocols = known["protocols"]
        if "stage1" not in protocols.get(known["protocol"], {}):
            return None
        return cls(**known | {"best": BestFid.from_dict(known.get("best"), protocols)})

    def as_dict(self) -> dict:
        """As it stands in metrics.json: the first protocol's numbers once more on top."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        last = {name: values.pop(name) for name in ("training_images", "protocols")}
        best = values.pop("best")
        last |= {"best": dataclasses.asdict(best)} if best else {}
        return values | dict(self.protocols[self.protocol]) | last


@dataclasses.dataclass(frozen=True)
class Metrics:
    """All of metrics.json."""

    scores: Scores
    fid: FidScores | None
    loss: Mapping[str, Mapping[str, float]]  # "stage1" -> its terms in the last epoch
    seconds: Mapping[str, float]  # "stage1", "stage2", "evaluation"

    def as_dict(self) -> dict:
        """What is written."""
        return {
            **self.scores.as_dict(),
            "fid": self.fid and self.fid.as_dict(),
            "loss": dict(self.loss),
            "seconds": {**self.seconds, "total": sum(self.seconds.values())},
        }
