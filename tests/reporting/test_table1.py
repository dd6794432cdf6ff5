"""Table 1 from made-up run folders: sums by hand, marks, gaps, rebuilding."""

import csv
import dataclasses
import json
import statistics

import pytest

from fid import TTUR_BLOB_ID
from tf_twostage import recipes, table1_values
from tf_twostage.errors import InputError
from tf_twostage.metrics import BestFid, FidScores
from tf_twostage.reporting import table1, table1_runs


def write_run(folder, dataset="mnist", trial=0, fids=None, **changes):
    """A finished trial with the paper's recipe unless `changes` says otherwise."""
    overrides = changes.pop("overrides", {})
    name = changes.pop("recipe", "paper")
    train = changes.pop("train", table1_values.TRAIN_IMAGES.get(dataset, 100))
    model, search = changes.pop("model", "two_stage"), changes.pop("search", None)
    recipe = recipes.get(name, dataset, train, model=model, **recipes.renamed(overrides))
    both = fids or {"stage1": 50.0 + trial, "stage2": 12.0 + trial}
    protocols = {"plain": {k: v + 100 for k, v in both.items()}, "table1": both}
    fid = FidScores("plain", 2048, TTUR_BLOB_ID, False, 10_000, 1.5, protocols)
    fid = dataclasses.replace(fid, **changes).as_dict()
    kind = recipe.kind
    extra = "".join(f"+{k}={v}" for k, v in overrides.items() if k not in ("gamma", "likelihood"))
    run = folder / dataset / f"{name}-infogan-{kind}{extra}" / f"trial_{trial:03d}"
    run.mkdir(parents=True)
    config = {
        "recipe": dataclasses.asdict(recipe),
        "overrides": overrides,
        "dataset": {"name": dataset, "train": train, "test": 10_000, "version": "1"},
        "seed": trial,
        "search": search,
        "environment": {"git_commit": "abc"},
    }
    stages = [1, 2] if "stage2" in both else [1]
    (run / "config.json").write_text(json.dumps(config))
    (run / "metrics.json").write_text(json.dumps({"stages": stages, "fid": fid}))
    for stage in recipe.stages[: len(stages)]:
        epochs = range(1, recipe.schedule(stage).epochs + 1)
        (run / f"stage{stage}.csv").write_text("epoch\n" + "".join(f"{e}\n" for e in epochs))
    return run


def one_table(folder):
    (table,) = table1.aggregate(table1.collect(folder))
    return table


def test_mean_and_deviation_by_hand(tmp_path):
    values = [12.0, 13.5, 11.0]
    for trial, value in enumerate(values):
        write_run(tmp_path, trial=trial, fids={"stage1": 2 * value, "stage2": value})
    cell = one_table(tmp_path).cell("2-Stage VAE", "mnist", "table1")
    assert cell.mean == pytest.approx(sum(values) / 3)
    assert cell.std == pytest.approx(statistics.stdev(values))
    assert (cell.trials, cell.paper, cell.comparable) == (3, (12.6, 1.5), True)
    assert cell.runs[1] == "mnist/paper-infogan-learned/trial_001"
    first = one_table(tmp_path).cell("VAE (learned γ)", "mnist", "table1")
    assert first.mean == pytest.approx(2 * sum(values) / 3)


def test_rows_come_from_the_right_runs(tmp_path):
    write_run(tmp_path, fids={"stage1": 5.0, "stage2": 4.0})
    write_run(tmp_path, fids={"stage1": 6.0, "stage2": 1.0}, overrides={"gamma": "fixed"})
    write_run(tmp_path, fids={"stage1": 7.0}, overrides={"likelihood": "bernoulli"})
    table = one_table(tmp_path)
    means = {row: table.cell(row, "mnist", "table1").mean for row in table1_runs.ALWAYS}
    assert means == {
        "VAE (fixed γ)": 6.0,
        "VAE (learned γ)": 5.0,
        "2-Stage VAE": 4.0,
        "VAE (cross-entropy)": 7.0,
        table1.FLOOR: 1.5,
    }


