import dataclasses

import pytest

from tf_twostage import recipes, table1_values
from tf_twostage.errors import InputError
from tf_twostage.recipes import vae


@pytest.mark.parametrize(
    ("dataset", "stage1", "stage2"),
    [
        ("mnist", (400, 150), (800, 300)),
        ("fashion_mnist", (400, 150), (800, 300)),
        ("cifar10", (1000, 300), (2000, 600)),
        ("celeba", (120, 48), (300, 120)),
        ("holiday_photos", (400, 150), (800, 300)),
    ],
)
def test_paper_epochs_and_halvings(dataset, stage1, stage2):
    recipe = recipes.get("paper", dataset, 60_000)
    for number, (epochs, halve) in ((1, stage1), (2, stage2)):
        assert recipe.schedule(number) == recipes.Schedule(epochs, halve, 1e-4)
    assert (recipe.batch_size, recipe.weight_decay, recipe.latent_dim) == (100, 5e-4, 64)
    assert (recipe.stage2_depth, recipe.stage2_width) == (3, 1024)
    assert (recipe.adam_beta_1, recipe.adam_beta_2, recipe.adam_epsilon) == (0.9, 0.999, 1e-8)


def test_official_code_differs_where_the_authors_do():
    recipe = recipes.get("official_code", "celeba", 162_770)
    assert recipe.schedule(1) == recipes.Schedule(400, 150, 1e-4)
    assert (recipe.batch_size, recipe.weight_decay) == (64, 0.0)
    assert not recipe.jpeg
    cifar = recipes.get("official_code", "cifar10", 50_000)
    assert cifar.jpeg
    assert cifar.schedule(2).epochs == 2000


# Epochs, halving of stage 1; of stage 2: as the authors' words and their code's defaults have it.
OFFICIAL_EPOCHS = {
    "mnist": (400, 150, 800, 300),
    "fashion_mnist": (400, 150, 800, 300),
    "cifar10": (1000, 300, 2000, 600),
    "celeba": (400, 150, 800, 300),
}


@pytest.mark.parametrize("dataset", recipes.PAPER_DATASETS)
def test_every_value_in_which_the_two_sources_differ(dataset):
    """The facts on paper and code, written out anew; whatever is not listed must be the same."""
    paper = dataclasses.asdict(recipes.get("paper", dataset, 1))
    code = dataclasses.asdict(recipes.get("official_code", dataset, 1))
    differing = {key: (paper[key], code[key]) for key in paper if paper[key] != code[key]}
    expected = {
        "name": ("paper", "official_code"),
        "batch_size": (100, 64),
        "weight_decay": (5e-4, 0.0),
        "resnet_channels": (32, 16),
        "resnet_flatten": (True, False),
    }
    if dataset != "celeba":
        expected["resnet_scales"] = (3, 4)
    if dataset == "celeba":
        expected |= {
            "stage1_epochs": (120, 400),
            "stage1_halve_every": (48, 150),
            "stage2_epochs": (300, 800),
            "stage2_halve_every": (120, 300),
        }
    assert differing == expected
    names = ("stage1_epochs", "stage1_halve_every", "stage2_epochs", "stage2_halve_every")
    assert tuple(code[name] for name in names) == OFFICIAL_EPOCHS[dataset]


def test_where_the_paper_is_silent_the_code_decides():
    for dataset in recipes.PAPER_DATASETS:
        recipe = recipes.get("paper", dataset, 1)
        assert recipe.stage2_skip
        assert (recipe.stage2_log_sd, recipe.batch_norm_decay) == (0.0, 0.999)
        assert recipe.fid_protocol == "table1"
        assert recipe.jpeg == (dataset == "cifar10")


def test_residual_blocks_of_paper_and_code():
    paper = recipes.get("paper", "mnist", 1, network="resnet")
    code = recipes.get("official_code", "mnist", 1, network="resnet")
    assert (paper.resnet_blocks, paper.resnet_capped) == (2, False)
    assert (code.resnet_blocks, code.resnet_capped) == (1, True)


# Network: scales, channels, kappa; epochs, halving of stage 1; of stage 2.
COMMANDS = {"resnet": (4, 32, 128, 100, 40, 100, 40), "wae": (4, 16, 64, 70, 30, 70, 30)}


@pytest.mark.parametrize("network", COMMANDS)
def test_the_authors_commands_for_pictures_of_celeba(network):
    recipe = recipes.get("official_code", "celeba", 162_770, network=network)
    first, second = (recipe.schedule(stage) for stage in (1, 2))
    found = (recipe.resnet_scales, recipe.resnet_channels, recipe.latent_dim)
    found += (first.epochs, first.halve_every, second.epochs, second.halve_every)
    assert found == COMMANDS[network]
    assert recipe.batch_size == 64


