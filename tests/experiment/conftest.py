"""What the tests of whole runs share."""

import pathlib

import pytest

from tf_twostage.reporting import figures


def write_empty(path, figure, numbers, dpi=figures.DPI):
    """In place of `figures.write`: files with nothing in them."""
    for kind in ("png", "pdf", "json"):
        file = pathlib.Path(path).with_suffix(f".{kind}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"empty")


@pytest.fixture(scope="module", autouse=True)
def empty_figures(request):
    """Writes no figures, as they take seconds a run, but in modules that set `DRAWS`."""
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "DRAWS", False):
            patch.setattr(figures, "write", write_empty)
        yield
