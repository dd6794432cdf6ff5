"""`--model` with its kinds: which settings a command line asks for, and what it may not ask for."""

from unittest import mock

import pytest

from tf_twostage import recipes
from tf_twostage.data.splits import Outline
from tf_twostage.errors import InputError
from tf_twostage.experiment import draws, kinds, plan, search
from tf_twostage.experiment.options import Options


@pytest.fixture(autouse=True)
def _known_sets(monkeypatch):
    outline = Outline((32, 32, 3), 1000, 100, "0123456789ab")
    monkeypatch.setattr(
        plan.sources, "find", lambda name, **_: mock.Mock(run_name=name, outline=lambda: outline)
    )


def found(**options):
    return [
        (one.recipe.model, one.recipe.name, one.path.name, one.stages)
        for one in plan.make(Options(dataset="mnist", **options))
    ]


def test_each_model_has_its_own_default_recipe_and_folder():
    assert found(model=("ns_gan", "two_stage", "wae_mmd")) == [
        ("ns_gan", "suggested", "suggested-infogan-ns_gan", (1,)),
        ("two_stage", "paper", "paper-infogan-learned", (1, 2)),
        ("wae_mmd", "suggested", "suggested-infogan-wae_mmd", (1,)),
    ]


def test_ablations_say_so_in_their_folders():
    assert found(model=("autoencoder", "joint"), recipe="quick") == [
        ("autoencoder", "quick", "quick-infogan-autoencoder-learned", (1, 2)),
        ("joint", "quick", "quick-infogan-joint-learned", (1,)),
    ]


def test_all_rows_of_the_table():
    rows = found(model=("table1",))
    assert len(rows) == 3 + 7 + 1
    assert rows[:3] == [
        ("two_stage", "paper", "paper-infogan-learned", (1, 2)),
        ("two_stage", "paper", "paper-infogan-fixed", (1,)),
        ("two_stage", "paper", "paper-infogan-bernoulli", (1,)),
    ]
    assert {name for _, name, *_ in rows[3:]} == {"suggested"}
    assert {model for model, *_ in found(model=("all",))} == set(recipes.MODELS)
    assert len(recipes.MODELS) == 12


def test_what_only_some_models_have_is_used_for_those():
    rows = found(model=("ns_gan", "two_stage"), gamma=("fixed",), recipe="official_code")
    assert rows == [
        ("ns_gan", "suggested", "suggested-infogan-ns_gan", (1,)),
        ("two_stage", "official_code", "official_code-infogan-fixed", (1, 2)),
    ]
    both = plan.make(
        Options(
            dataset="mnist",
            model=("two_stage", "wgan"),
            overrides={"weight_clip": 0.1, "batch_size": 10},
        )
    )
    assert [one.changes for one in both] == [
        {"batch_size": 10},
        {"weight_clip": 0.1, "batch_size": 10},
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ("ns_gan",), "gamma": ("fixed",)}, "ns_gan has no --gamma: leave it out"),
        ({"model": ("wgan",), "likelihood": ("bernoulli",)}, "wgan has no --likelihood"),
        ({"model": ("began",), "overrides": {"stage2_width": 8}}, "began has no --stage2_width"),
        ({"model": ("ns_gan", "wae_mmd"), "recipe": "paper"}, "has no recipe paper: choose one of"),
        ({"model": ("gan",)}, "unknown model 'gan': choose from two_stage, autoencoder"),
        ({"model": ("ns_gan",), "stage": "2"}, "ns_gan has no stage 2: leave out --stage"),
        ({"model": ("joint",), "stage": "2"}, "joint has no stage 2"),
        ({"model": ("ns_gan",), "overrides": {"network": "resnet"}}, "unknown network 'resnet'"),
        ({"model": ("wae_gan",), "overrides": {"network": "wae"}}, "wae takes 64 x 64 x 3 images"),
        ({"model": ("wgan",), "overrides": {"discriminator_steps": 0}}, "must be a finite number"),
        (
            {"model": ("wgan",), "overrides": {"discriminator_steps": 99}},
            "1000 training images, fewer than the 6336 of one step",
        ),
    ],
)
def test_bad_input_is_one_line(options, message):
    with pytest.raises(InputError, match=message) as caught:
        plan.make(Options(dataset="mnist", **options))
    assert "\n" not in str(caught.value)


def test_draws_lie_in_the_studys_ranges_and_a_longer_search_goes_on_with_them():
    for model in recipes.family("ns_gan").models:
        drawn = [draws.draw(model, number, seed=0) for number in range(40)]
        assert drawn[:5] == [draws.draw(model, number, seed=0) for number in range(5)]
        assert drawn[0] != draws.draw(model, 0, seed=1)
        assert all(1e-4 <= one["learning_rate"] <= 1e-3 for one in drawn)
        assert {one["discriminator_steps"] for one in drawn} == {1}
        norms = {one.get("discriminator_norm") for one in drawn}
        assert norms == {"wgan_gp": {None}, "dragan": {False}}.get(model, {True, False})
    clips = sorted(draws.draw("wgan", number, 0)["weight_clip"] for number in range(300))
    assert clips[0] >= 0.01
    assert clips[-1] <= 1
    assert 0.05 < clips[150] < 0.2  # the middle of a logarithmic range is 0.1
    assert all(0.6 <= draws.draw("began", k, 0)["equilibrium"] <= 0.9 for k in range(40))


def test_a_search_makes_a_setting_of_each_draw_with_one_trial():
    options = Options(dataset="mnist", model=("wgan_gp", "two_stage"), search=3, trials=5)
    settings = plan.make(options)
    assert [one.search for one in settings] == [0, 1, 2, None]
    assert [one.trials for one in settings] == [1, 1, 1, 5]
    assert len({one.path for one in settings}) == 4
    assert settings[0].recipe.adam_beta_1 == 0.5
    assert f"penalty={settings[0].recipe.penalty}" in settings[0].path.name


def test_what_the_user_sets_is_not_drawn():
    options = Options(dataset="mnist", model=("wgan",), search=3, overrides={"learning_rate": 2e-4})
    assert {one.recipe.learning_rate for one in plan.make(options)} == {2e-4}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ("two_stage",)}, "draws settings of GANs: name one by --model"),
        ({"model": ("ns_gan",), "fid": "off"}, "chooses by FID: add --fid on"),
        ({"model": ("ns_gan",), "trial": 0}, "leave out --trial"),
    ],
)
def test_a_search_that_cannot_be(options, message):
    options = Options(dataset="mnist", search=2, **options)
    with pytest.raises(InputError, match=message):
        search.check(options, plan.make(options))


def test_names_of_groups():
    assert kinds.models(Options(model=("table1", "wgan", "joint")))[-2:] == ("wae_mmd", "joint")
