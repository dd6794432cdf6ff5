"""The theory's page, its numbers and its plots, from verdicts made here."""

import json

import numpy as np
import pytest
from PIL import Image

from tf_twostage.evaluation.theory.verdicts import Claim, Curve, Plot, Verdict, row
from tf_twostage.reporting import figures, theory_page

FACTS = {"seconds": 12.5, "budget": {"d": 64}}


def verdict(name, values, agree, **plot):
    claim = Claim(name, f"Title <{name}>", "Theorem 9", "It is below 1.")
    curves = (
        Curve("measured", (1.0, 2.0), (3.0, 4.0)),
        Curve("paper", (1.0, 2.0), (3.0, 3.0), predicted=True),
    )
    rows = (row("x & y", "0", values, agree),)
    return Verdict(claim, rows, Plot("gamma", "cost", curves, **plot))


@pytest.fixture
def written(tmp_path):
    verdicts = [verdict("one", [0.25, 0.75], True), verdict("two", [2.0], [False])]
    return theory_page.write(tmp_path, verdicts, FACTS)


def test_page_says_of_each_claim_whether_it_agrees(written):
    text = written.read_text(encoding="utf-8")
    assert "1 of 2 claims agree" in text
    assert "Title &lt;one&gt;" in text
    assert "0.5 ± 0.25" in text
    assert "x &amp; y" in text
    assert text.count("Verdict: agrees.") == text.count("Verdict: does not agree.") == 1
    assert text.count("data:image/png;base64,") == 2
    assert "budget.d" in text


def test_json_holds_every_number(written):
    numbers = json.loads((written.parent / "theory.json").read_text(encoding="utf-8"))
    one, two = numbers["claims"]
    assert (one["agrees"], two["agrees"]) == (True, False)
    assert one["criterion"] == "It is below 1."
    assert one["rows"][0]["values"] == [0.25, 0.75]
    assert (one["rows"][0]["mean"], one["rows"][0]["std"]) == (0.5, 0.25)
    assert one["plot"]["curves"][0]["y"] == [3.0, 4.0]
    assert numbers["seconds"] == 12.5


def test_summary_has_a_line_for_each_claim():
    text = theory_page.summary([verdict("one", [0.5], True), verdict("two", [2.0], [False])])
    assert text.splitlines() == [
        "agrees         Title <one> (Theorem 9)",
        "does not agree Title <two> (Theorem 9)",
        "1 of 2 claims agree",
    ]


def test_plot_shows_measured_and_predicted_curves(tmp_path, monkeypatch):
    drawn, write = [], figures.write
    monkeypatch.setattr(figures, "write", lambda p, f, n: (drawn.append(f), write(p, f, n)))
    theory_page.write(
        tmp_path, [verdict("one", [0.5], True, log_y=True, lines=False, whole_x=True)], FACTS
    )
    (axis,) = drawn[0].axes
    measured, predicted = axis.lines
    np.testing.assert_array_equal(measured.get_ydata(), [3, 4])
    assert (measured.get_linestyle(), predicted.get_linestyle()) == ("None", "--")
    assert (axis.get_xscale(), axis.get_yscale()) == ("linear", "log")
    ticks = axis.get_xticks()
    np.testing.assert_array_equal(ticks, ticks.round())
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("gamma", "cost")
    assert np.array(Image.open(tmp_path / "plots/one.png")).std() > 0
    numbers = json.loads((tmp_path / "plots/one.json").read_text())
    assert [curve["y"] for curve in numbers["curves"]] == [[3.0, 4.0], [3.0, 3.0]]
