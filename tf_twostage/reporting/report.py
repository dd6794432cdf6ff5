"""The page of one run: `report.html`, made from the files of its folder alone.

The page holds everything it shows: pictures are inlined, and there are no scripts and no links
out. What a run lacks (stage 2, FID, a figure) is said where it would stand.
"""

import math
import pathlib
import shlex

from tf_twostage import files, recipes
from tf_twostage import metrics as metrics_record
from tf_twostage.reporting import page
from tf_twostage.run_folder import RunFolder

GRIDS = {
    "reconstructions": "Held-out images, each with its reconstruction at its right. They should "
    "look alike; blur means that gamma is still high.",
    "samples_stage1": "Samples of stage 1: z ~ N(0, I), decoded. Where q(z) is not N(0, I), some "
    "are no image of the data set.",
    "samples_stage2": "Samples of both stages: u ~ N(0, I), z ~ p(z|u), decoded. They should look "
    "more like the originals than those of stage 1.",
}
CURVES = {
    "losses": "Both terms of the loss. In stage 1 the reconstruction term falls below 0 as gamma "
    "falls (it is minus the logarithm of a density), while the KL term grows.",
    "gamma": "The decoder's variance. Stage 1's falls toward 0 (Theorem 3); stage 2's need not, "
    "as its data fill their space (Theorem 1).",
}
DIAGNOSTICS = {
    "lambda": "Figure 11: as many lambda_j near 0 as the data's manifold has dimensions, the rest "
    "near 1.",
    "singular_values": "Figure 1, right: stage 2's spectrum lies closer to that of i.i.d. N(0, I) "
    "samples than stage 1's.",
    "noise_directions": "Figure 10: noise changes the image where lambda_j is small and leaves it "
    "alone where lambda_j is near 1.",
}

RUN_ROWS = (
    ("data set", "dataset.name"),
    ("source", "source"),
    ("image shape (H, W, C)", "dataset.image_shape"),
    ("training images", "dataset.train"),
    ("held-out images", "dataset.test"),
    ("recipe", "recipe.name"),
    ("network", "recipe.network"),
    ("gamma is learned", "recipe.learn_gamma"),
    ("likelihood", "recipe.likelihood"),
    ("latent dimensions", "recipe.latent_dim"),
    ("batch size", "recipe.batch_size"),
    ("learning rate", "recipe.learning_rate"),
    ("epochs of stage 1", "recipe.stage1_epochs"),
    ("epochs of stage 2", "recipe.stage2_epochs"),
    ("seed", "seed"),
)
LOG_COLUMNS = ("kl", "reconstruction", "gamma", "active_dimensions", "learning_rate")
FID_FACTS = (
    ("images a side", "images"),
    ("FID of training images, the floor", "training_images"),
    ("feature dimensions", "dims"),
    ("Inception graph (git blob)", "inception_git_blob"),
    ("comparable with Table 1", "comparable_with_table1"),
)
NO_STAGE2 = "stage 2 is not trained"
NO_METRICS = "There is no readable metrics.json: this run has not been evaluated."
RECONSTRUCTION_EXPECTED = "nats per image, minus a log density: falls below 0 as gamma does"

Row = tuple[str, str, str]  # what, measured, what to expect; not yet escaped


def write_report(folder: RunFolder) -> pathlib.Path:
    """Writes the page of a run into its folder, from the files there as far as they exist.

    Returns:
      The page's path. It is replaced whole.

    Raises:
      OSError: the page cannot be written.
    """
    files.replace_text(folder.report, _page(folder))
    return folder.report


def _page(folder: RunFolder) -> str:
    config, metrics = folder.read_config(), folder.read_metrics()
    recipe = page.as_mapping(config.get("recipe"))
    title = f"Two-stage VAE on {page.text(page.at(config, 'dataset.name'), folder.path.name)}"
    pictures, plots = folder.images, folder.figures
    body = [
        f"<h1>{page.escape(title)}</h1>",
        page.section("What was run", _run_table(config)),
        page.section("Numbers", _numbers_table(metrics, recipe)),
        page.section("Images", page.pictures(pictures, GRIDS, page.others(pictures, GRIDS))),
        page.section("Training", _log_table(folder, recipe), page.pictures(plots, CURVES)),
        page.section(
            "The latent space",
            page.pictures(plots, DIAGNOSTICS, page.others(plots, CURVES, DIAGNOSTICS)),
        ),
        page.section("FID", _fid_table(metrics)),
        page.section("The whole recipe", page.flat_table(recipe, "config.json holds no recipe.")),
        page.section(
            "Environment", page.flat_table(_rest(config), "config.json does not tell it.")
        ),
        page.section("All of metrics.json", page.flat_table(metrics, NO_METRICS)),
    ]
    return (
        page.HEAD.format(title=page.escape(title), style=page.STYLE)
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )


def _run_table(config: dict) -> str:
    if not config:
        return page.missing("There is no readable config.json: what was run is not known.")
    argv = page.at(config, "environment.argv")
    command = shlex.join(map(str, argv)) if isinstance(argv, list) else page.text(argv)
    overrides = page.flatten(config.get("overrides"))
    changed = ", ".join(f"{key} = {page.text(value)}" for key, value in overrides.items())
    rows = [(name, page.text(page.at(config, path))) for name, path in RUN_ROWS]
    return page.table(
        (), [("command", command), *rows, ("changed from the recipe", changed or "nothing")]
    )


