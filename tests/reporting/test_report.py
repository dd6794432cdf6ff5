"""The run's page: it parses, holds everything inline, and says what is missing."""

import base64
import html.parser
import json
import re

import numpy as np
import pytest

from tf_twostage.reporting import grids, report
from tf_twostage.run_folder import RunFolder

CONFIG = {
    "recipe": {
        "name": "quick",
        "stage1_epochs": 30,
        "stage2_epochs": 90,
        "learning_rate": 1e-3,
        "network": "infogan",
        "gamma": "learned",
        "likelihood": "gaussian",
        "latent_dim": 16,
        "stage2_skip": False,
    },
    "overrides": {"latent_dim": 16},
    "dataset": {
        "name": "<b>faces & co</b>",
        "image_shape": [20, 20, 1],
        "train": 10000,
        "test": 2000,
    },
    "source": "a folder of PNGs",
    "seed": 7,
    "environment": {"argv": ["run.py", "--dataset", "my faces"], "python": "3.11", "devices": []},
}
METRICS = {
    "stages": [1, 2],
    "gamma": 0.0012,
    "active_dimensions": 6,
    "latent_dim": 16,
    "true_dimensions": 5,
    "lambda": [0.01] * 5 + [0.4] + [1.0] * 10,
    "reconstruction_mse": 0.0016,
    "sliced_wasserstein": {"stage1": 0.2, "stage2": 0.08, "train_vs_test": 0.011, "factor": 2.5},
    "fid": None,
    "loss": {
        "stage1": {"kl": 31.5, "reconstruction": -812.25},
        "stage2": {"kl": 3.75, "reconstruction": 14.5},
    },
    "seconds": {"stage1": 3723.4, "total": 59.0},
}
VOID = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    """Reads a page: its tables as rows of cells, its pictures, its text; tags must balance."""

    def __init__(self, source):
        super().__init__()
        self.open, self.attributes, self.images, self.rows, self.text = [], [], [], [], ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data

    def row(self, name):
        """The cells beside the heading `name`."""
        (cells,) = [cells for first, *cells in self.rows if first == name]
        return cells


def write(run, config=CONFIG, metrics=METRICS):
    for name, values in (("config.json", config), ("metrics.json", metrics)):
        if values is not None:
            (run / name).write_text(json.dumps(values))


def read(run):
    return Page(report.write_report(RunFolder(run)).read_text(encoding="utf-8"))


def write_log(run, stage, epochs):
    lines = ["epoch,loss,kl,reconstruction,gamma,active_dimensions,learning_rate,seconds"]
    lines += [f"{e},9,{e}.5,-2,0.25,4.0,0.001,2" for e in range(1, epochs + 1)]
    (run / f"stage{stage}.csv").write_text("\n".join(lines))


def test_page_says_what_was_run(tmp_path):
    write(tmp_path)
    page = read(tmp_path)
    assert page.row("command") == ["run.py --dataset 'my faces'"]
    assert page.row("source") == ["a folder of PNGs"]
    assert page.row("training images") == ["10000"]
    assert page.row("image shape (H, W, C)") == ["20, 20, 1"]
    assert page.row("changed from the recipe") == ["latent_dim = 16"]
    assert page.row("seed") == ["7"]
    assert page.row("stage2_skip") == ["no"]
    assert page.row("python") == ["3.11"]
    assert page.row("devices") == ["none"]


def test_page_gives_numbers_and_what_to_expect(tmp_path):
    write(tmp_path)
    page = read(tmp_path)
    value, expected = page.row("gamma, the decoder's variance")
    assert (value, "Theorem 3" in expected) == ("0.0012", True)
    value, expected = page.row("active dimensions")
    assert (value, "r = 5" in expected) == ("6 of 16", True)
    assert page.row("undecided lambda_j, in 0.1..0.9")[0] == "1 of 16"
    assert page.row("squared error of reconstructions")[0] == "0.0016 (10.2 of 255 grey levels)"
    assert page.row("samples of both stages against those of stage 1")[0] == "2.5 times closer"
    assert page.row("stage 2, KL")[0] == "3.75"
    assert page.row("time")[0] == "stage1 1:02:03, total 0:00:59 (h:mm:ss)"
    assert "FID was not computed" in page.text


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gamma": "fixed"}, "1: fixed, the paper's baseline"),
        ({"likelihood": "bernoulli"}, "1: the cross-entropy has no gamma"),
    ],
)
def test_gamma_that_is_not_learned_is_expected_at_one(tmp_path, change, expected):
    write(tmp_path, CONFIG | {"recipe": CONFIG["recipe"] | change})
    assert read(tmp_path).row("gamma, the decoder's variance")[1] == expected


