"""How FIDs are to be measured, and whether they can be or have been. Imports no TensorFlow."""

import dataclasses
import functools

import fid
from tf_twostage.errors import InputError
from tf_twostage.metrics import FidScores

TTUR_BLOB_ID = fid.TTUR_BLOB_ID  # the graph that published FIDs are measured with


@dataclasses.dataclass(frozen=True)
class FidSpec:
    """What is asked of an FID.

    Attributes:
      inception: path of the graph; None: where `fid.find_graph` finds it.
      dims: width of the features, 2048, 768, 192 or 64.
      protocol: the one whose numbers stand first; all protocols are measured.
      images: on each side, at most; Table 1 has 10,000.
      note: what was done to the real images; it tells entries of the cache apart.
    """

    inception: str | None = None
    dims: int = 2048
    protocol: str = "plain"
    images: int = 10_000
    note: str = ""

    def check(self) -> None:
        """Makes sure, before any training, that FIDs can be measured in the end.

        Raises:
          InputError: the Inception graph cannot be had, or the dims are unknown.
        """
        try:
            fid.check_dims(self.dims)
            fid.find_graph(self.inception)
        except fid.Error as error:
            raise InputError(f"{error} (or train without: --fid off)") from None

    def is_met_by(self, found: FidScores | None, held_out: int) -> bool:
        """Whether FIDs were measured as this asks, where there are `held_out` images to score."""
        if not found or (found.dims, found.images) != (self.dims, min(self.images, held_out)):
            return False
        return found.inception_git_blob == _graph_id(self.inception)


@functools.cache
def _graph_id(inception: str | None) -> str | None:
    """The git blob id of the graph; None where there is none."""
    try:
        return fid.git_blob_id(fid.find_graph(inception, download=False))
    except fid.Error:
        return None
