"""What happens to images on their way to the network, as one record."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fid import images as images_module
from fid import protocols
from fid.errors import Error


@dataclass(frozen=True)
class Preparation:
    """How one side's images are made ready for the network.

    Attributes:
        protocol: a name in `fid.PROTOCOLS`.
        role: "real" or "generated": which part of the protocol applies.
        quantize: round pixels to uint8, after the protocol.
        drop_last: leave out the last N mod `drop_last` images, as TTUR's script does for its
            batch size (50 by default there); None counts every image.

    Raises:
        Error: an unknown protocol or role; `drop_last` below 1.
    """

    protocol: str = "plain"
    role: str = "real"
    quantize: bool = False
    drop_last: int | None = None

    def __post_init__(self) -> None:
        protocols.get_protocol(self.protocol).transform(self.role)
        if self.drop_last is not None and self.drop_last < 1:
            raise Error(f"drop_last is {self.drop_last}; it must be at least 1")

    def count(self, images: Any) -> int | None:
        """How many of the images count; None where only reading them would tell."""
        count = images_module.count(images)
        return count if not (count and self.drop_last) else count - count % self.drop_last

    def batches(self, images: Any) -> Iterator[np.ndarray]:
        """Images, as `Inception.features` takes them, as batches [n, H, W, 1 or 3] made ready."""
        stream = images_module.batches(images)
        if self.drop_last:
            stream = images_module.whole_batches(stream, self.drop_last)
        stream = map(protocols.get_protocol(self.protocol).transform(self.role), stream)
        return map(protocols.quantize, stream) if self.quantize else stream


AS_THEY_ARE = Preparation()  # real images under the protocol `plain`, every one of them
