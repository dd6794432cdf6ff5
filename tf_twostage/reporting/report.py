"""The page of one run: `report.html`, made from the files of its folder alone.

The page holds everything it shows: pictures and the live decoder are inlined, and there are no
links out. What a run lacks (stage 2, FID, a figure) is said where it would stand.
"""

import pathlib
import shlex

from tf_twostage import files
from tf_twostage.reporting import live_decoder, numbers, page
from tf_twostage.reporting.numbers import Parts
from tf_twostage.run_folder import RunFolder

RECONSTRUCTIONS = (
    "Held-out images, each with its reconstruction at its right. They should look alike."
)
GRIDS = {
    "reconstructions": f"{RECONSTRUCTIONS} Blur means that gamma is still high.",
    "samples_stage1": "Samples of stage 1: z ~ N(0, I), decoded. Where q(z) is not N(0, I), some "
    "are no image of the data set.",
    "samples_stage2": "Samples of both stages: u ~ N(0, I), z ~ p(z|u), decoded. They should look "
    "more like the originals than those of stage 1.",
}
CURVES = {
    "losses": "Both terms of the loss. In stage 1 the reconstruction term falls below 0 as gamma "
    "falls (it is minus the logarithm of a density), while the KL term grows.",
    "gamma": "Figure 1, left: gamma, the decoder's variance, and the mean squared error of "
    "training. Stage 1's gamma falls toward 0 (Theorem 3) with the error; stage 2's need not, as "
    "its data fill their space (Theorem 1).",
}
DIAGNOSTICS = {
    "lambda": "Figure 11: as many lambda_j near 0 as the data's manifold has dimensions, the rest "
    "near 1.",
    "singular_values": "Figure 1, right: stage 2's spectrum lies closer to that of i.i.d. N(0, I) "
    "samples than stage 1's.",
    "noise_directions": "Figures 1, centre, and 10: noise changes the image where lambda_j is "
    "small and leaves it alone where lambda_j is near 1.",
}
IN_GRIDS = ("samples", "reconstructions")  # figures of images that the grids show too

