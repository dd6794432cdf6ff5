"""Runs side by side: the page and its figures, of fake run folders."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tf_twostage.errors import InputError
from tf_twostage.reporting import compare, compare_figures, compared_runs, figures, grids

ROOT = pathlib.Path(__file__).parents[2]
SHAPE = [8, 8, 1]
IMAGES = np.random.default_rng(0).integers(0, 256, (16, *SHAPE), dtype=np.uint8)


def write_run(root, setting="quick-infogan-learned", trial=0, **changes):
    """A finished run of one epoch, with a grid of samples and one of reconstructions."""
    run = root / "tiny" / setting / f"trial_{trial:03d}"
    run.mkdir(parents=True)
    config = {
        "recipe": {"name": "quick", "model": "two_stage", "learn_gamma": True},
        "dataset": {"name": "tiny", "identity": "a", "image_shape": SHAPE, "train": 60, "test": 16},
        "source": "tiny.npz",
        "seed": trial,
    }
    metrics = {
        "gamma": 0.5 / (1 + trial),
        "active_dimensions": 3,
        "lambda": [0.01] * 3 + [1.0],
        "reconstruction_mse": 0.25,
        "latent_space": {"z": {"mmd2": 0.1 * (1 + trial), "p_value": 0.005}, "u": None},
    }
    (run / "config.json").write_text(json.dumps(config | changes.get("config", {})))
    (run / "metrics.json").write_text(json.dumps(metrics | changes.get("metrics", {})))
    (run / "stage1.csv").write_text(f"epoch,kl,gamma,loss\n1,2.0,0.5,9\n2,3.0,{0.25 + trial},8\n")
    grids.save_grid(run / "images" / "samples_stage1.png", IMAGES)
    grids.save_pairs(run / "images" / "reconstructions.png", IMAGES, 255 - IMAGES)
    return run


def read_json(path):
    return json.loads(path.read_text())


def test_two_runs_on_one_page(tmp_path):
    first = write_run(tmp_path / "a", "quick-infogan-learned+latent_dim=4+batch_size=10")
    gan = {"recipe": {"name": "quick", "model": "ns_gan"}, "seed": 3}
    second = write_run(
        tmp_path / "a",
        "quick-infogan-ns_gan+batch_size=10",
        config=gan,
        metrics={"gamma": 0.75, "lambda": [0.0] * 4},  # without noise all would count as active
    )
    path = compare.write([first, second], tmp_path / "out")
    assert path == tmp_path / "out" / "compare.html"
    page = path.read_text()
    assert "<strong>0.5</strong></td>" in page  # the lower gamma
    assert "<td>0.75</td>" in page
    assert page.count("<strong>0.25</strong>") == 2  # both are the best
    assert "<script" not in page
    assert "quick-infogan-learned+latent_dim=4<" in page  # without the override of both
    assert "MMD² of q(u)" not in page  # no run has it
    assert page.count("data:image/png;base64,") == 3
    folder = tmp_path / "out" / "compare"
    names = {"curves", "rows_of_samples", "rows_of_reconstructions"}
    expected = {f"{name}.{kind}" for name in names for kind in ("png", "pdf", "json")}
    assert {file.name for file in folder.iterdir()} == expected | {"numbers.json"}
    curves = read_json(folder / "curves.json")
    assert curves["1 two_stage"]["stage1"] == {
        "epoch": [1.0, 2.0],
        "gamma": [0.5, 0.25],
        "kl": [2.0, 3.0],
    }
    numbers = read_json(folder / "numbers.json")["runs"]
    assert [run["γ"] for run in numbers] == [0.5, 0.75]
    assert [run.get("active dimensions") for run in numbers] == [3, None]
    assert read_json(folder / "rows_of_samples.json")["rows"][1] == "2 ns_gan\nstage 1"


@pytest.fixture
def drawn(monkeypatch):
    """The matplotlib figures, by name; their files are empty, as to draw them takes seconds."""
    found = {}

    def write(path, figure, *_):
        found[path.stem] = figure
        path.write_bytes(b"empty")

    monkeypatch.setattr(figures, "write", write)
    return found


def test_twenty_runs_are_told_apart(tmp_path, drawn):
    runs = [write_run(tmp_path, trial=trial) for trial in range(20)]
    page = compare.write(runs, tmp_path).read_text()
    for number in range(1, 21):
        assert f'<th scope="row">{number} two_stage</th>' in page
    assert page.count("<strong>0.025</strong>") == 1  # gamma of the last
    gamma, kl = drawn["curves"].axes
    assert len(gamma.lines) == len(kl.lines) == 20
    looks = {(line.get_color(), line.get_linestyle()) for line in kl.lines}
    assert len(looks) == 20
    widths = [figure.get_figwidth() for figure in drawn.values()]
    assert widths == pytest.approx([figures.PAGE] * 3, abs=0.01)
    assert drawn["rows_of_samples"].axes[0].get_yticklabels()[19].get_text() == (
        "20 two_stage\nstage 1"
    )


def test_terms_of_other_units_have_panels_of_their_own(tmp_path):
    vae, wae = (write_run(tmp_path, trial=trial) for trial in range(2))
    for run, more in ((vae, "kl"), (wae, "penalty")):
        (run / "stage1.csv").write_text(f"epoch,reconstruction,{more}\n1,2.0,3.0\n")
    panels = compare_figures._panels(compared_runs.read([vae, wae]))
    names = [(panel.name, panel.unit) for panel in panels]
    assert names == [
        ("KL divergence", "nats per example"),
        ("reconstruction, -log p", "nats per example"),
        ("squared error of an image", "(pixel in -1..1)²"),
        ("penalty", ""),
    ]


def test_images_are_those_of_the_grids(tmp_path):
    runs = compared_runs.read([write_run(tmp_path, trial=0), write_run(tmp_path, trial=1)])
    np.testing.assert_array_equal(runs[0].samples()[1], IMAGES[:10])
    originals, again = runs[1].reconstructions()
    np.testing.assert_array_equal(originals, IMAGES[:10])
    np.testing.assert_array_equal(again, 255 - IMAGES[:10])
    rows = compare_figures._reconstructions(runs)
    assert [row.label for row in rows] == ["held-out images", "1 two_stage", "2 two_stage"]


@pytest.mark.usefixtures("drawn")
def test_runs_without_pictures_or_logs_still_have_numbers(tmp_path):
    runs = [write_run(tmp_path, trial=trial) for trial in range(2)]
    compare.write(runs, tmp_path)
    for run in runs:
        for path in (*run.glob("images/*"), run / "stage1.csv"):
            path.unlink()
    page = compare.write(runs, tmp_path).read_text()  # and shows none of the former comparison
    assert "<strong>0.25</strong>" in page
    assert page.count("is missing") == 3


def command_line(*arguments):
    command = [sys.executable, ROOT / "run_experiments.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_runs_stand_behind_the_flag_with_commas_or_spaces(tmp_path):
    runs = [write_run(tmp_path, trial=trial) for trial in range(3)]
    first = f"--compare={runs[0]},{runs[1]}"
    done = command_line(first, runs[2], "--output_dir", tmp_path / "out")
    assert (done.stdout, done.stderr) == (f"page: {tmp_path / 'out' / 'compare.html'}\n", "")
    assert len(read_json(tmp_path / "out/compare/numbers.json")["runs"]) == 3
    done = command_line("--compare", runs[0])
    assert done.returncode == 1
    assert done.stderr.startswith("error: --compare needs two runs at least")
    assert done.stderr.count("\n") == 1


def damage(run, name, text):
    (run / name).write_text(text)
    return run


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (lambda root: root / "nowhere", "nowhere holds no run"),
        (lambda root: root / "tiny/quick-infogan-learned/trial_000", "two runs at least.*alone"),
        (lambda root: damage(write_run(root, trial=1), "metrics.json", "{"), "has not finished"),
        (lambda root: damage(write_run(root, trial=1), "config.json", "{"), "is damaged"),
        (lambda root: damage(write_run(root, trial=1), "config.json", '{"seed": 1}'), "is damaged"),
        (
            lambda root: write_run(
                root,
                trial=1,
                config={"dataset": {"name": "mnist", "image_shape": SHAPE, "train": 1, "test": 1}},
            ),
            "one data set are needed: .*trial_000 has tiny.npz, and .*trial_001 has",
        ),
    ],
)
def test_bad_runs_are_one_line_and_write_nothing(tmp_path, second, message):
    runs = [write_run(tmp_path), second(tmp_path)]
    with pytest.raises(InputError, match=message) as raised:
        compare.write(runs, tmp_path / "out")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()
