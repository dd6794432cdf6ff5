"""What a stranger's run may hold, and what its readers make of it."""

import dataclasses
import json

import pytest

from tf_twostage import epoch_log, json_forms, recipes
from tf_twostage.errors import InputError
from tf_twostage.experiment import finished
from tf_twostage.models.latent_model import Setting
from tf_twostage.reporting import report
from tf_twostage.run_folder import RunFolder

CONFIG = {
    "recipe": dataclasses.asdict(recipes.get("quick", "mnist", 100)),
    "dataset": {"name": "mnist", "image_shape": [8, 8, 1], "train": 9, "test": 1},
    "seed": 0,
}
METRICS = {"gamma": 0.5, "stages": [1], "lambda": [0.5, float("nan")]}


def run(path, config=CONFIG, metrics=METRICS):
    folder = RunFolder(path / "trial_000")
    folder.write(folder.config, config)
    folder.write(folder.metrics, metrics)
    return folder


@pytest.mark.parametrize(
    ("value", "form", "fits"),
    [
        (1.5, json_forms.number, True),
        (float("nan"), json_forms.number, True),
        (True, json_forms.number, False),
        (10**40, json_forms.number, False),
        ("1", json_forms.number, False),
        (-2.5, json_forms.score, True),
        (float("nan"), json_forms.score, False),
        (1e308, json_forms.score, False),
        (3, json_forms.count, True),
        (-3, json_forms.count, False),
        (None, [json_forms.count], True),
        ([None], [json_forms.count], False),
        ({"a": [1, 2]}, {"a": [json_forms.count], "b": json_forms.text}, True),
        ({"a": 1}, {"a": [json_forms.count]}, False),
        ({"a": {"b": "c"}}, {"a": json_forms.each(json_forms.number)}, False),
        ([], {}, False),
    ],
)
def test_forms(value, form, fits):
    assert json_forms.fits(value, form) is fits


def test_a_sound_run_is_read(tmp_path):
    folder = run(tmp_path)
    assert folder.load_config() == CONFIG
    assert folder.read_metrics()["gamma"] == 0.5
    assert Setting.of(folder).image_shape == (8, 8, 1)


def test_the_recipe_of_a_finished_run_has_every_value(tmp_path):
    recipe = {k: v for k, v in CONFIG["recipe"].items() if k not in ("network", "latent_dim")}
    folder = run(tmp_path, CONFIG | {"recipe": recipe})
    assert finished.config_of(folder)["recipe"] == CONFIG["recipe"]


NESTED = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        NESTED,
        '{"a": ' + NESTED + "}",
        '{"fid": 3}',
        '{"fid": {"protocols": {"plain": {"stage1": NaN}}}}',
        '{"seconds": {"a": "b"}}',
    ],
)
def test_metrics_of_another_form_count_as_absent(tmp_path, text, capsys):
    folder = run(tmp_path)
    folder.metrics.write_text(text)
    assert folder.read_metrics() == {}
    assert "is damaged: it counts as absent" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("recipe", "quick"),
        ("recipe", {**CONFIG["recipe"], "model": 0}),
        ("dataset", {**CONFIG["dataset"], "image_shape": "8"}),
        ("dataset", {**CONFIG["dataset"], "image_shape": [8, 8]}),
        ("dataset", {**CONFIG["dataset"], "image_shape": [10**6, 10**6, 3]}),
        ("seed", -1),
        ("seed", None),
    ],
)
def test_a_config_of_another_form_is_refused(tmp_path, part, value):
    with pytest.raises(InputError) as caught:
        Setting.of(run(tmp_path, {**CONFIG, part: value}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe": {**CONFIG["recipe"], "model": None}},
        {"environment": {"git_commit": [1]}},
    ],
)
def test_a_config_of_another_form_counts_as_absent(tmp_path, changed):
    assert run(tmp_path, CONFIG | changed).read_config() == {}


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("dataset", {**CONFIG["dataset"], "train": 8}),
        ("recipe", {**CONFIG["recipe"], "name": "\n"}),
    ],
)
def test_a_run_of_another_kind_is_named_in_one_line(tmp_path, part, value):
    folder = run(tmp_path, CONFIG | {"source": "a\nb", part: value})
    with pytest.raises(InputError, match=r"^[ -~]+$") as caught:
        folder.open(CONFIG | {"dataset": {"identity": "abc", **CONFIG["dataset"]}, "source": "c"})
    assert r"\n" in str(caught.value)


def test_null_counts_as_absent(tmp_path):
    folder = run(tmp_path, CONFIG | {"dataset": None, "environment": None})
    assert folder.load_config() == {key: CONFIG[key] for key in ("recipe", "seed")}


@pytest.mark.parametrize(
    "content",
    [
        b"epoch,loss\n1,\xff\n",
        b"epoch,loss\n1\n",
        b"epoch,loss\n1,2,3\n",
        b"loss\n1\n",
        b"epoch\nnan\n",
    ],
)
def test_a_damaged_log_counts_as_absent(tmp_path, content, capsys):
    path = tmp_path / "stage1.csv"
    path.write_bytes(content)
    assert epoch_log.read_log(path) == {}
    assert "is damaged: it counts as absent" in capsys.readouterr().err


def test_a_page_can_hold_names_of_any_bytes(tmp_path):
    name = b"faces \xff<script>".decode("utf-8", "surrogateescape")
    folder = run(tmp_path, json.loads(json.dumps({**CONFIG, "source": name})))
    page = report.write_report(folder).read_text(encoding="utf-8")
    assert "faces \\udcff&lt;script&gt;" in page
    assert "<script>faces" not in page
