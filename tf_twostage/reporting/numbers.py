"""The table of numbers on a run's page: what was measured, and what to expect of it."""

import math
import statistics
from typing import NamedTuple

from tf_twostage import metrics as metrics_record
from tf_twostage import recipes
from tf_twostage.recipes import gan, vae
from tf_twostage.reporting import page, table1_runs

NO_METRICS = "There is no readable metrics.json: this run has not been evaluated."
NO_STAGE2 = "stage 2 is not trained"
VAE_TERMS = (  # stage, name, key, what it does
    (1, "KL", "kl", "nats per image; grows as gamma falls"),
    (
        1,
        "reconstruction",
        "reconstruction",
        "nats per image, minus a log density: falls below 0 as gamma does",
    ),
    (2, "KL", "kl", "nats per latent z; at 0, stage 2 has learned one Gaussian only"),
    (2, "reconstruction", "reconstruction", "nats per latent z; falls, then levels"),
)
TERMS = {  # a term of the loss of a GAN or WAE -> what it does
    "d_loss": "the discriminator's; what it settles at is no measure of the samples",
    "g_loss": "the generator's; what it settles at is no measure of the samples",
    "reconstruction": "squared error of an image on the scale -1..1; falls",
    "adversary": "of the adversary on z; near its value at a guess where q(z) is N(0, I)",
    "penalty": "falls toward 0, or levels",
}

TITLES = table1_runs.GANS | table1_runs.WAES | table1_runs.ABLATIONS

Row = tuple[str, str, str]  # what, measured, what to expect; not yet escaped


class Parts(NamedTuple):
    """What a kind of model has."""

    title: str
    encoder: bool
    two_stages: bool
    kl: bool  # whether stage 1 has a KL term
    stages: tuple[int, ...]  # that it trains

    @classmethod
    def of(cls, recipe: dict) -> "Parts":
        """Those of a recipe's values; a damaged or former recipe counts as the two-stage VAE's."""
        model = recipe.get("model")
        model = model if model in recipes.MODELS else "two_stage"
        return cls(
            title=TITLES.get(model, "Two-stage VAE"),
            encoder=model not in gan.MODELS,
            two_stages=model in vae.MODELS,
            kl=model in ("two_stage", "joint"),
            stages=recipes.family(model).recipe.stages_of(model),
        )


def table(metrics: dict, recipe: dict, parts: Parts) -> str:
    """The table of a run.

    Args:
      metrics: its metrics.json.
      recipe: the recipe's values.
      parts: `Parts.of` them.
    """
    if not metrics:
        return page.missing(NO_METRICS)
    rows = [
        *(_gamma_rows(metrics, recipe) if parts.two_stages else ()),
        *(_latent_rows(metrics) if parts.kl else ()),
        *_normality_rows(metrics, parts),
        *(_reconstruction_rows(metrics) if parts.encoder else ()),
        *_distance_rows(metrics, parts),
        *_duplicate_rows(metrics),
        *(_loss_rows(metrics, parts) if parts.two_stages else _other_loss_rows(metrics)),
        ("time", page.durations(page.as_mapping(metrics.get("seconds"))), ""),
    ]
    return page.table(("", "measured", "what to expect"), rows)


def _gamma_rows(metrics: dict, recipe: dict) -> list[Row]:
    found = page.text(metrics.get("gamma"))
    return [("gamma, the decoder's variance", found, _gamma_expected(recipe))]


def _latent_rows(metrics: dict) -> list[Row]:
    lambda_ = [value for value in page.as_list(metrics.get("lambda")) if page.is_number(value)]
    low, high = recipes.ACTIVE_BELOW, 1 - recipes.ACTIVE_BELOW
    undecided = sum(low < value < high for value in lambda_)
    return [
        ("active dimensions", _active(metrics), _active_expected(metrics)),
        (
            f"undecided lambda_j, in {low:g}..{high:g}",
            f"{undecided} of {len(lambda_)}" if lambda_ else page.NOT_MEASURED,
            "few: every lambda_j settles near 0 or near 1 (Figure 11)",
        ),
        *_group_rows(metrics),
    ]


def _group_rows(metrics: dict) -> list[Row]:
    """The two groups of lambda_j, and what they cost in KL; none in runs of former versions."""
    space = page.as_mapping(metrics.get("latent_space"))
    if not space:
        return []
    share, gap = space.get("active_share"), space.get("lambda_gap")
    kl = [value for value in page.as_list(space.get("kl_per_dimension")) if page.is_number(value)]
    return [
        (
            f"share of lambda_j below {recipes.ACTIVE_BELOW:g}; gap to the others",
            f"{page.percent(share)}; {page.text(gap, 'none')}",
            "the gap grows toward 1 as both groups settle; none where all lie on one side",
        ),
        (
            "KL of one dimension: least, median, greatest",
            ", ".join(f"{value:.3g}" for value in _extremes(kl)) + " nats",
            "near 0 where lambda_j is near 1; grows like -log(gamma)/2 where it is near 0",
        ),
    ]


def _extremes(values: list[float]) -> list[float]:
    return [min(values), statistics.median(values), max(values)] if values else []