SPACE = {
    "kl_per_dimension": [4.0, 3.0, 0.001],
    "active_share": 0.5,
    "lambda_gap": 0.25,
    "z": {"spectrum_distance": 0.07, "mmd2": 0.012, "p_value": 0.005},
    "u": {"spectrum_distance": 0.008, "mmd2": -0.0001, "p_value": 0.55},
    "spectrum_floor": 0.004,
}


def test_numbers_of_the_latent_space(tmp_path):
    write(tmp_path, metrics=METRICS | {"latent_space": SPACE})
    page = read(tmp_path)
    assert page.row("share of lambda_j below 0.1; gap to the others")[0] == "50.0%; 0.25"
    assert page.row("KL of one dimension: least, median, greatest")[0] == "0.001, 3, 4 nats"
    assert page.row("MMD² of q(z) to N(0, I)")[0] == "0.012, p = 0.005"
    assert page.row("MMD² of q(u) to N(0, I)")[0] == "-0.0001, p = 0.55"
    value, expected = page.row("distance of q(u)'s spectrum to N(0, I)'s")
    assert (value, "0.004 apart" in expected) == ("0.008", True)


def test_one_stage_or_a_former_version_lacks_what_it_has_no_numbers_for(tmp_path):
    wae = CONFIG | {"recipe": CONFIG["recipe"] | {"model": "wae_mmd"}}
    write(tmp_path, wae, METRICS | {"latent_space": SPACE | {"u": None, "kl_per_dimension": None}})
    page = read(tmp_path)
    assert "fits q(z) to N(0, I)" in page.row("MMD² of q(z) to N(0, I)")[1]
    assert "MMD² of q(u)" not in page.text
    assert "KL of one dimension" not in page.text
    write(tmp_path)
    assert "MMD²" not in read(tmp_path).text


def test_unknown_true_dimension_is_not_invented(tmp_path):
    write(tmp_path, metrics=METRICS | {"true_dimensions": None})
    assert "r =" not in read(tmp_path).row("active dimensions")[1]


def test_pictures_are_inlined_and_nothing_is_fetched(tmp_path):
    write(tmp_path)
    grids.save_grid(tmp_path / "images" / "samples_stage1.png", np.zeros((4, 8, 8, 1)))
    grids.save_grid(tmp_path / "images" / "extra_view.png", np.ones((4, 8, 8, 1)))
    grids.save_grid(tmp_path / "figures" / "gamma.png", np.ones((1, 8, 8, 1)))
    page = read(tmp_path)
    files = {"samples_stage1": "images", "extra_view": "images", "gamma": "figures"}
    assert {image["alt"] for image in page.images} == set(files)
    for image in page.images:
        data = image["src"].removeprefix("data:image/png;base64,")
        path = tmp_path / files[image["alt"]] / f"{image['alt']}.png"
        assert base64.b64decode(data, validate=True) == path.read_bytes()
    assert "images/samples_stage2.png is missing" in page.text
    source = (tmp_path / "report.html").read_text()
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[^\"]*", "", source))
    assert "<script" not in source
    assert {name for name, _ in page.attributes}.isdisjoint({"href", "srcset", "onload"})


def test_everything_is_escaped(tmp_path):
    evil = '<script>alert("&")</script>'
    config = CONFIG | {"overrides": {evil: evil}, evil: evil}
    write(tmp_path, config, METRICS | {evil: {evil: [evil]}})
    grids.save_grid(tmp_path / "images" / 'a"><i>.png', np.zeros((1, 8, 8, 1)))
    page = read(tmp_path)
    source = (tmp_path / "report.html").read_text()
    assert "<script" not in source
    assert "<i>" not in source
    assert "<b>" not in source  # in the data set's name
    assert page.row("data set") == ["<b>faces & co</b>"]
    assert page.row(f"{evil}.{evil}") == [evil]
    assert 'a"><i>' in {image["alt"] for image in page.images}


