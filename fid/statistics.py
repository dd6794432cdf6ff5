"""Means and covariances of features: streamed, kept in TTUR's `.npz`, and cached."""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fid import images as images_module
from fid import npz_images
from fid.errors import Error, warn
from fid.graph import cache_folder, temporary_beside
from fid.inception import Inception, check_dims
from fid.preparation import AS_THEY_ARE, Preparation

_BLOCK = 512  # features are added up in blocks of this many, however they arrive
_CACHE_VERSION = 2  # 1 dropped transparency and left photographs on their sides
_MOST_BYTES = 2**31  # of the arrays in a file: 16,384 dims


@dataclass(frozen=True, eq=False)
class Statistics:
    """The mean and covariance of some images' features.

    Attributes:
        mu: the mean, float64 [dims].
        sigma: the covariance with ddof 1, float64 [dims, dims].
        count: how many images, or None where a file does not say.
        git_blob_id: the git blob id of the Inception graph, or None where it is not known.
    """

    mu: np.ndarray
    sigma: np.ndarray
    count: int | None = None
    git_blob_id: str | None = None

    @property
    def dims(self) -> int:
        """The width of the features."""
        return len(self.mu)

    @classmethod
    def from_features(
        cls, features: np.ndarray | Iterable[np.ndarray], git_blob_id: str | None = None
    ) -> "Statistics":
        """Statistics of features, in one pass and in memory that does not grow with their number.

        Args:
            features: float [N, dims], or an iterable of such pieces.
            git_blob_id: the id of the graph they come from, to be kept beside them.

        Raises:
            Error: fewer than 2 rows; another shape; infinite or NaN values. Warns, with a
                `UserWarning`, where there are fewer rows than dims: the covariance is singular.
        """
        moments = _Moments()
        for block in _blocks([features] if isinstance(features, np.ndarray) else features):
            moments.add(block)
        if moments.count < 2:
            raise Error(f"{moments.count} image(s) are too few: a covariance needs at least 2")
        dims = len(moments.mean)
        if moments.count < dims:
            warn(f"{moments.count} images are fewer than {dims} dims: the FID is unreliable")
        sigma = moments.scatter / (moments.count - 1)
        return cls(moments.mean, sigma, moments.count, git_blob_id)

    @classmethod
    def from_images(
        cls,
        images: Any,
        inception: Inception | str | os.PathLike | None = None,
        dims: int = 2048,
        protocol: str = "plain",
        role: str = "real",
        quantize: bool = False,
        drop_last: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> "Statistics":
        """Statistics of images' features.

        Args:
            images: as `Inception.features` takes them.
            inception: an `Inception`, or what it is made from.
            dims: 2048, 768, 192 or 64.
            protocol, role, quantize, drop_last: as in `Preparation`.
            progress: called with the number of images done so far.

        Raises:
            Error: as `fid.find_graph`, `Preparation`, `Inception.features` and `from_features`.
        """
        check_dims(dims)
        preparation = Preparation(protocol, role, quantize, drop_last)
        return measure(images, as_inception(inception), dims, preparation, progress)

    def check_fits(self, dims: int, git_blob_id: str | None) -> None:
        """Raises `Error` for other dims, or for another graph where both are known."""
        if self.dims != dims:
            raise Error(
                f"statistics of {self.dims} dims where {dims} are asked for; set dims to match"
            )
        if None not in (self.git_blob_id, git_blob_id) and self.git_blob_id != git_blob_id:
            raise Error("the two sides come from different Inception graphs")

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Statistics":
        """Reads an `.npz` with `mu` and `sigma`, as TTUR's script and this class write it.

        Raises:
            Error: the file cannot be read, holds no such arrays, or huge ones.
        """
        if not Path(path).exists():
            raise Error(f"no statistics at {path}")
        size = sum(header.size for header in npz_images.headers(Path(path)).values())
        if size > _MOST_BYTES:
            raise Error(f"{path} holds arrays of {size:,} bytes: too large for statistics")
        try:
            with np.load(path, allow_pickle=False) as file:
                mu, sigma = (np.asarray(file[key], np.float64) for key in ("mu", "sigma"))
                count = int(file["count"]) if "count" in file else None
                blob = str(file["inception_git_blob"]) if "inception_git_blob" in file else None
        except KeyError:
            raise Error(f"{path} holds no statistics: mu and sigma are not both there") from None
        except Exception:  # whatever a damaged zip or .npy raises
            raise Error(f"{path} cannot be read as an .npz of statistics: it is damaged") from None
        if mu.ndim != 1 or sigma.shape != (len(mu), len(mu)):
            raise Error(f"{path} holds mu of shape {mu.shape} and sigma of {sigma.shape}")
        return cls(mu, sigma, count, blob)

    def save(self, path: str | os.PathLike) -> Path:
        """Writes an `.npz` that TTUR's script reads too; either the whole file or none.

        Returns:
            The file's path: `path`, with `.npz` appended where it ends otherwise.

        Raises:
            Error: the file cannot be written.
        """
        extras = {"count": self.count, "inception_git_blob": self.git_blob_id}
        known = {key: value for key, value in extras.items() if value is not None}
        path = npz_path(path)
        try:
            with temporary_beside(path) as part:
                with part.open("wb") as file:
                    np.savez(file, mu=self.mu, sigma=self.sigma, **known)
                os.replace(part, path)
        except OSError as error:
            raise Error(f"cannot write the statistics {path}: {error.strerror}") from None
        return path


def npz_path(path: str | os.PathLike) -> Path:
    """The path, with `.npz` appended where it ends otherwise, as `np.savez` appends it."""
    path = Path(path)
    return path if path.suffix == ".npz" else path.with_name(f"{path.name}.npz")


def is_statistics(path: str | os.PathLike) -> bool:
    """Whether the path is an `.npz` that holds `mu` and `sigma`."""
    return Path(path).suffix == ".npz" and {"mu", "sigma"} <= npz_images.keys(path)


def as_inception(inception: Inception | str | os.PathLike | None) -> Inception:
    """The network itself, made from its path where only that is given."""
    return inception if isinstance(inception, Inception) else Inception(inception)


def check_enough(images: Any, preparation: Preparation) -> None:
    """Raises `Error` where it is known beforehand that fewer than 2 images are left."""
    count, drop_last = preparation.count(images), preparation.drop_last
    if count is not None and count < 2:
        dropped = f" once the last batch of {drop_last} is dropped" if drop_last else ""
        raise Error(f"too few {preparation.role} images: {count}{dropped}; at least 2 are needed")


def measure(
    images: Any,
    network: Inception,
    dims: int,
    preparation: Preparation,
    progress: Callable[[int], None] | None = None,
) -> Statistics:
    """`Statistics.from_images` for a network at hand and a preparation as a record."""
    images = images_module.opened(images)
    check_enough(images, preparation)
    features = network.stream(preparation.batches(images), dims, progress)
    return Statistics.from_features(features, network.git_blob_id)


def cached_statistics(
    images: Any,
    inception: Inception | str | os.PathLike | None = None,
    dims: int = 2048,
    preparation: Preparation = AS_THEY_ARE,
    extra: str = "",
    folder: str | os.PathLike | None = None,
    progress: Callable[[int], None] | None = None,
) -> Statistics:
    """`Statistics.from_images`, kept in a cache folder and read from there the next time.

    The key is made of the images' content, the graph's git blob id and everything else that the
    statistics depend on. An entry that cannot be read is computed anew, with a warning.

    Args:
        images: as `Inception.features` takes them, but readable twice: no generator.
        preparation: what happens to the images first; by default nothing.
        extra: whatever else should tell entries apart, such as "through JPEG".
        folder: where entries are kept; None: `statistics` in the user's cache folder for `fid`.

    The other arguments and the errors are those of `Statistics.from_images`.
    """
    network = as_inception(inception)
    images = images_module.opened(images)
    content, prepared = images_module.content_hash(images), astuple(preparation)
    key = (_CACHE_VERSION, content, network.git_blob_id, dims, *prepared, extra)
    name = hashlib.sha256(repr(key).encode()).hexdigest()
    path = Path(folder or cache_folder() / "statistics") / f"{name}.npz"
    if (entry := _cache_entry(path, dims)) is not None:
        return entry
    statistics = measure(images, network, dims, preparation, progress)
    try:
        statistics.save(path)
    except Error as error:
        warn(f"{error}: the next run will compute them anew")
    return statistics


def _cache_entry(path: Path, dims: int) -> Statistics | None:
    if not path.exists():
        return None
    try:
        entry = Statistics.load(path)
        if entry.dims == dims and entry.count and np.isfinite(entry.sigma).all():
            return entry
    except Error:
        pass
    warn(f"the cached statistics {path} are damaged: computing them anew")
    return None


class _Moments:
    """Running mean and scatter about it, merged block by block (Chan, Golub & LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = np.zeros(0)
        self.scatter = np.zeros((0, 0))

    def add(self, block: np.ndarray) -> None:
        """Takes in float64 [n, dims]."""
        if not self.count:
            self.mean = np.zeros(block.shape[1])
            self.scatter = np.zeros((block.shape[1],) * 2)
        total = self.count + len(block)
        block_mean = block.mean(axis=0)
        centred = block - block_mean
        step = block_mean - self.mean
        self.scatter += centred.T @ centred
        self.scatter += np.outer(step, step * (self.count * len(block) / total))
        self.mean = self.mean + step * (len(block) / total)
        self.count = total


def _blocks(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Rows, however they arrive, as float64 blocks of one size and a last smaller one."""
    pending: list[np.ndarray] = []
    held = 0
    for piece in map(_checked_features, pieces):
        for start in range(0, len(piece), _BLOCK):
            part = piece[start : start + _BLOCK]
            if held and part.shape[1] != pending[0].shape[1]:
                raise Error(f"features of {part.shape[1]} dims after {pending[0].shape[1]}")
            pending.append(part)
            held += len(part)
            if held >= _BLOCK:
                joined = np.concatenate(pending).astype(np.float64)
                yield joined[:_BLOCK]
                pending, held = [joined[_BLOCK:]], held - _BLOCK
    if held:
        yield np.concatenate(pending).astype(np.float64)


def _checked_features(features: Any) -> np.ndarray:
    features = np.asarray(features)
    if features.ndim != 2 or features.dtype.kind not in "fui":
        raise Error(
            f"features of shape {features.shape} and dtype {features.dtype}; expected [N, dims]"
        )
    if not np.isfinite(features).all():
        raise Error("features hold infinite or NaN values")
    return features
