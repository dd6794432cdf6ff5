"""A SavedModel as the server finds, loads and asks it."""

import json
import shutil

import numpy as np
import pytest
import tiny_served
from loading import message

pytest.importorskip("starlette", reason="needs the extra `serve`")

from tf_twostage.serving import served_model
from tf_twostage.serving.served_model import Direction, ServedModel


def test_a_model_is_found_in_a_run_among_versions_and_alone(saved_model, tmp_path):
    run = tmp_path / "trial_000"
    shutil.copytree(saved_model, run / "saved_model" / "1")
    shutil.copytree(saved_model, run / "saved_model" / "10")
    (run / "saved_model" / "notes").mkdir()
    assert served_model.find(str(run)) == run / "saved_model" / "1"
    assert served_model.find(str(run / "saved_model")) == run / "saved_model" / "10"
    assert served_model.find(str(saved_model)) == saved_model


def test_no_model_is_one_line(tmp_path):
    assert "no SavedModel in" in message(served_model.find, str(tmp_path))
    assert "is no folder" in message(served_model.find, str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index"])
def test_a_damaged_model_is_one_line(saved_model, tmp_path, name):
    copy = tmp_path / "1"
    shutil.copytree(saved_model, copy)
    (copy / name).write_bytes(b"\xff" * 50)
    text = message(ServedModel, copy)
    assert "can't be read" in text
    assert "\n" not in text


def test_a_model_without_latents_must_be_exported_again(saved_model, tmp_path, monkeypatch):
    monkeypatch.setattr(served_model, "NEEDED", ("decode", "dream"))
    assert "has no signature dream: export" in message(ServedModel, saved_model)


def test_what_it_knows(model):
    assert model.version == 3
    assert model.image_shape == tiny_served.SHAPE
    assert model.kappa == tiny_served.KAPPA
    assert set(model.signatures) >= {"serving_default", "generate_png", "interpolate"}
    decode = model.signatures["decode"]
    assert str(decode.inputs["latents"]) == "float32 [N, 4]"
    assert str(decode.outputs["images"]) == "float32 [N, 8, 8, 1]"
    assert model.run == tiny_served.RUN


def test_directions_come_by_lambda_the_superfluous_last(model):
    assert model.directions == [
        Direction(3, 0.001, True),
        Direction(1, 0.002, True),
        Direction(0, 0.9, False),
        Direction(2, 0.95, False),
    ]


@pytest.mark.parametrize("variances", [None, [0.5], ["a"] * 4, [float("nan")] * 4, 3])
def test_directions_without_lambda_come_in_their_order(model, monkeypatch, variances):
    monkeypatch.setattr(model, "metrics", json.loads(json.dumps({"lambda": variances})))
    assert model.directions == [Direction(j, None, None) for j in range(4)]


@pytest.mark.parametrize(
    ("name", "inputs", "reason"),
    [
        ("decode", {"latents": np.zeros((2, 5), np.float32)}, "latents must be [N, 4]"),
        ("decode", {"latents": np.full((2, 4), np.nan, np.float32)}, "must be finite"),
        ("encode", {"images": np.zeros((2, 8, 8, 3), np.float32)}, "images must be [N, 8, 8, 1]"),
        ("encode", {"images": np.full((2, 8, 8, 1), 255, np.float32)}, "must lie in 0..1"),
        ("generate", {"count": np.int32(1), "seed": np.zeros(3, np.int32)}, "seed must be int32"),
    ],
)
def test_bad_inputs_are_told_before_the_model_sees_them(model, name, inputs, reason):
    inputs = {key: np.asarray(value) for key, value in inputs.items()}
    assert reason in message(model.checked, name, inputs)


def test_what_the_model_itself_refuses_is_told_in_its_words(model):
    seed = np.zeros(2, np.int32)
    text = message(model.call, "generate", {"count": np.int32(-1), "seed": seed})
    assert text == "count must be in 0..1000, not -1"
    one, two = (np.zeros((n, 8, 8, 1), np.float32) for n in (1, 2))
    inputs = {"first": one, "second": two, "steps": np.int32(3)}
    text = message(model.call, "interpolate", inputs)
    assert text == "first and second must hold as many images"
