import os
import pathlib
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from fid_graph import SmallInception
from PIL import Image

import fid
from fid.__main__ import main

ROOT = pathlib.Path(__file__).parents[2]
RNG = np.random.default_rng(8)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A graph, two folders, and the same images as one .npz and one .npy."""
    place = tmp_path_factory.mktemp("cli")
    (place / "small.pb").write_bytes(SmallInception().graph_def().SerializeToString())
    for name, scale in (("a", 255), ("b", 120)):
        images = (RNG.uniform(0, 1, (70, 8, 8, 3)) * scale).astype(np.uint8)
        (place / name).mkdir()
        for i, image in enumerate(images):
            Image.fromarray(image).save(place / name / f"{i:02}.png")
        np.savez(place / f"{name}.npz", images)
        np.save(place / f"{name}.npy", images)
    return place


@pytest.fixture(autouse=True)
def own_warnings(monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
        yield


def expected(place, **options):
    sides = (np.load(place / f"{name}.npy") for name in ("a", "b"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(fid.compute(*sides, place / "small.pb", 64, **options))


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "fid", *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_last_line_of_stdout_is_the_number(place):
    options = ("-i", place / "small.pb", "--dims", 64, "--gpu", "-1", "--lowprofile")
    result = run(place / "a", place / "b", *options)
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert float(lines[-1]) == pytest.approx(expected(place), abs=1e-5)
    assert "NOT TTUR's" in result.stdout
    assert "70/70 images" in result.stderr
    assert "images/s" in result.stderr
    assert "Traceback" not in result.stderr
    assert all(
        line.startswith(("fid: ", "real: ", "generated: ")) for line in result.stderr.splitlines()
    )


def test_a_wrong_path_is_one_line(place, tmp_path):
    stats = tmp_path / "stats.npz"
    result = run(place / "a", place / "none", "-i", place / "small.pb", "--save-stats", stats)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [f"fid: error: no file or folder {place / 'none'}"]
    assert not stats.exists()


def test_help_is_quick_and_the_import_light():
    code = "import sys, fid, fid.__main__; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    assert "--save-stats" in run("--help").stdout


def opened_by_reader(fifo, seconds=60):
    """A writer's descriptor, as soon as somebody reads."""
    for _ in range(10 * seconds):
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nobody reads {fifo}")


