import json
import math

import pytest

from benchmarks import measure, rate, sides, training_step
from tf_twostage import recipes
from tf_twostage.models import two_stage


def test_hours_are_the_paper_recipes_steps_at_the_measured_speed():
    seconds = {"stage1_28": 1.0, "stage1_64": 2.0, "stage2": 0.5}
    found = training_step.hours(seconds)
    assert set(found) == {"mnist", "fashion_mnist", "celeba"}  # CIFAR-10's row was not measured
    assert found["mnist"] == pytest.approx((240_000 / 3600, 480_000 / 2 / 3600))
    assert found["celeba"] == pytest.approx((1627 * 120 * 2 / 3600, 1627 * 300 / 2 / 3600))


def test_no_hours_without_the_second_stage():
    assert training_step.hours({"stage1_28": 1.0}) == {}


def test_unknown_row_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["training_step", "stage3"])
    with pytest.raises(SystemExit):
        training_step.main()
    assert "no row stage3: choose from stage1_28" in capsys.readouterr().err


def test_sides_are_chosen_by_name(monkeypatch):
    measured = {}

    def compare(chosen, steps, rounds):
        measured[steps] = list(chosen)
        return {"sides": {name: {"median": 1.0} for name in chosen}}

    monkeypatch.setattr(measure, "compare", compare)
    monkeypatch.setattr(measure, "show", lambda *_: None)
    monkeypatch.setattr(measure, "save", lambda *_: None)
    monkeypatch.setattr(rate, "share", lambda *_: 1.0)
    *_, first, second = training_step.ROWS
    assert training_step.measure_row(first, "gpu", 1, only="device, TF32") is None
    assert training_step.measure_row(second, "gpu", 1, only="ours") == 1.0
    ours = [training_step.HOST, training_step.DEVICE, *training_step.SWITCHES]
    assert measured == {200: [f"{training_step.DEVICE}, TF32"], 2000: ours}


def test_no_side_of_that_name_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["training_step", "--only", "device", "stage1_28"])
    with pytest.raises(SystemExit):  # a CPU has no such loop in stage 1
        training_step.main()
    assert "no side of these rows has 'device' in its name" in capsys.readouterr().err


POSITIONS = {"conv1": 4 * 4, "conv2": 2 * 2, "deconv3": 2 * 2, "deconv4": 4 * 4}  # at 8 x 8


@pytest.mark.parametrize(("stage", "shape"), [(1, (8, 8, 3)), (2, (64,))])
def test_flop_of_a_step_counts_every_kernel(stage, shape):
    model = two_stage.TwoStageVAE(recipes.get("paper", "mnist", 100), (8, 8, 3)).stage(stage)
    kernels = [v for v in model.trainable_variables if len(v.shape) > 1]
    products = [math.prod(v.shape) * POSITIONS.get(v.path.split("/")[-2], 1) for v in kernels]
    assert rate.step_flop(stage, shape, batch=10) == 10 * (6 * sum(products) - 2 * products[0])


def test_ratio_is_the_median_over_rounds_and_compares_rounds_not_medians():
    rounds = [{"wall": wall, "cpu": 1.0, "others": 0.0, "peak": 9.0} for wall in (1, 4, 2)]
    summary = measure._summary(rounds, yardstick=[2, 4, 6], first=0.5)
    assert summary["ratio"] == 2
    assert summary["ratio_range"] == [1, 3]
    assert summary["median"] == 2


def test_json_names_the_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    measure.save("name", {"ratio": 2})
    saved = json.loads((tmp_path / "name.json").read_text())
    assert saved["ratio"] == 2
    assert saved["machine"]["cores"] >= 1


def test_adam_moves_seven_numbers_for_each_that_is_trained():
    (shape,) = [row.shape for row in training_step.ROWS if row.name == "stage2"]
    trained = sides.parameters(2, shape)
    assert 4_500_000 < trained < 4_700_000
    assert rate.step_bytes(trained) == 28 * trained


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain_graph", "plain_keras", "ours", "ours_on_device"])
def test_every_way_to_train_runs(name):
    run = getattr(sides, name)(stage=2, shape=(sides.KAPPA,))
    run(1)
