"""Good and bad clients at once: no wrong answer, no traceback, and memory that stays.

How long the slow test takes can be said: SERVING_LOAD_SECONDS=600 pytest -m slow tests/serving.
"""

import asyncio
import os
import pathlib
import threading
import time

import pytest
from serving_process import running

pytest.importorskip("starlette", reason="needs the extra `serve`")

import serving_load
import uvicorn

from tf_twostage.serving.app import make_app
from tf_twostage.serving.connection import bounded
from tf_twostage.serving.limits import Limits

SECONDS = float(os.environ.get("SERVING_LOAD_SECONDS", 120))
REFUSALS = {"oversized": 413, "no such model": 404, "slow": 408}


def check(counts):
    """Each kind of client got what it deserves, and most good ones an answer."""
    for kind, statuses in counts.items():
        expected = 200 if kind in ("predict", "samples", "flood") else REFUSALS.get(kind, 400)
        assert set(statuses) <= {expected, *serving_load.BUSY}, (kind, statuses)
        if kind != "flood":
            assert statuses[expected] > 0.5 * statuses.total() > 0, (kind, statuses)
    assert counts["flood"].total() > 0


def test_a_short_load(model):
    limits = Limits(body_bytes=serving_load.LIMIT, body_seconds=0.5)
    app = make_app(model, "tiny", limits)
    config = uvicorn.Config(app, port=0, http=bounded(limits), ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}/"
        check(asyncio.run(serving_load.mixed(url, serving_load.cases(model), 1.5, connections=50)))
    finally:
        server.should_exit = True
        thread.join()


def resident(pid):
    """Megabytes of memory that a process has now."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="needs Linux")
def test_a_long_load(saved_model, model, tmp_path, record_property):
    log = tmp_path / "stderr.txt"
    flags = ["--body_bytes", str(serving_load.LIMIT), "--body_seconds", "2"]
    memory = []

    async def both(server):
        """The load, and the server's memory every second."""
        work = asyncio.create_task(
            serving_load.mixed(server.url, serving_load.cases(model), SECONDS, connections=500)
        )
        while not work.done():
            memory.append(resident(server.pid))
            await asyncio.wait([work], timeout=1)
        return work.result()

    with running(saved_model, log, *flags) as server:
        counts = asyncio.run(both(server))
    third = len(memory) // 3
    first, last = max(memory[:third]), max(memory[-third:])
    print(f"\n{SECONDS:.0f} s: {counts}\nresident MB: {memory[0]:.0f}, then at most {first:.0f} in")
    print(f"the first third and {last:.0f} in the last")
    check(counts)
    assert last < 1.1 * first + 20
    assert log.read_text() == ""