def test_unknown_keys_are_shown(tmp_path):
    write(tmp_path, CONFIG | {"notes": "kept"}, METRICS | {"mmd": {"kernel": "rbf", "value": 1e-5}})
    page = read(tmp_path)
    assert page.row("notes") == ["kept"]
    assert page.row("mmd.kernel") == ["rbf"]
    assert page.row("mmd.value") == ["1e-05"]


def test_stage_1_alone(tmp_path):
    metrics = METRICS | {
        "stages": [1],
        "sliced_wasserstein": {"stage1": 0.2, "train_vs_test": 0.011},
        "loss": {"stage1": {"kl": 31.5, "reconstruction": -812.25}},
    }
    write(tmp_path, metrics=metrics)
    write_log(tmp_path, 1, 3)
    page = read(tmp_path)
    assert page.row("stage 1") == ["3 of 30", "3.5", "-2", "0.25", "4", "0.001"]
    assert "Stage 2 has not been trained" in page.text
    for name in ("stage 2, KL", "samples of both stages against those of stage 1"):
        assert page.row(name)[0] == "stage 2 is not trained"


@pytest.mark.parametrize("damage", [None, "{", "[1]", "\xff"])
def test_a_folder_with_nothing_to_read_still_has_a_page(tmp_path, damage):
    if damage:
        (tmp_path / "config.json").write_text(damage, encoding="latin-1")
        (tmp_path / "metrics.json").write_text(damage, encoding="latin-1")
    page = read(tmp_path)
    assert "no readable config.json" in page.text
    assert "no readable metrics.json" in page.text
    assert "no epoch has finished" in page.text
    assert page.images == []


def test_odd_values_do_not_break_the_page(tmp_path):
    odd = {key: None for key in METRICS} | {"reconstruction_mse": float("nan"), "lambda": []}
    write(tmp_path, {key: None for key in CONFIG}, odd)
    page = read(tmp_path)
    assert page.row("squared error of reconstructions")[0] == "nan"
    assert page.row("gamma, the decoder's variance")[0] == "not recorded"
    assert page.row("time")[0] == "not recorded"


def fid(**changes):
    scores = {"reconstruction": 11.25, "stage1": 60.0, "stage2": 29.5}
    facts = {"protocol": "plain", "dims": 768, "comparable_with_table1": False}
    return scores | facts | {"training_images": 4.5} | changes


def test_fid_that_is_not_comparable_says_so(tmp_path):
    plain = {"reconstruction": 11.25, "stage1": 60.0, "stage2": 29.5}
    other = {"reconstruction": 12.5, "stage1": 61.0, "stage2": 30.5}
    write(tmp_path, metrics=METRICS | {"fid": fid(protocols={"plain": plain, "table1": other})})
    page = read(tmp_path)
    assert "Not comparable with Table 1" in page.text
    assert page.row("plain") == ["11.25", "60", "29.5"]
    assert page.row("table1") == ["12.5", "61", "30.5"]
    assert page.row("FID of training images, the floor") == ["4.5"]
    assert page.row("feature dimensions") == ["768"]
    assert page.row("comparable with Table 1") == ["no"]


def test_comparable_fid_carries_no_warning(tmp_path):
    write(tmp_path, metrics=METRICS | {"fid": fid(dims=2048, comparable_with_table1=True)})
    page = read(tmp_path)
    assert "Not comparable" not in page.text
    assert page.row("comparable with Table 1") == ["yes"]


def test_a_new_page_replaces_the_old_one(tmp_path):
    write(tmp_path, metrics=None)
    first = report.write_report(RunFolder(tmp_path))
    assert "not been evaluated" in first.read_text()
    write(tmp_path)
    assert report.write_report(RunFolder(tmp_path)) == first == tmp_path / "report.html"
    assert "not been evaluated" not in first.read_text()
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "metrics.json", "report.html"}
