"""The record of `metrics.json`: written by evaluation, read by whoever shows or tabulates it."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Distances:
    """Sliced Wasserstein distances to held-out images, in units of pixel values 0..1."""

    stage1: float  # of samples of stage 1
    stage2: float | None  # of samples of both stages; None where stage 2 is not trained
    train_vs_test: float  # of training images: the floor
    images: int  # on each side

    @property
    def factor(self) -> float | None:
        """stage1 / stage2: above 1 where stage 2 comes closer."""
        return None if self.stage2 is None else self.stage1 / self.stage2

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
    return f"{factor:.1f} times closer" if factor >= 1 else f"{1 / factor:.1f} times farther"


@dataclasses.dataclass(frozen=True)
class Scores:
    """What the model and the images give, without an Inception network."""

    stages: tuple[int, ...]  # those that are trained
    gamma: float  # the decoder's variance
    log_sd_x: float  # log of the standard deviation: log(gamma) / 2
    active_dimensions: int
    true_dimensions: int | None  # r, where it is known
    lambda_: tuple[float, ...]  # [kappa], mean posterior variances
    reconstruction_mse: float  # a pixel of held-out images, (0..1)^2
    sliced_wasserstein: Distances

    def as_dict(self) -> dict:
        """As it stands in metrics.json. `log_gamma` is the former name of `log_sd_x`."""
        return {
            "stages": list(self.stages),
            "gamma": self.gamma,
            "log_gamma": self.log_sd_x,
            "active_dimensions": self.active_dimensions,
            "latent_dim": len(self.lambda_),
            "true_dimensions": self.true_dimensions,
            "lambda": list(self.lambda_),
            "reconstruction_mse": self.reconstruction_mse,
            "sliced_wasserstein": self.sliced_wasserstein.as_dict(),
        }


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

    @classmethod
    def from_dict(cls, values: dict | None) -> "FidScores | None":
        """The record that `as_dict` was made of; None where there is none or it is not whole."""
        names = [field.name for field in dataclasses.fields(cls)]
        if not values or not set(names) <= set(values):
            return None
        return cls(**{name: values[name] for name in names})

    def as_dict(self) -> dict:
        """As it stands in metrics.json: the first protocol's numbers once more on top."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        last = {name: values.pop(name) for name in ("training_images", "protocols")}
        return values | dict(self.protocols[self.protocol]) | last


@dataclasses.dataclass(frozen=True)
class Metrics:
    """All of metrics.json."""

    scores: Scores
    fid: FidScores | None
    loss: Mapping[str, Mapping[str, float]]  # "stage1" -> {"kl", "reconstruction"}, nats
    seconds: Mapping[str, float]  # "stage1", "stage2", "evaluation"

    def as_dict(self) -> dict:
        """What is written."""
        return {
            **self.scores.as_dict(),
            "fid": self.fid and self.fid.as_dict(),
            "loss": dict(self.loss),
            "seconds": {**self.seconds, "total": sum(self.seconds.values())},
        }