def test_one_trial_has_no_deviation_and_an_empty_column_says_so(tmp_path):
    write_run(tmp_path, trial=4)
    table = one_table(tmp_path)
    assert table.cell("2-Stage VAE", "mnist", "table1").std is None
    empty = table.cell("2-Stage VAE", "celeba", "table1")
    assert (empty.mean, empty.trials, empty.comparable) == (None, 0, False)
    row = next(line for line in table1.write(tmp_path).splitlines() if "2-Stage" in line)
    assert row == (
        "| 2-Stage VAE | 16.0 (1) | 12.6 ± 1.5 | – | 29.3 ± 1.0 | – | 72.9 ± 0.9 | – | 44.4 ± 0.7 |"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"recipe": "quick"}, "recipe quick"),
        ({"dims": 768}, "768-dimensional features"),
        ({"images": 2_000}, "2,000 images on either side"),
        ({"inception_git_blob": "0" * 40}, "another Inception graph"),
        ({"train": 6_000}, "6,000 of 60,000 images"),
        ({"overrides": {"epochs_scale": 0.5}}, "shortened schedule: 200 + 400 epochs"),
        ({"overrides": {"learning_rate": 1e-3}}, "changed: learning_rate=0.001"),
        ({"dataset": "faces"}, "not one of the paper's data sets"),
    ],
)
def test_a_number_that_does_not_compare_is_marked(tmp_path, changes, reason):
    write_run(tmp_path, **changes)
    dataset = changes.get("dataset", "mnist")
    cell = one_table(tmp_path).cell("2-Stage VAE", dataset, "table1")
    assert not cell.comparable
    assert any(reason in text for text in cell.reasons)
    markdown = table1.write(tmp_path)
    assert "12.0 (1) [a]" in markdown
    note = next(line for line in markdown.splitlines() if line.startswith("- a:"))
    assert reason in note


def test_a_comparable_cell_has_no_mark_and_the_plain_protocol_has_one(tmp_path):
    write_run(tmp_path)
    table = one_table(tmp_path)
    assert table.cell("2-Stage VAE", "mnist", "table1").comparable
    (reason,) = table.cell("2-Stage VAE", "mnist", "plain").reasons
    assert "not stretched" in reason


def test_an_unfinished_schedule_is_not_full(tmp_path):
    run = write_run(tmp_path)
    (run / "stage2.csv").write_text("epoch\n1\n")
    assert not one_table(tmp_path).cell("2-Stage VAE", "mnist", "table1").full_schedule


def test_trials_on_other_images_are_left_out_and_named(tmp_path):
    for trial, images in enumerate((10_000, 10_000, 2_000)):
        write_run(tmp_path, trial=trial, images=images)
    cell = one_table(tmp_path).cell("2-Stage VAE", "mnist", "table1")
    assert (cell.mean, cell.trials) == (12.5, 2)
    assert any("trial_002" in text for text in cell.reasons)


def test_recipes_widths_and_graphs_do_not_mix(tmp_path):
    write_run(tmp_path)
    write_run(tmp_path, recipe="official_code")
    write_run(tmp_path, trial=1, dims=768)
    tables = table1.aggregate(table1.collect(tmp_path))
    assert [(t.recipe, t.dims) for t in tables] == [
        ("paper", 768),
        ("paper", 2048),
        ("official_code", 2048),
    ]


def test_files_rebuilt_from_folders_are_the_same(tmp_path):
    write_run(tmp_path)
    write_run(tmp_path, "celeba", overrides={"gamma": "fixed"}, fids={"stage1": 55.0})
    table1.write(tmp_path)
    names = ("table1.md", "table1.csv", "table1.json")
    before = [(tmp_path / name).read_text() for name in names]
    for name in names:
        (tmp_path / name).unlink()
    table1.rebuild(tmp_path)
    assert [(tmp_path / name).read_text() for name in names] == before
    rows = list(csv.DictReader(before[1].splitlines()))
    found = [r for r in rows if r["row"] == "VAE (fixed γ)" and r["dataset"] == "celeba"]
    assert [(r["protocol"], float(r["mean"])) for r in found] == [
        ("table1", 55.0),
        ("plain", 155.0),
    ]
    assert json.loads(before[2])["cited"]["WGAN, tuned"]["mnist"] == [6.7, 0.4]


