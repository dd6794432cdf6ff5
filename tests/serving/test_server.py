"""The whole program: how it starts, how it ends, and what it says where it can't."""

import importlib.util
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
from loading import message

pytest.importorskip("starlette", reason="needs the extra `serve`")

from tf_twostage.serving import served_model, server
from tf_twostage.serving.limits import Limits

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def handlers():
    """Puts the handlers of signals back."""
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in former.items():
        signal.signal(number, handler)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def ask(url):
    """The JSON there, as soon as somebody answers."""
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(
    saved_model, model, handlers, monkeypatch, capsys, number
):
    monkeypatch.setattr(served_model, "ServedModel", lambda path: model)  # loaded already
    port, answers = free_port(), []

    def ask_then_end():
        answers.append(ask(f"http://127.0.0.1:{port}/v1/models/tiny"))
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=ask_then_end)
    thread.start()
    server.run(str(saved_model), "127.0.0.1", port, "tiny", Limits())
    thread.join()
    assert answers[0]["model_version_status"][0]["state"] == "AVAILABLE"
    said = capsys.readouterr().out
    assert said == f"serving tiny, version 3: http://127.0.0.1:{port}/\n"


def test_answers_are_not_held_back():
    """Else a head waits for the acknowledgement of the one before: 40 ms each."""
    with server._bound("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_in_use_is_one_line(saved_model, handlers):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        text = message(server.run, str(saved_model), "127.0.0.1", port, "tiny", Limits())
    assert f"can't listen on 127.0.0.1, port {port} (Address already in use)" in text


def test_a_port_that_is_taken_while_the_model_loads_is_one_line(
    saved_model, model, handlers, monkeypatch
):
    """Two programs may hold one address until one of them listens."""
    others, port = [], free_port()

    def load(path):
        others.append(socket.create_server(("127.0.0.1", port)))
        return model

    monkeypatch.setattr(served_model, "ServedModel", load)
    text = message(server.run, str(saved_model), "127.0.0.1", port, "tiny", Limits())
    others[0].close()
    assert f"can't listen on 127.0.0.1, port {port} (Address already in use)" in text


@pytest.mark.parametrize(
    ("host", "port", "name", "reason"),
    [
        ("127.0.0.1", 65_536, "tiny", "--port must be in 0..65535, not 65536"),
        ("no.such.host.invalid", 0, "tiny", "can't listen on no.such.host.invalid"),
        ("127.0.0.1", 0, "a/b", "--name 'a/b' can't stand in a path"),
        ("127.0.0.1", 0, "tiny", "nowhere is no folder"),
    ],
)
def test_other_mistakes_are_one_line(tmp_path, handlers, host, port, name, reason):
    assert reason in message(server.run, str(tmp_path / "nowhere"), host, port, name, Limits())


def test_missing_packages_are_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name)
    )
    text = message(server.run, "run", "127.0.0.1", 0, "tiny", Limits())
    assert "uvicorn can't be imported: install the extra" in text


@pytest.mark.parametrize(
    ("name", "value"), [("rows", 0), ("join_seconds", -1.0), ("requests", 2.5)]
)
def test_a_limit_that_is_none_is_one_line(name, value):
    assert name in message(Limits, **{name: value})


def test_the_example_says_its_mistakes_in_one_line(tmp_path):
    """And neither it nor --help waits for TensorFlow."""
    command = [sys.executable, "-X", "importtime", "examples/serve.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for arguments, code in ((["--help"], 0), (["run", "--rows", "0"], 1)):
        done = subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == code
        assert "| tensorflow" not in done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time")]
    assert said == ["error: rows must be a finite number >= 1, not 0"]