def test_table_1_by_the_papers_own_summary():
    """The paper's text: the mean of 2-Stage VAE over the sets is below 40, on two it beats GANs."""
    assert all(len(row) == 4 for row in (table1_values.FID | table1_values.CITED).values())
    two_stage = [mean for mean, _ in table1_values.FID["2-Stage VAE"]]
    best_gan = [mean for mean, _ in table1_values.CITED["Best GAN, default"]]
    assert sum(two_stage) / 4 < 40
    assert sum(ours < gan for ours, gan in zip(two_stage, best_gan, strict=True)) == 2
    fixed, learned = (table1_values.FID[f"VAE ({kind} γ)"] for kind in ("fixed", "learned"))
    beats = [f[0] < w[0] for f, w in zip(fixed, learned, strict=True)]
    assert beats == [True, False, False, True]  # MNIST and CelebA


def test_resnet_of_the_figures():
    assert recipes.get("paper", "celeba", 1, network="resnet").resnet_scales == 4
    assert recipes.get("paper", "mnist", 1, network="resnet").resnet_scales == 3
    assert recipes.get("paper", "mnist", 1, network="resnet").stage2_width == 2048


def test_quick_counts_steps_not_epochs():
    large = recipes.get("quick", "fashion_mnist", 60_000)
    small = recipes.get("quick", "fashion_mnist", 3_000)
    assert large.stage1_epochs * 600 == vae.QUICK_STEPS[0]
    assert small.stage1_epochs * 30 == vae.QUICK_STEPS[0]
    assert large.stage1_epochs <= 3 * large.stage1_halve_every  # halved twice


def test_overrides_and_scale():
    recipe = recipes.get(
        "paper", "mnist", 60_000, epochs_scale=0.01, batch_size=50, learn_gamma=None
    )
    assert (recipe.batch_size, recipe.learn_gamma) == (50, True)
    assert recipe.schedule(1) == recipes.Schedule(4, 2, 1e-4)
    assert recipes.get("paper", "mnist", 60_000, epochs_scale=1e-9).stage1_epochs == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "papr"}, "unknown recipe 'papr': choose one of paper, official_code, quick"),
        ({"batchsize": 3}, "no value 'batchsize'"),
        ({"batch_size": 0}, "batch_size must be a finite number >= 1"),
        ({"learning_rate": -1.0}, "learning_rate must be a finite number"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number"),
        ({"learn_gamma": "huge"}, "learn_gamma must be True or False, not 'huge'"),
        ({"batch_size": 1.5}, "batch_size must be an integer, not 1.5"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, not 'fast'"),
        ({"network": "cnn"}, "unknown network 'cnn': choose one of infogan, resnet, wae"),
        ({"fid_protocol": "best"}, "unknown fid_protocol 'best': choose one of plain, table1"),
        ({"epochs_scale": 0.0}, "epochs_scale"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        recipes.get(arguments.pop("name", "paper"), "mnist", 60_000, **arguments)


def test_recipes_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipes.get("paper", "mnist", 1).batch_size = 3


# The recipe in a config.json of a former version.
FORMER = {
    "name": "quick",
    "stage1_epochs": 28,
    "stage1_halve_every": 7,
    "stage2_epochs": 300,
    "stage2_halve_every": 75,
    "learning_rate": 0.003,
    "batch_size": 100,
    "weight_decay": 0.0005,
    "adam_beta_1": 0.9,
    "adam_beta_2": 0.999,
    "adam_epsilon": 1e-08,
    "network": "infogan",
    "gamma": "learned",
    "likelihood": "gaussian",
    "latent_dim": 10,
    "second_stage_depth": 3,
    "second_stage_width": 128,
    "second_stage_skip": True,
    "second_stage_log_gamma": -1.0,
    "resnet_scales": 3,
    "resnet_channels": 32,
    "resnet_flatten": True,
    "batch_norm_decay": 0.99,
    "jpeg": False,
    "fid_protocol": "plain",
}


def test_a_former_config_is_the_recipe_of_today_without_its_bound():
    today = recipes.get("quick", "manifold", 10_000)
    assert recipes.from_config(FORMER) == dataclasses.replace(today, bounded_sd=False)
    assert recipes.from_config(dataclasses.asdict(today)) == today
    assert not recipes.from_config(FORMER | {"gamma": "fixed"}).learn_gamma
    assert not recipes.from_config(FORMER | {"second_stage_skip": False}).stage2_skip


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"speed": 3}, "a recipe has no value 'speed'"),
        ({"gamma": "huge"}, "learn_gamma must be True or False, not 'huge'"),
        ({"latent_dim": "ten"}, "latent_dim must be an integer, not 'ten'"),
    ],
)
def test_a_config_that_is_no_recipe(change, message):
    with pytest.raises(InputError, match=message):
        recipes.from_config(FORMER | change)
    with pytest.raises(InputError, match="has no name, stage1_epochs"):
        recipes.from_config({})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, "learned"),
        ({"learn_gamma": False}, "fixed"),
        ({"likelihood": "bernoulli"}, "bernoulli"),
    ],
)
def test_kind_of_vae(values, kind):
    assert recipes.get("paper", "mnist", 1, **values).kind == kind