def test_unfinished_and_damaged_runs_are_passed_over(tmp_path):
    (write_run(tmp_path) / "metrics.json").unlink()
    (write_run(tmp_path, trial=1) / "metrics.json").write_text("{")
    (write_run(tmp_path, trial=2) / "config.json").write_text("[]")
    assert table1.write(tmp_path) == ""
    with pytest.raises(InputError, match="holds no finished run with FIDs"):
        table1.rebuild(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        table1.rebuild(tmp_path / "none")


def without(run, name):
    """Takes something that config.json says of the data set."""
    config = json.loads((run / "config.json").read_text())
    del config["dataset"][name]
    (run / "config.json").write_text(json.dumps(config))


def test_a_run_that_does_not_tell_its_images_is_passed_over(tmp_path):
    for trial, name in enumerate(("name", "train", "test")):
        without(write_run(tmp_path, trial=trial), name)
    assert table1.write(tmp_path) == ""
    without(write_run(tmp_path, trial=3), "version")
    assert one_table(tmp_path).cell("2-Stage VAE", "mnist", "table1").trials == 1


GAN_NAMES = list(table1_runs.GANS)


def write_gan(folder, model="ns_gan", best=None, **changes):
    """A finished trial of a GAN by its authors' setting; `best` is its best checkpoint's FID."""
    fids = changes.pop("fids", {"stage1": 30.0})
    row = best and BestFid(5, 3, {"table1": best, "plain": best + 100})
    return write_run(folder, model=model, recipe="suggested", fids=fids, best=row, **changes)


def test_a_gan_has_its_best_checkpoint_and_its_last_one(tmp_path):
    write_gan(tmp_path, best=25.0)
    write_run(tmp_path)
    table = one_table(tmp_path)  # one table with the VAEs of the paper's recipe
    assert table.recipe == "paper, suggested"
    assert table.cell("NS GAN", "mnist", "table1").mean == 25.0
    assert table.cell("NS GAN, last checkpoint", "mnist", "table1").mean == 30.0
    assert table.cell("2-Stage VAE", "mnist", "table1").mean == 12.0
    rows = {cell.row for cell in table.cells}
    assert "WGAN" not in rows  # what nobody measured has no row
    assert "Best GAN, default" not in rows  # as one of seven
    assert table.cell("NS GAN", "mnist", "plain").comparable  # the study did not stretch
    assert not table.cell("NS GAN", "mnist", "table1").comparable


def test_the_best_gan_is_the_lowest_mean_where_all_seven_are_there(tmp_path):
    for place, model in enumerate(GAN_NAMES):
        for trial in (0, 1):
            write_gan(tmp_path, model, best=20.0 + 2 * abs(place - 3) + trial, trial=trial)
    write_gan(tmp_path, "wgan", dataset="celeba")
    table = one_table(tmp_path)
    cell = table.cell("Best GAN, default", "mnist", "plain")
    assert (cell.mean, cell.paper) == (120.5, (10, None))
    assert "wgan/" in cell.runs[0]
    assert table.cell("Best GAN, default", "celeba", "plain").mean is None


def test_a_searched_row_is_the_best_setting_and_says_of_how_many(tmp_path):
    for number, best in enumerate((40.0, 20.0, 30.0)):
        overrides = {"learning_rate": (2e-4, 3e-4, 4e-4)[number]}
        write_gan(tmp_path, best=best, overrides=overrides, search=number)
    write_gan(tmp_path, best=22.0, overrides={"learning_rate": 3e-4}, search=1, trial=1)
    table = one_table(tmp_path)
    cell = table.cell("NS GAN, tuned", "mnist", "table1")
    assert (cell.mean, cell.trials, cell.paper) == (21.0, 2, (6.8, 0.5))
    assert any("best of 3 random settings, not of 100" in reason for reason in cell.reasons)
    assert "NS GAN" not in {cell.row for cell in table.cells}


def test_ablations_and_waes_have_rows_of_their_own(tmp_path):
    write_run(tmp_path, model="autoencoder", fids={"stage1": 90.0, "stage2": 45.0})
    write_run(tmp_path, model="joint", fids={"stage1": 95.0, "stage2": 50.0})
    write_run(tmp_path, model="wae_mmd", recipe="suggested", fids={"stage1": 110.0})
    table = one_table(tmp_path)
    means = {row: table.cell(row, "mnist", "table1").mean for row in {c.row for c in table.cells}}
    assert means["Autoencoder + stage 2"] == 45.0
    assert means["Both stages trained jointly"] == 50.0
    assert means["VAE (learned γ)"] is None
    wae = table.cell("WAE-MMD", "mnist", "table1")
    assert (wae.mean, wae.paper) == (110.0, (115.0, 1.1))
    assert table.cell("Both stages trained jointly", "mnist", "table1").full_schedule
