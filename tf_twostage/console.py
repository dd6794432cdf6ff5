"""What a run prints: its plan, its schedule, its closing numbers."""

import dataclasses
import pathlib

from tf_twostage import batches, datasets, recipes
from tf_twostage.two_stage import TwoStageVAE


def on_or_off(yes: bool) -> str:
    """The value of an on/off flag."""
    return "on" if yes else "off"


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
        + "   ".join(f"{p} {fid['protocols'][p][name]:.2f}" for p in fid["protocols"])
        for name in names
    ]
    return [title, *rows, f"  training images         {fid['training_images']:.2f}   the floor"]


def plan(options, recipe: recipes.Recipe, outline: datasets.Outline, run: pathlib.Path) -> str:
    """What a run would do, for `--dry_run`."""
    source = datasets.describe(
        options.dataset, data_dir=options.data_dir, celeba_dir=options.celeba_dir
    )
    model = TwoStageVAE(recipe, outline.image_shape, options.seed)
    steps = batches.steps_per_epoch(outline.train_images, recipe.batch_size)
    lines = [
        f"data set    {options.dataset}: {source}",
        f"images      {outline.train_images:,} for training, {outline.test_images:,} held out, "
        f"{' x '.join(map(str, outline.image_shape))}",
        f"recipe      {recipe.name}, network {recipe.network}, gamma {recipe.gamma}, "
        f"likelihood {recipe.likelihood}, seed {options.seed}",
    ]
    for stage in options.stages:
        schedule = recipe.schedule(stage)
        lines.append(
            f"stage {stage}     {model.stage(stage).count_params():,} parameters, "
            f"{schedule.epochs * steps:,} steps ({steps:,} an epoch): {schedule_in_words(schedule)}"
        )
    lines += [
        f"FID         {on_or_off(options.measures_fid)}",
        f"values      {', '.join(f'{k}={v}' for k, v in dataclasses.asdict(recipe).items())}",
        f"run folder  {run}",
    ]
    return "\n".join(lines)


def schedule_in_words(schedule: recipes.Schedule) -> str:
    return (
        f"{schedule.epochs} epochs, learning rate {schedule.learning_rate:g} "
        f"halved every {schedule.halve_every}"
    )