RUN_ROWS = (
    ("data set", "dataset.name"),
    ("source", "source"),
    ("image shape (H, W, C)", "dataset.image_shape"),
    ("training images", "dataset.train"),
    ("held-out images", "dataset.test"),
    ("model", "recipe.model"),
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
FID_COLUMNS = {
    "reconstruction": "reconstructions",
    "stage1": "stage-1 samples",
    "stage2": "stage-2 samples",
}
UNSHOWN = ("epoch", "loss", "seconds")  # columns of the logs
FID_FACTS = (
    ("images a side", "images"),
    ("FID of training images, the floor", "training_images"),
    ("feature dimensions", "dims"),
    ("Inception graph (git blob)", "inception_git_blob"),
    ("comparable with Table 1", "comparable_with_table1"),
)


def write_report(folder: RunFolder, metrics: dict | None = None) -> pathlib.Path:
    """Writes the page of a run into its folder, from the files there as far as they exist.

    Args:
      folder: the run folder.
      metrics: its numbers, where metrics.json does not hold them yet.

    Returns:
      The page's path. It is replaced whole.

    Raises:
      OSError: the page cannot be written.
    """
    files.replace_text(folder.report, _page(folder, metrics or folder.read_metrics()))
    return folder.report


def _page(folder: RunFolder, metrics: dict) -> str:
    config = folder.read_config()
    recipe = page.as_mapping(config.get("recipe"))
    parts = Parts.of(recipe)
    title = f"{parts.title} on {page.text(page.at(config, 'dataset.name'), folder.path.name)}"
    pictures, plots = folder.images, folder.figures
    known, curves, diagnostics = _captions(parts)
    body = [
        f"<h1>{page.escape(title)}</h1>",
        page.section("What was run", _run_table(config, parts)),
        page.section("Numbers", numbers.table(metrics, recipe, parts)),
        page.section("Images", page.pictures(pictures, known, page.others(pictures, known))),
        page.section("The decoder, live", live_decoder.html(folder, metrics.get("lambda"))),
        page.section("Training", _log_table(folder, recipe, parts), page.pictures(plots, curves)),
        page.section(
            "The latent space",
            page.pictures(plots, diagnostics, page.others(plots, CURVES, DIAGNOSTICS, IN_GRIDS)),
        )
        if diagnostics
        else "",
        page.section("FID", _fid_table(metrics, parts)),
        page.section("The whole recipe", page.flat_table(recipe, "config.json holds no recipe.")),
        page.section(
            "Environment", page.flat_table(_rest(config), "config.json does not tell it.")
        ),
        page.section("All of metrics.json", page.flat_table(metrics, numbers.NO_METRICS)),
    ]
    return page.whole(title, body)


def _captions(parts: Parts) -> tuple[dict, dict, dict]:
    """Captions of the grids, curves and diagnostics that this kind of model has."""
    known, curves = dict(GRIDS), dict(CURVES)
    if not parts.two_stages:
        known = {"samples_stage1": "Samples: latents drawn from the prior, decoded."}
        known |= {"reconstructions": RECONSTRUCTIONS} if parts.encoder else {}
        curves = {"losses": "Every term of the loss. What each should do stands above."}
    elif not parts.kl:
        curves["losses"] = "The terms of the loss. Stage 1 has no KL divergence here."
    return known, curves, DIAGNOSTICS if parts.encoder else {}


def _run_table(config: dict, parts: Parts) -> str:
    if not config:
        return page.missing("There is no readable config.json: what was run is not known.")
    argv = page.at(config, "environment.argv")
    command = shlex.join(map(str, argv)) if isinstance(argv, list) else page.text(argv)
    overrides = page.flatten(config.get("overrides"))
    changed = ", ".join(f"{key} = {page.text(value)}" for key, value in overrides.items())
    rows = [
        (name, page.text(page.at(config, path)))
        for name, path in RUN_ROWS
        if parts.two_stages or not path.startswith("recipe.") or page.at(config, path) is not None
    ]
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


def _fid_table(metrics: dict, parts: Parts) -> str:
    fid = page.as_mapping(metrics.get("fid"))
    if not fid:
        return page.missing("FID was not computed (it needs an Inception graph).")
    comparable = fid.get("comparable_with_table1") is True
    note = "" if comparable else page.missing("Not comparable with Table 1 or any published FID.")
    facts = [(name, page.text(fid.get(key))) for name, key in FID_FACTS]
    protocols = {page.text(fid.get("protocol")): fid} | page.as_mapping(fid.get("protocols"))
    columns = dict(FID_COLUMNS) if parts.two_stages else {"stage1": "samples"}
    columns |= {"reconstruction": "reconstructions"} if parts.encoder else {}
    best = page.as_mapping(fid.get("best"))
    if best:
        columns["best"] = f"best checkpoint's samples (epoch {page.text(best.get('epoch'))})"
    rows = []
    for name, scores in protocols.items():
        scores = scores | {"best": page.at(best, f"protocols.{name}")}
        rows.append((name, *(page.text(page.at(scores, key)) for key in columns)))
    expect = "Lower is better." + (" Stage 2 should lie below stage 1." if parts.two_stages else "")
    head = ("protocol", *columns.values())
    return note + f"<p>{expect}</p>" + page.table(head, rows) + page.table((), facts)


def _log_table(folder: RunFolder, recipe: dict, parts: Parts) -> str:
    logs = folder.read_logs()
    if not logs:
        return page.missing("There is no log yet: no epoch has finished.")
    shown = [name for log in logs.values() for name in log if name not in UNSHOWN]
    columns = list(dict.fromkeys(shown))
    rows = [
        (
            f"stage {stage}",
            f"{log['epoch'][-1]:.0f} of {page.text(recipe.get(f'stage{stage}_epochs'), '?')}",
            *(page.text(log[name][-1] if name in log else None) for name in columns),
        )
        for stage, log in sorted(logs.items())
    ]
    untrained = 2 in parts.stages and 2 not in logs
    absent = page.missing("Stage 2 has not been trained: it has no log.") if untrained else ""
    head = ("last epoch", "epochs", *(name.replace("_", " ") for name in columns))
    return page.table(head, rows) + absent
