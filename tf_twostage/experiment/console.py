"""What a run prints: its plan, its schedule, its closing numbers."""

import dataclasses
import itertools
import pathlib
from collections.abc import Callable

from tf_twostage import recipes
from tf_twostage.data import batches, datasets
from tf_twostage.experiment import progress, settings
from tf_twostage.experiment.settings import Options
from tf_twostage.models.two_stage import TwoStageVAE


def summary(metrics: dict, path: pathlib.Path, page: pathlib.Path) -> str:
    """The closing lines of a run: numbers to judge, and where everything lies."""
    true = metrics["true_dimensions"]
    lines = [
        "",
        f"gamma (decoder variance)  {metrics['gamma']:.2e}   1 at the start; Theorem 3: toward 0",
        f"active dimensions         {metrics['active_dimensions']} of {metrics['latent_dim']}"
        + (f"   the images have {true}" if true else ""),
    ]
    distances = metrics["sliced_wasserstein"]
    lines += [
        "sliced Wasserstein distance to held-out images:",
        f"  stage-1 samples         {distances['stage1']:.4f}",
    ]
    if "stage2" in distances:
        lines.append(
            f"  stage-2 samples         {distances['stage2']:.4f}   "
            f"{distances['factor']:.1f} times closer than stage 1"
        )
    lines += [
        f"  training images         {distances['train_vs_test']:.4f}   the floor",
        *_fid_lines(metrics["fid"]),
        "",
        f"page:     {page}",
        f"pictures: {path / 'images'}",
        f"served:   {path / 'saved_model' / '1'}",
    ]
    return "\n".join(lines)


def _fid_lines(fid: dict | None) -> list[str]:
    if not fid:
        return []
    graph = "" if fid["comparable_with_table1"] else ", NOT comparable with published numbers"
    title = f"FID, {fid['dims']} dims, {fid['images']:,} images{graph}:"
    names = [n for n in ("reconstruction", "stage1", "stage2") if n in fid]
    rows = [
        f"  {name:<24}"
        + "   ".join(f"{p} {fid['protocols'][p][name]:.4g}" for p in fid["protocols"])
        for name in names
    ]
    return [title, *rows, f"  training images         {fid['training_images']:.4g}   the floor"]


def plan(trials: list[Options]) -> str:
    """What a command would do, for `--dry_run`: every setting, then its trials and what is left."""
    statuses = {id(one): progress.status(one, settings.recipe_of(one)) for one in trials}
    groups = _grouped(trials, lambda one: (one.dataset, str(one.changes)))
    parts, left = [], 0.0
    for group in groups:
        recipe = settings.recipe_of(group[0])
        alike = [statuses[id(one)] for one in trials if one.dataset == group[0].dataset]
        seconds = progress.seconds_left([statuses[id(one)] for one in group], alike)
        left = None if None in (left, seconds) else left + seconds
        parts += [_setting_plan(group[0], recipe), _trials_plan([statuses[id(o)] for o in group])]
        parts += [_values(recipe)] if len(groups) == 1 else []
        parts += [f"time left   {_time_left(seconds)}", ""]
    total = [f"time left   {_time_left(left)}, {len(trials)} trials in all"]
    return "\n".join(parts[:-1] if len(groups) == 1 else parts + total)


def _grouped(trials: list[Options], key: Callable) -> list[list[Options]]:
    return [list(group) for _, group in itertools.groupby(trials, key)]


def _setting_plan(options: Options, recipe: recipes.Recipe) -> str:
    """One setting: data, schedule, every value."""
    images = settings.outline(options)
    source = datasets.describe(**settings.source(options))
    model = TwoStageVAE(recipe, images.image_shape, options.seed)
    steps = batches.steps_per_epoch(images.train_images, recipe.batch_size)
    lines = [
        f"data set    {options.dataset}: {source}",
        f"images      {images.train_images:,} for training, {images.test_images:,} held out, "
        f"{' x '.join(map(str, images.image_shape))}",
        f"recipe      {recipe.name}, network {recipe.network}, gamma {recipe.kind}, "
        f"likelihood {recipe.likelihood}",
    ]
    for stage in options.stages:
        schedule = recipe.schedule(stage)
        lines.append(
            f"stage {stage}     {model.stage(stage).count_params():,} parameters, "
            f"{schedule.epochs * steps:,} steps ({steps:,} an epoch): {schedule_in_words(schedule)}"
        )
    lines.append(f"FID         {'on' if options.measures_fid else 'off'}")
    return "\n".join(lines)


def _trials_plan(statuses: list[progress.Status]) -> str:
    return "\n".join(f"run folder  {one.path}, seed {one.seed}: {one}" for one in statuses)


def _values(recipe: recipes.Recipe) -> str:
    values = (f"{k}={v}" for k, v in dataclasses.asdict(recipe).items())
    return f"values      {', '.join(values)}"


def _time_left(seconds: float | None) -> str:
    if seconds is None:
        return "not known before an epoch of each stage has been trained here"
    minutes = round(seconds / 60)
    return f"about {minutes // 60} h {minutes % 60:02d} min, going by the epochs trained so far"


def schedule_in_words(schedule: recipes.Schedule) -> str:
    return (
        f"{schedule.epochs} epochs, learning rate {schedule.learning_rate:g} "
        f"halved every {schedule.halve_every}"
    )
