"""What a client is told when its request is not answered."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

RETRY = {"Retry-After": "1"}  # seconds


class Refusal(Exception):
    """A request that is refused: one line that says what was wrong and what to do.

    Args:
      status: the HTTP status, 400 to 599.
      message: the line.
      headers: of the answer.
    """

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.headers = status, headers

    @property
    def response(self) -> Response:
        """The answer, in TensorFlow Serving's form."""
        return error_response(self.status, str(self), self.headers)


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """`{"error": message}` in one line."""
    return Response(body(message), status, headers, media_type="application/json")


def body(message: str) -> bytes:
    """The JSON line of an error."""
    return orjson.dumps({"error": " ".join(message.split())}) + b"\n"