def _normality_rows(metrics: dict, parts: Parts) -> list[Row]:
    """How far z and u are from N(0, I); none in runs of former versions or without an encoder."""
    space = page.as_mapping(metrics.get("latent_space"))
    floor = page.text(space.get("spectrum_floor"))
    expected = {
        "z": "q(z) is not N(0, I), so stage 2 is needed: above stage 2's, and p is small"
        if parts.two_stages
        else "small: the penalty fits q(z) to N(0, I)",
        "u": "below stage 1's; p is above 0.05 where no difference is seen",
    }
    rows = []
    for latent, text in expected.items():
        found = page.as_mapping(space.get(latent))
        if found:
            distance, mmd2, p = (
                page.text(found.get(key)) for key in ("spectrum_distance", "mmd2", "p_value")
            )
            rows += [
                (f"MMD² of q({latent}) to N(0, I)", f"{mmd2}, p = {p}", text),
                (
                    f"distance of q({latent})'s spectrum to N(0, I)'s",
                    distance,
                    f"root mean square; two N(0, I) matrices are {floor} apart (Figure 1, right)",
                ),
            ]
    return rows


def _reconstruction_rows(metrics: dict) -> list[Row]:
    mse = metrics.get("reconstruction_mse")
    known = page.is_number(mse) and mse >= 0
    grey = f" ({255 * math.sqrt(mse):.1f} of 255 grey levels)" if known else ""
    return [
        (
            "squared error of reconstructions",
            page.text(mse) + grey,
            "mean over the pixels of held-out images, in 0..1 units: a learned gamma falls toward "
            "it",
        ),
    ]


def _gamma_expected(recipe: dict) -> str:
    if recipe.get("likelihood") == "bernoulli":
        return "1: the cross-entropy has no gamma"
    if recipe.get("learn_gamma") is False:
        return "1: fixed, the paper's baseline"
    return "falls from 1 toward 0 (Theorem 3); the lower, the sharper the reconstructions"


def _active(metrics: dict) -> str:
    active, all_ = metrics.get("active_dimensions"), metrics.get("latent_dim")
    return page.text(active) + (f" of {page.text(all_)}" if all_ is not None else "")


def _active_expected(metrics: dict) -> str:
    true = metrics.get("true_dimensions")
    many = "as many as the images' manifold has" if true is None else f"near r = {page.text(true)}"
    return f"settles {many}, with lambda_j near 0; the others stay at 1 (Theorem 4)"


def _distance_rows(metrics: dict, parts: Parts) -> list[Row]:
    name = "sliced Wasserstein distance"
    found = page.as_mapping(metrics.get("sliced_wasserstein"))
    if not found:
        return [(name, page.NOT_MEASURED, "stage 2 below stage 1")]
    floor = (
        f"{name}, training to held-out images",
        page.text(found.get("train_vs_test")),
        "the floor: how far true images lie from true images",
    )
    if not parts.two_stages:
        first = page.text(found.get("stage1"))
        return [(f"{name}, samples to held-out images", first, "near the next line"), floor]
    second = page.NOT_MEASURED if _has_stage(metrics, 2) else NO_STAGE2
    factor = found.get("factor")
    return [
        (
            f"{name}, stage-1 samples to held-out images",
            page.text(found.get("stage1")),
            "above stage 2's: q(z) is not the N(0, I) that stage 1 draws from",
        ),
        (
            f"{name}, stage-2 samples to held-out images",
            page.text(found.get("stage2"), second),
            "below stage 1's; at best near the next line",
        ),
        floor,
        (
            "samples of both stages against those of stage 1",
            metrics_record.in_words(factor) if page.is_number(factor) else second,
            "closer: by this factor stage 2 shrinks the distance",
        ),
    ]


def _duplicate_rows(metrics: dict) -> list[Row]:
    found = page.as_mapping(metrics.get("near_duplicates"))
    if not found:
        return []
    samples, train = found.get("stage2", found.get("stage1")), found.get("train")
    collapsed = page.is_number(samples) and samples > metrics_record.COLLAPSED
    return [
        (
            "near duplicates among samples",
            page.percent(samples) + (": mode collapse" if collapsed else ""),
            f"about that of training images, {page.percent(train)}; a generator that makes few "
            "different images has many",
        )
    ]


def _other_loss_rows(metrics: dict) -> list[Row]:
    terms = page.as_mapping(page.at(metrics, "loss.stage1"))
    return [(name, page.text(value), TERMS.get(name, "")) for name, value in terms.items()]


def _loss_rows(metrics: dict, parts: Parts) -> list[Row]:
    untrained = page.NOT_MEASURED if _has_stage(metrics, 2) else NO_STAGE2
    return [
        (
            f"stage {stage}, {term}",
            page.text(
                page.at(metrics, f"loss.stage{stage}.{key}"),
                page.NOT_MEASURED if stage == 1 else untrained,
            ),
            text,
        )
        for stage, term, key, text in VAE_TERMS
        if stage in parts.stages
    ]


def _has_stage(metrics: dict, stage: int) -> bool:
    return stage in page.as_list(metrics.get("stages"))
