"""The notebook runs from the first cell to the last, and says what it says."""

import pathlib

import pytest

NOTEBOOK = pathlib.Path(__file__).parents[1] / "examples" / "two_stage_vae.ipynb"
MOST_BYTES = 100_000  # with its outputs


def test_its_outputs_are_small():
    assert NOTEBOOK.stat().st_size < MOST_BYTES


@pytest.mark.slow
def test_it_runs(tmp_path):
    nbformat, nbclient = map(pytest.importorskip, ("nbformat", "nbclient"))
    book = nbformat.read(NOTEBOOK, 4)
    nbclient.NotebookClient(
        book, timeout=1800, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    results = [
        output["data"]
        for cell in book.cells
        for output in cell.get("outputs", ())
        if output["output_type"] == "execute_result"
    ]
    assert results[1]["text/plain"] == "(16, 16, 16, 1)"
    assert sum("image/png" in result for result in results) == 3
    assert results[-1]["text/plain"] == "True"
