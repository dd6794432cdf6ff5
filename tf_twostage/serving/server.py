"""Starts the server, and ends it."""

import importlib.util
import os
import re
import signal
import socket

from tf_twostage.errors import InputError
from tf_twostage.quiet import plain_messages, quiet_import
from tf_twostage.serving.limits import Limits

EXTRA = ("starlette", "uvicorn", "python_multipart", "prometheus_client", "orjson")
MOST_PORT = 65535
BACKLOG = 2048  # connections that wait to be taken
GRACE = 10  # seconds that requests have to end in after Ctrl-C or SIGTERM


def run(source: str, host: str, port: int, name: str, limits: Limits) -> None:
    """Serves a model until Ctrl-C or SIGTERM; then answers what has begun, and returns.

    Args:
      source: a run folder, a SavedModel, or a folder of its versions.
      host, port: where to listen; port 0: any that is free.
      name: the model's, in the paths.
      limits: what a client may ask.

    Raises:
      InputError: no model there; the port can't be had; the name can't stand in a path; the extra
        `serve` is not installed.
    """
    _check_name(name)
    require_extra()
    signal.signal(signal.SIGTERM, _interrupt)
    with _bound(host, port) as listener:
        with quiet_import():  # TensorFlow
            from tf_twostage.serving import served_model
        plain_messages()
        model = served_model.ServedModel(served_model.find(source))
        model.warm_up()
        _serve(model, name, limits, listener)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[\w.-]+", name, re.ASCII):
        raise InputError(
            f"--name {name!r} can't stand in a path: use letters, digits, '.', '-', '_'"
        )


def require_extra() -> None:
    """Raises InputError where a package is missing."""
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(
            f"{', '.join(missing)} can't be imported: install the extra that serves, by "
            "pip install -e '.[serve]' in the clone"
        )


def _serve(model, name: str, limits: Limits, listener: socket.socket) -> None:
    import uvicorn

    from tf_twostage.serving.app import make_app
    from tf_twostage.serving.connection import bounded

    config = uvicorn.Config(
        make_app(model, name, limits),
        http=bounded(limits),
        ws="none",
        lifespan="on",
        log_config=None,  # Python's own: warnings and tracebacks on stderr
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE,
    )
    host, port = listener.getsockname()[:2]
    _listen(listener)
    shown = f"[{host}]" if ":" in host else host
    print(f"serving {name}, version {model.version}: http://{shown}:{port}/", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # uvicorn raises them again at its end
        signal.signal(number, lambda number, frame: None)
    uvicorn.Server(config).run(sockets=[listener])


def _bound(host: str, port: int) -> socket.socket:
    """A socket with this address."""
    if not 0 <= port <= MOST_PORT:
        raise InputError(f"--port must be in 0..{MOST_PORT}, not {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # asyncio sets TCP_NODELAY only where the protocol is named; without, answers take 40 ms.
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from None
    return listener


def _listen(listener: socket.socket) -> None:
    """From now on connections wait until uvicorn takes them, and are not refused."""
    try:
        listener.listen(BACKLOG)
    except OSError as error:  # another program has come first while the model was loading
        raise _cannot_listen(*listener.getsockname()[:2], error) from None


def _cannot_listen(host: str, port: int, error: Exception) -> InputError:
    reason = os.strerror(error.errno) if getattr(error, "errno", 0) else str(error)
    return InputError(
        f"can't listen on {host}, port {port} ({reason}): choose another --host or --port"
    )


def _interrupt(number, frame) -> None:
    raise KeyboardInterrupt
