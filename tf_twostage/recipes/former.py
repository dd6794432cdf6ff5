"""Names of former versions, which config.json files may hold."""

from tf_twostage.recipes.vae import GAMMAS

FORMER_NAMES = {
    "gamma": "learn_gamma",  # a word then, learned or fixed
    "second_stage_depth": "stage2_depth",
    "second_stage_width": "stage2_width",
    "second_stage_skip": "stage2_skip",
    "second_stage_log_gamma": "stage2_log_sd",
}


def renamed(values: dict) -> dict:
    """A recipe's values (all, or some overrides) with former names put into today's."""
    given = {FORMER_NAMES.get(name, name): value for name, value in values.items()}
    if given.get("learn_gamma") in GAMMAS:
        given["learn_gamma"] = given["learn_gamma"] == "learned"
    return given