def _rest(config: dict) -> dict:
    """The environment and whatever else `_run_table` and the recipe's table do not show."""
    shown = {"environment.argv"} | {path for _, path in RUN_ROWS}
    return {
        key.removeprefix("environment."): value
        for key, value in page.flatten(config).items()
        if key not in shown and key.partition(".")[0] not in ("recipe", "overrides")
    }


def _numbers_table(metrics: dict, recipe: dict) -> str:
    if not metrics:
        return page.missing(NO_METRICS)
    rows = [
        *_stage1_rows(metrics, recipe),
        *_distance_rows(metrics),
        *_loss_rows(metrics),
        ("time", page.durations(page.as_mapping(metrics.get("seconds"))), ""),
    ]
    return page.table(("", "measured", "what to expect"), rows)


def _stage1_rows(metrics: dict, recipe: dict) -> list[Row]:
    lambda_ = [value for value in page.as_list(metrics.get("lambda")) if page.is_number(value)]
    low, high = recipes.ACTIVE_BELOW, 1 - recipes.ACTIVE_BELOW
    undecided = sum(low < value < high for value in lambda_)
    mse = metrics.get("reconstruction_mse")
    grey = f" ({255 * math.sqrt(mse):.1f} of 255 grey levels)" if page.is_number(mse) else ""
    return [
        ("gamma, the decoder's variance", page.text(metrics.get("gamma")), _gamma_expected(recipe)),
        ("active dimensions", _active(metrics), _active_expected(metrics)),
        (
            f"undecided lambda_j, in {low:g}..{high:g}",
            f"{undecided} of {len(lambda_)}" if lambda_ else page.NOT_MEASURED,
            "few: every lambda_j settles near 0 or near 1 (Figure 11)",
        ),
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


def _distance_rows(metrics: dict) -> list[Row]:
    name = "sliced Wasserstein distance"
    found = page.as_mapping(metrics.get("sliced_wasserstein"))
    if not found:
        return [(name, page.NOT_MEASURED, "stage 2 below stage 1")]
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
        (
            f"{name}, training to held-out images",
            page.text(found.get("train_vs_test")),
            "the floor: how far true images lie from true images",
        ),
        (
            "samples of both stages against those of stage 1",
            metrics_record.in_words(factor) if page.is_number(factor) else second,
            "closer: by this factor stage 2 shrinks the distance",
        ),
    ]


def _loss_rows(metrics: dict) -> list[Row]:
    second = page.NOT_MEASURED if _has_stage(metrics, 2) else NO_STAGE2
    return [
        (
            f"stage {stage}, {term}",
            page.text(page.at(metrics, f"loss.stage{stage}.{key}"), missing),
            text,
        )
        for stage, term, key, missing, text in (
            (1, "KL", "kl", page.NOT_MEASURED, "nats per image; grows as gamma falls"),
            (1, "reconstruction", "reconstruction", page.NOT_MEASURED, RECONSTRUCTION_EXPECTED),
            (
                2,
                "KL",
                "kl",
                second,
                "nats per latent z; at 0, stage 2 has learned one Gaussian only",
            ),
            (
                2,
                "reconstruction",
                "reconstruction",
                second,
                "nats per latent z; falls, then levels",
            ),
        )
    ]


def _fid_table(metrics: dict) -> str:
    fid = page.as_mapping(metrics.get("fid"))
    if not fid:
        return page.missing("FID was not computed (it needs an Inception graph).")
    comparable = fid.get("comparable_with_table1") is True
    note = "" if comparable else page.missing("Not comparable with Table 1 or any published FID.")
    facts = [(name, page.text(fid.get(key))) for name, key in FID_FACTS]
    protocols = {page.text(fid.get("protocol")): fid} | page.as_mapping(fid.get("protocols"))
    rows = [
        (name, *(page.text(page.at(scores, key)) for key in ("reconstruction", "stage1", "stage2")))
        for name, scores in protocols.items()
    ]
    head = ("protocol", "reconstructions", "stage-1 samples", "stage-2 samples")
    expect = "<p>Lower is better. Stage 2 should lie below stage 1.</p>"
    return note + expect + page.table(head, rows) + page.table((), facts)


def _log_table(folder: RunFolder, recipe: dict) -> str:
    logs = folder.read_logs()
    if not logs:
        return page.missing("There is no log yet: no epoch has finished.")
    rows = [
        (
            f"stage {stage}",
            f"{log['epoch'][-1]:.0f} of {page.text(recipe.get(f'stage{stage}_epochs'), '?')}",
            *(page.text(log[name][-1] if name in log else None) for name in LOG_COLUMNS),
        )
        for stage, log in sorted(logs.items())
    ]
    absent = "" if 2 in logs else page.missing("Stage 2 has not been trained: it has no log.")
    head = ("last epoch", "epochs", *(name.replace("_", " ") for name in LOG_COLUMNS))
    return page.table(head, rows) + absent


def _has_stage(metrics: dict, stage: int) -> bool:
    return stage in page.as_list(metrics.get("stages"))
