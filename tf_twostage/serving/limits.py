"""What one client may cost the others: sizes, numbers and times."""

import dataclasses

from tf_twostage import checks


def _limit(default: float, meaning: str):
    """A field with its meaning, which `examples/serve.py --help` shows."""
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Limits:
    """Every limit of the server; each `metadata["meaning"]` says what is refused beyond it.

    Raises:
      InputError: a limit is no finite number, or too small to let anything in.
    """

    body_bytes: int = _limit(16 * 2**20, "bytes of a request's body")
    bodies_bytes: int = _limit(128 * 2**20, "bytes of all bodies that are held at once")
    image_pixels: int = _limit(40_000_000, "pixels of an uploaded image")
    rows: int = _limit(1000, "images or latents in one request or answer")
    values: int = _limit(2**22, "numbers of the images in one answer")
    samples: int = _limit(256, "images of a grid")
    requests: int = _limit(128, "requests that are worked on at once")
    waiting_rows: int = _limit(4096, "images or latents that wait for the model")
    connections: int = _limit(512, "connections that are open at once")
    batch_rows: int = _limit(64, "rows in one call of the model")
    join_seconds: float = _limit(0.003, "seconds that a request waits for others to join it")
    head_seconds: float = _limit(10.0, "seconds until a request's head is here")
    body_seconds: float = _limit(10.0, "seconds until its body is here")
    answer_seconds: float = _limit(30.0, "seconds until it is answered")
    read_seconds: float = _limit(60.0, "seconds in which a client must read its answer")

    def __post_init__(self):
        checks.check_fields(Limits, dataclasses.asdict(self), choices={}, least={})

    def images(self, image_shape: tuple[int, int, int]) -> int:
        """How many images of this shape one answer may hold, at least 1."""
        height, width, channels = image_shape
        return max(1, min(self.rows, self.values // (height * width * channels)))
