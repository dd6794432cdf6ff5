"""The Fréchet Inception Distance between two sets of images, with all that qualifies the number."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from fid.frechet import frechet_distance
from fid.graph import TTUR_BLOB_ID
from fid.inception import Inception, check_dims
from fid.preparation import AS_THEY_ARE, Preparation
from fid.sides import check_known, open_side
from fid.statistics import Statistics, as_inception


@dataclasses.dataclass(frozen=True)
class Result:
    """A distance and what it was measured with; `float(result)` is the number.

    Attributes:
        value: the FID.
        dims: the width of the features.
        protocol: a name in `fid.PROTOCOLS`.
        quantize: whether pixels were rounded to uint8.
        drop_last: TTUR's batch size if its last images were dropped, else None.
        inception_git_blob: the git blob id of the graph; None if only statistics of unknown origin
            were compared.
        comparable_with_table1: whether both sides are known to come from TTUR's graph, at 2048
            dims. Table 1 was measured with 10,000 images on either side, under the protocol
            `table1`.
        n_real: real images; None where a file does not say.
        n_generated: generated images, likewise.
    """

    value: float
    dims: int
    protocol: str
    quantize: bool
    drop_last: int | None
    inception_git_blob: str | None
    comparable_with_table1: bool
    n_real: int | None
    n_generated: int | None

    def __float__(self) -> float:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else str(self)

    def __str__(self) -> str:
        return f"{self.value:.6g}"

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, ready for JSON."""
        return dataclasses.asdict(self)


def compute(
    real: Any,
    generated: Any,
    inception: Inception | str | os.PathLike | None = None,
    dims: int = 2048,
    protocol: str = "plain",
    quantize: bool = False,
    drop_last: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """The Fréchet Inception Distance between real and generated images.

    Args:
        real, generated: images as `Inception.features` takes them, a `Statistics`, or the path of
            an `.npz` of statistics.
        inception: an `Inception`, or the path of its graph; None: as `fid.find_graph` finds it. Not
            looked for where both sides are statistics.
        dims: 2048, 768, 192 or 64; where a side is statistics, they must agree.
        protocol, quantize, drop_last: as in `Preparation`; statistics are taken as they are.
        progress: called with the number of images done so far, on either side.

    Returns:
        The distance with its circumstances; `float()` gives the number.

    Raises:
        Error: as `fid.find_graph`, `Preparation`, `Inception.features`, `Statistics.load` and
            `Statistics.from_features`; sides whose dims or graphs differ.
    """
    check_dims(dims)
    preparation = Preparation(protocol, quantize=quantize, drop_last=drop_last)
    sides = [
        open_side(source, dataclasses.replace(preparation, role=role))
        for role, source in (("real", real), ("generated", generated))
    ]
    network = None if all(side.statistics for side in sides) else as_inception(inception)
    check_known(sides, dims, network)
    for side in sides:
        if side.statistics is None:
            side.measure(network, dims, progress)
    return compare(*(side.statistics for side in sides), dims, preparation)


def compare(
    real: Statistics,
    generated: Statistics,
    dims: int,
    preparation: Preparation = AS_THEY_ARE,
) -> Result:
    """The distance between statistics.

    Args:
        real, generated: the statistics of either side.
        dims: their width.
        preparation: how the images of both sides were prepared, its role aside; goes into the
            result as it is.

    Raises:
        Error: the statistics differ in dims or graph.
    """
    real.check_fits(dims, generated.git_blob_id)
    generated.check_fits(dims, real.git_blob_id)
    blobs = {real.git_blob_id, generated.git_blob_id}
    return Result(
        value=frechet_distance(real.mu, real.sigma, generated.mu, generated.sigma),
        dims=dims,
        protocol=preparation.protocol,
        quantize=preparation.quantize,
        drop_last=preparation.drop_last,
        inception_git_blob=next(iter(blobs - {None}), None),
        comparable_with_table1=blobs == {TTUR_BLOB_ID} and dims == 2048,
        n_real=real.count,
        n_generated=generated.count,
    )