def test_ctrl_c_is_one_line(tmp_path):
    fifo = tmp_path / "wait.npy"
    os.mkfifo(fifo)  # reading it waits for a writer that writes nothing
    process = subprocess.Popen(
        [sys.executable, "-m", "fid", str(fifo), str(fifo)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    writer = opened_by_reader(fifo)
    time.sleep(1)  # until it waits in read(): a signal just before would not wake it
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    os.close(writer)
    assert process.returncode == 130
    assert (out, err) == ("", "fid: interrupted\n")


def call(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_files_folders_and_statistics_agree(place, capsys, tmp_path):
    options = ("-i", place / "small.pb", "--dims", 64)
    stats = tmp_path / "a.npz"
    code, lines, _ = call(capsys, place / "a", "--save-stats", stats, *options)
    assert (code, lines) == (0, [f"statistics of 70 images: {stats}"])
    values = set()
    for real in (stats, place / "a.npz", place / "a.npy"):
        for generated in (place / "b.npz", place / "b"):
            code, lines, _ = call(capsys, real, generated, *options)
            assert code == 0
            values.add(lines[-1])
    assert len(values) == 1
    assert float(values.pop()) == pytest.approx(expected(place), abs=1e-5)


def test_two_statistics_need_no_graph(place, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("FID_INCEPTION", str(tmp_path / "none.pb"))
    np.savez(tmp_path / "a.npz", mu=np.zeros(64), sigma=np.eye(64))
    np.savez(tmp_path / "b.npz", mu=np.ones(64), sigma=4 * np.eye(64))
    code, lines, _ = call(capsys, tmp_path / "a.npz", tmp_path / "b.npz", "--dims", 64)
    assert code == 0
    assert float(lines[-1]) == pytest.approx(128)
    code, _, errors = call(capsys, tmp_path / "a.npz", tmp_path / "b.npz")
    assert code == 1
    assert "64 dims" in errors[-1]


def test_protocol_quantize_and_drop_last_count(place, capsys):
    base = (place / "a", place / "b", "-i", place / "small.pb", "--dims", 64)
    for flags, options in (
        (("--protocol", "table1"), {"protocol": "table1"}),
        (("--protocol", "table1", "--quantize"), {"protocol": "table1", "quantize": True}),
        (("--drop-last", 50, "--batch-size", 5), {"drop_last": 50}),
    ):
        code, lines, _ = call(capsys, *base, *flags)
        assert code == 0
        value = expected(place, **options)
        assert float(lines[-1]) == pytest.approx(value, abs=1e-5)
        assert value != pytest.approx(expected(place), abs=1e-3)


def test_metrics_of_features(place, capsys):
    code, lines, _ = call(
        capsys, place / "a", place / "b", "-i", place / "small.pb", "--metrics", "kid,prc,is"
    )
    assert code == 0
    assert [line.split(":")[0] for line in lines[2:-1]] == ["KID", "PRC", "IS"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = fid.Inception(place / "small.pb")
    features = [network.features(place / name) for name in ("a", "b")]
    assert float(lines[-1]) == pytest.approx(float(fid.kid(*features)), abs=1e-6)
    score = fid.inception_score(network.class_probabilities(features[1]))
    assert f"IS: {score}" in lines


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--metrics", "fid,ssim"], "ssim"),
        (["--metrics", "is", "--dims", "64"], "--dims 2048"),
        (["--save-stats", "/no/such/folder/a.npz"], "no such folder"),
        (["--save-stats", "/proc/a.npz"], "/proc/a.npz cannot be written"),
        (["-i", "/no/such/graph.pb"], "--inception"),
        (["--batch-size", "0"], "at least 1"),
        (["--seed", "-1", "-i", "/no/such/graph.pb"], "seed is -1"),
        (["--drop-last", "100"], "too few real images: 0"),
    ],
)
def test_wrong_flags_are_one_line(place, capsys, flags, message):
    code, lines, errors = call(
        capsys, place / "a.npy", place / "b.npy", "-i", place / "small.pb", *flags
    )
    assert (code, lines) == (1, [])
    assert message in errors[-1]
    assert errors[-1].startswith("fid: error: ")
    assert all(line.startswith("fid: warning: ") for line in errors[:-1])


def test_other_metrics_need_images(place, capsys, tmp_path):
    np.savez(tmp_path / "a.npz", mu=np.zeros(64), sigma=np.eye(64))
    code, _, errors = call(capsys, tmp_path / "a.npz", place / "b", "--metrics", "fid,kid")
    assert code == 1
    assert "need the images" in errors[-1]


def test_statistics_get_a_name_that_can_be_read(place, capsys, tmp_path):
    options = ("-i", place / "small.pb", "--dims", 64)
    code, lines, _ = call(capsys, place / "a", "--save-stats", tmp_path / "v1.0", *options)
    assert (code, lines) == (0, [f"statistics of 70 images: {tmp_path / 'v1.0.npz'}"])
    code, lines, _ = call(capsys, tmp_path / "v1.0.npz", place / "b", *options)
    assert code == 0
    assert float(lines[-1]) == pytest.approx(expected(place), abs=1e-5)


def test_statistics_never_overwrite_what_is_read(place, capsys):
    content = (place / "b.npz").read_bytes()
    for target in ("a.npz", "b.npz", "b"):  # .npz is appended to the last
        arguments = (place / "a.npz", place / "b.npz", "--save-stats", place / target)
        code, _, errors = call(capsys, *arguments)
        assert code == 1
        assert "would overwrite" in errors[-1]
    (place / "folder.npz").mkdir()
    code, _, errors = call(capsys, place / "a", "--save-stats", place / "folder.npz")
    assert code == 1
    assert "this is a folder" in errors[-1]
    assert (place / "b.npz").read_bytes() == content


def few(place, tmp_path, count):
    np.save(tmp_path / "few.npy", np.load(place / "a.npy")[:count])
    return tmp_path / "few.npy"


@pytest.mark.parametrize(("count", "metrics"), [(1, "fid"), (0, "fid"), (1, "is,prc"), (3, "prc")])
def test_too_few_images_are_told_before_anything_is_computed(
    place, capsys, tmp_path, count, metrics
):
    arguments = (few(place, tmp_path, count), "-i", "/no/such/graph.pb", "--metrics", metrics)
    code, lines, errors = call(capsys, place / "a", *arguments)
    assert (code, lines) == (1, [])
    assert len(errors) == 1
    assert f"{count}" in errors[0]
    assert "generated images" in errors[0]


def test_metrics_that_are_possible_are_printed(place, capsys, tmp_path):
    arguments = (few(place, tmp_path, 3), "-i", place / "small.pb", "--dims", 64)
    code, lines, errors = call(capsys, place / "a", *arguments, "--metrics", "prc,fid,kid")
    assert code == 0
    assert [line.split(":")[0] for line in lines[2:-1]] == ["PRC", "FID", "KID"]
    assert (lines[2], lines[-1]) == ("PRC: nan", "nan")
    assert float(lines[3].removeprefix("FID: ")) > 0
    assert "fid: warning: prc needs 4 generated images or more, not 3" in errors


def test_a_name_with_a_line_break_is_told_in_one_line(capsys, tmp_path):
    code, _, errors = call(capsys, tmp_path / "two\nlines", tmp_path)
    assert code == 1
    assert errors == [f"fid: error: no file or folder {tmp_path / 'two lines'}"]


def test_half_of_statistics_is_told(place, capsys, tmp_path):
    np.savez(tmp_path / "half.npz", mu=np.zeros(64))
    code, _, errors = call(capsys, tmp_path / "half.npz", place / "a", "-i", place / "small.pb")
    assert code == 1
    assert "half.npz holds mu: float64 [64]: expected mu and sigma" in errors[-1]


def test_one_array_of_several_is_named(place, capsys, tmp_path):
    images = np.load(place / "a.npy")
    np.savez(tmp_path / "set.npz", train=images[:9], train_labels=np.arange(9), test=images)
    options = ("-i", place / "small.pb", "--dims", 64)
    code, lines, _ = call(capsys, f"{tmp_path / 'set.npz'}:test", place / "b", *options)
    assert code == 0
    assert float(lines[-1]) == pytest.approx(expected(place), abs=1e-5)
    code, _, errors = call(capsys, tmp_path / "set.npz", place / "b", *options)
    assert code == 1
    assert f"say which, such as {tmp_path / 'set.npz'}:test" in errors[-1]


def test_one_side_alone_needs_a_file_for_its_statistics(place, capsys):
    code, _, errors = call(capsys, place / "a")
    assert code == 1
    assert "--save-stats" in errors[-1]
