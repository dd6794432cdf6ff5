"""The model card says what the run's files say, and no more."""

import copy
import dataclasses

import pytest

from tf_twostage import recipes
from tf_twostage.reporting import model_card

CONFIG = {
    "recipe": dataclasses.asdict(recipes.get("quick", "celeba", 100)),
    "overrides": {"epochs_scale": 0.5},
    "dataset": {
        "name": "celeba",
        "version": "2.0.1",
        "identity": "abc",
        "image_shape": [64, 64, 3],
        "train": 162_770,
        "test": 19_962,
    },
    "seed": 3,
    "environment": {"git_commit": "f00", "tensorflow": "2.21.0", "argv": ["/home/me/secret"]},
}
METRICS = {
    "stages": [1, 2],
    "gamma": 0.01,
    "latent_dim": 64,
    "active_dimensions": 20,
    "reconstruction_mse": 0.002,
    "sliced_wasserstein": {"stage1": 0.5, "stage2": 0.25, "train_vs_test": 0.1},
    "fid": {
        "protocol": "table1",
        "dims": 768,
        "inception_git_blob": "f00",
        "images": 1000,
        "comparable_with_table1": False,
        "stage1": 3.5,
        "stage2": 2.5,
        "training_images": 0.5,
        "protocols": {"table1": {"stage1": 3.5, "stage2": 2.5}},
    },
}


NAMES = ("generate", "generate_stage1", "generate_latents", "decode", "encode")


def card(name="celeba", model="two_stage", metrics=METRICS, names=NAMES):
    config = copy.deepcopy(CONFIG)
    config["dataset"]["name"] = name
    config["recipe"]["model"] = model
    return model_card.write(config, metrics, names)


def test_it_holds_data_recipe_schedule_metrics_and_protocol():
    text = card()
    for part in (
        "# Two-stage VAE on celeba",
        "162,770 training and 19,962 held-out",
        "changed: epochs_scale = 0.5",
        "non-commercial research only",
        "seed 3",
        "commit `f00`",
        "| γ, the decoder's variance | 0.01 |",
        "| active latent dimensions | 20 of 64 |",
        "protocol `table1`, 768 dimensions, 1,000 images on each side; **compares",
        "stage1 3.5, stage2 2.5, training images, the floor 0.5",
        "images = tf.zeros([1, 64, 64, 3])",
    ):
        assert part in text
    assert "secret" not in text


def test_the_note_on_bias_goes_with_the_data():
    assert "faces of celebrities" in card("celeba")
    assert "Where images show people" in card("my photographs")
    assert "not known to this program" in card("my photographs")
    assert "people" not in card("mnist").split("## Use")[1].split("## Calling")[0]


@pytest.mark.parametrize(
    ("names", "default"),
    [(NAMES, "`generate` (default)"), (NAMES[1:], "`generate_stage1` (default)")],
)
def test_the_default_is_that_of_the_last_stage(names, default):
    text = card(names=names)
    assert default in text
    assert all(f'call["{name}"]' in text for name in names)
    assert 'call["interpolate"]' not in text


def test_numbers_of_a_former_version_that_lack_are_left_out():
    text = card(metrics={"latent_dim": 64, "stages": [1, 2]})
    assert "| FID | not measured |" in text
    assert "γ, the decoder" not in text


def test_stages_that_are_null_are_none():
    assert "two-stage" in card(metrics=METRICS | {"stages": None}).lower()


def test_a_name_from_outside_is_text_and_no_more():
    config = copy.deepcopy(CONFIG)
    config["dataset"]["name"] = "a`|<script>[x](y)\n# b"
    text = model_card.write(config, METRICS, ["generate"])
    assert "a???script??x?(y)?# b" in text
    assert "script>" not in text


def test_files_tell_no_command_line():
    found = model_card.files(CONFIG, METRICS, NAMES)
    assert set(found) == {"README.md", "assets.extra/run.json"}
    assert "secret" not in "".join(found.values())
