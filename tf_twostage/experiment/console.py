"""What a run prints: its plan, its schedule, its closing numbers."""

import dataclasses

from tf_twostage import recipes
from tf_twostage.experiment import progress, room
from tf_twostage.experiment.plan import Setting
from tf_twostage.metrics import COLLAPSED, FidScores, Metrics, Scores
from tf_twostage.models import loading
from tf_twostage.run_folder import RunFolder


def summary(metrics: Metrics, folder: RunFolder) -> str:
    """The closing lines of a run: numbers to judge, and where everything lies."""
    scores, distances = metrics.scores, metrics.scores.sliced_wasserstein
    lines = [
        "",
        *_encoding_lines(scores),
        "sliced Wasserstein distance to held-out images:",
        f"  stage-1 samples         {distances.stage1:.4f}",
    ]
    if distances.stage2 is not None:
        lines.append(
            f"  stage-2 samples         {distances.stage2:.4f}   {distances.in_words} than stage 1"
        )
    lines += [
        f"  training images         {distances.train_vs_test:.4f}   the floor",
        *_duplicate_lines(scores),
        *(_fid_lines(metrics.fid) if metrics.fid else ()),
        "",
        f"page:     {folder.report}",
        f"pictures: {folder.images}",
        f"served:   {folder.saved_model}",
    ]
    return "\n".join(lines)


def _encoding_lines(scores: Scores) -> list[str]:
    lines = []
    if scores.gamma is not None:
        lines.append(
            f"gamma (decoder variance)  {scores.gamma:.2e}   1 at the start; Theorem 3: toward 0"
        )
    if scores.encoding and any(scores.encoding.lambda_):  # 0 where the encoder has no noise
        true = scores.encoding.true_dimensions
        lines.append(
            f"active dimensions         {scores.encoding.active_dimensions} of {scores.latent_dim}"
            + (f"   the images have {true}" if true else "")
        )
    return lines


def _duplicate_lines(scores: Scores) -> list[str]:
    """The share of near duplicates among the samples of the last stage."""
    found = scores.near_duplicates
    samples = found.stage1 if found.stage2 is None else found.stage2
    warning = "   MODE COLLAPSE" if samples > COLLAPSED else ""
    return [
        f"near duplicates           {samples:.1%} of samples, {found.train:.1%} of training images"
        + warning
    ]


def _fid_lines(fid: FidScores) -> list[str]:
    graph = "" if fid.comparable_with_table1 else ", NOT comparable with published numbers"
    title = f"FID, {fid.dims} dims, {fid.images:,} images{graph}:"
    rows = [
        f"  {name:<24}" + "   ".join(f"{p} {found[name]:.4g}" for p, found in fid.protocols.items())
        for name in fid.protocols[fid.protocol]
    ]
    if fid.best:
        found = "   ".join(f"{p} {value:.4g}" for p, value in fid.best.protocols.items())
        name = f"best of {fid.best.checkpoints}, epoch {fid.best.epoch}"
        rows.append(f"  {name:<24}{found}")
    return [title, *rows, f"  training images         {fid.training_images:.4g}   the floor"]


def plan(settings: list[Setting], jobs: int = 1) -> str:
    """What a command would do, for `--dry_run`: every setting, then its trials and what is left.

    Args:
      settings: those that are asked for.
      jobs: how many trials run at a time.
    """
    known = [(one, [progress.status(plan) for plan in one.plans]) for one in settings]
    parts, left = [], 0.0
    for setting, statuses in known:
        alike = [s for other, ss in known if other.dataset == setting.dataset for s in ss]
        seconds = progress.seconds_left(statuses, alike)
        left = None if None in (left, seconds) else left + seconds
        parts += [_setting_plan(setting), _trials_plan(statuses)]
        parts += [_values(setting.recipe)] if len(settings) == 1 else []
        parts += [f"time left   {_time_left(seconds)}", ""]
    trials = sum(len(statuses) for _, statuses in known)
    total = [f"time left   {_time_left(left)} of one trial after another, {trials} in all"]
    if left and jobs > 1:
        total.append(f"            about {progress.in_hours(left / jobs)} with --jobs {jobs}")
    return "\n".join(parts[:-1] if len(settings) == 1 else parts + total)


def _setting_plan(setting: Setting) -> str:
    """One setting: data, schedule, every value."""
    images, recipe = setting.outline, setting.recipe
    model = loading.new(recipe, images.image_shape, setting.options.seed)
    steps = images.train_images // recipe.images_per_step
    lines = [
        f"data set    {setting.dataset}: {setting.source.describe()}",
        f"images      {images.train_images:,} for training, {images.test_images:,} held out, "
        f"{' x '.join(map(str, images.image_shape))}",
        f"model       {recipe.model}, recipe {recipe.name}, network {recipe.network}"
        + _kind_of_vae(recipe),
    ]
    for stage in setting.stages:
        schedule = recipe.schedule(stage)
        lines.append(
            f"stage {stage}     {model.trainee(stage).count_params():,} parameters, "
            f"{schedule.epochs * steps:,} steps ({steps:,} an epoch): {schedule}"
        )
    size = room.needed(model, images.train_images)
    lines += [
        f"FID         {'on' if setting.fid else 'off'}",
        f"disk        up to {size / 1e6:,.0f} MB a trial",
    ]
    return "\n".join(lines)


def _trials_plan(statuses: list[progress.Status]) -> str:
    return "\n".join(f"run folder  {one.folder}, seed {one.seed}: {one}" for one in statuses)


def _values(recipe: recipes.Recipe) -> str:
    values = (f"{k}={v}" for k, v in dataclasses.asdict(recipe).items())
    return f"values      {', '.join(values)}"


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return "not known before an epoch of each stage has been trained here"
    return f"about {progress.in_hours(seconds)}, going by the epochs trained so far"


def _kind_of_vae(recipe: recipes.Recipe) -> str:
    if not isinstance(recipe, recipes.VAERecipe):
        return ""
    gamma = "learned" if recipe.learn_gamma else "fixed"
    return f", gamma {gamma}, likelihood {recipe.likelihood}"
