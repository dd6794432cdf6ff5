"""The page of one run: `report.html`, made from the files of its folder alone.

The page holds everything it shows: pictures are inlined, and there are no scripts and no links
out. What a run lacks (stage 2, FID, a figure) is said where it would stand.
"""

import base64
import html
import json
import math
import os
import pathlib
import shlex
from collections.abc import Iterable, Mapping, Sequence

from tf_twostage import figures

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { margin-top: 2.5rem; font-size: 1.25rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .94rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0;
  border-bottom: 1px solid #ddd; }
thead th { border-bottom: 2px solid #888; }
tbody th { font-weight: 600; min-width: 7rem; }
.facts th { width: 17rem; } .facts th, .facts td { overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; }
.pictures { display: grid; gap: 1.5rem; margin-top: 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); }
figure { margin: 0; } figure.wide { grid-column: 1 / -1; }
figcaption { color: #444; font-size: .94rem; margin-top: .2rem; }
img { max-width: 100%; height: auto; }
.missing { color: #8a4b00; }
@media (max-width: 40rem) { body { padding: .7rem; } .facts th { width: 46%; }
  .pictures { grid-template-columns: 1fr; } }
@media print { body { font-size: 10pt; max-width: none; } figure, tr { break-inside: avoid; }
  h2 { break-after: avoid; } }
"""

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
"""

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
WIDE = {"losses", "gamma", "noise_directions", "reconstructions"}

RUN_ROWS = (
    ("data set", "dataset.name"),
    ("source", "source"),
    ("image shape (H, W, C)", "dataset.image_shape"),
    ("training images", "dataset.train"),
    ("held-out images", "dataset.test"),
    ("recipe", "recipe.name"),
    ("network", "recipe.network"),
    ("gamma", "recipe.gamma"),
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
    ("feature dimensions", "dims"),
    ("Inception graph (git blob)", "inception_git_blob"),
    ("comparable with Table 1", "comparable_with_table1"),
)
NOT_MEASURED = "not recorded"
NO_STAGE2 = "stage 2 is not trained"
NO_METRICS = "There is no readable metrics.json: this run has not been evaluated."
RECONSTRUCTION_EXPECTED = "nats per image, minus a log density: falls below 0 as gamma does"

Row = tuple[str, str, str]  # what, measured, what to expect; not yet escaped


def write_report(run: str | os.PathLike) -> pathlib.Path:
    """Writes `report.html` into a run folder from the files there.

    Args:
      run: the run folder: config.json, metrics.json, stage1.csv, stage2.csv, images/*.png,
        figures/*.png, as far as they exist.

    Returns:
      The page's path. It is replaced whole.

    Raises:
      OSError: the page cannot be written.
    """
    run = pathlib.Path(run)
    path = run / "report.html"
    page = _page(run, _read_json(run / "config.json"), _read_json(run / "metrics.json"))
    figures.replace_file(path, lambda temporary: temporary.write_text(page, encoding="utf-8"))
    return path


def _page(run: pathlib.Path, config: dict, metrics: dict) -> str:
    recipe = _mapping(config.get("recipe"))
    title = f"Two-stage VAE on {_text(_at(config, 'dataset.name'), run.name)}"
    pictures, plots = run / "images", run / "figures"
    body = [
        f"<h1>{_escape(title)}</h1>",
        _section("What was run", _run_table(config)),
        _section("Numbers", _numbers_table(metrics, recipe)),
        _section("Images", _pictures(pictures, GRIDS, _others(pictures, GRIDS))),
        _section("Training", _log_table(run, recipe), _pictures(plots, CURVES)),
        _section(
            "The latent space",
            _pictures(plots, DIAGNOSTICS, _others(plots, CURVES, DIAGNOSTICS)),
        ),
        _section("FID", _fid_table(metrics)),
        _section("The whole recipe", _flat_table(recipe, "config.json holds no recipe.")),
        _section("Environment", _flat_table(_rest(config), "config.json does not tell it.")),
        _section("All of metrics.json", _flat_table(metrics, NO_METRICS)),
    ]
    return HEAD.format(title=_escape(title), style=STYLE) + "\n".join(body) + "\n</body>\n</html>\n"


def _run_table(config: dict) -> str:
    if not config:
        return _missing("There is no readable config.json: what was run is not known.")
    argv = _at(config, "environment.argv")
    command = shlex.join(map(str, argv)) if isinstance(argv, list) else _text(argv)
    overrides = _flatten(config.get("overrides"))
    changed = ", ".join(f"{key} = {_text(value)}" for key, value in overrides.items())
    rows = [(name, _text(_at(config, path))) for name, path in RUN_ROWS]
    return _table(
        (), [("command", command), *rows, ("changed from the recipe", changed or "nothing")]
    )


def _rest(config: dict) -> dict:
    """The environment and whatever else `_run_table` and the recipe's table do not show."""
    shown = {"environment.argv"} | {path for _, path in RUN_ROWS}
    return {
        key.removeprefix("environment."): value
        for key, value in _flatten(config).items()
        if key not in shown and key.partition(".")[0] not in ("recipe", "overrides")
    }


def _numbers_table(metrics: dict, recipe: dict) -> str:
    if not metrics:
        return _missing(NO_METRICS)
    rows = [
        *_stage1_rows(metrics, recipe),
        *_distance_rows(metrics),
        *_loss_rows(metrics),
        ("time", _durations(_mapping(metrics.get("seconds"))), ""),
    ]
    return _table(("", "measured", "what to expect"), rows)


def _stage1_rows(metrics: dict, recipe: dict) -> list[Row]:
    lambda_ = [value for value in _list(metrics.get("lambda")) if _is_number(value)]
    undecided = sum(0.1 < value < 0.9 for value in lambda_)
    mse = metrics.get("reconstruction_mse")
    grey = f" ({255 * math.sqrt(mse):.1f} of 255 grey levels)" if _is_number(mse) else ""
    return [
        ("gamma, the decoder's variance", _text(metrics.get("gamma")), _gamma_expected(recipe)),
        ("active dimensions", _active(metrics), _active_expected(metrics)),
        (
            "undecided lambda_j, in 0.1..0.9",
            f"{undecided} of {len(lambda_)}" if lambda_ else NOT_MEASURED,
            "few: every lambda_j settles near 0 or near 1 (Figure 11)",
        ),
        (
            "squared error of reconstructions",
            _text(mse) + grey,
            "mean over the pixels of held-out images, in 0..1 units: a learned gamma falls toward "
            "it",
        ),
    ]


def _gamma_expected(recipe: dict) -> str:
    if recipe.get("likelihood") == "bernoulli":
        return "1: the cross-entropy has no gamma"
    if recipe.get("gamma") == "fixed":
        return "1: fixed, the paper's baseline"
    return "falls from 1 toward 0 (Theorem 3); the lower, the sharper the reconstructions"


def _active(metrics: dict) -> str:
    active, all_ = metrics.get("active_dimensions"), metrics.get("latent_dim")
    return _text(active) + (f" of {_text(all_)}" if all_ is not None else "")


def _active_expected(metrics: dict) -> str:
    true = metrics.get("true_dimensions")
    many = "as many as the images' manifold has" if true is None else f"near r = {_text(true)}"
    return f"settles {many}, with lambda_j near 0; the others stay at 1 (Theorem 4)"


def _distance_rows(metrics: dict) -> list[Row]:
    name = "sliced Wasserstein distance"
    found = _mapping(metrics.get("sliced_wasserstein"))
    if not found:
        return [(name, NOT_MEASURED, "stage 2 below stage 1")]
    second = NOT_MEASURED if _has_stage(metrics, 2) else NO_STAGE2
    return [
        (
            f"{name}, stage-1 samples to held-out images",
            _text(found.get("stage1")),
            "above stage 2's: q(z) is not the N(0, I) that stage 1 draws from",
        ),
        (
            f"{name}, stage-2 samples to held-out images",
            _text(found.get("stage2"), second),
            "below stage 1's; at best near the next line",
        ),
        (
            f"{name}, training to held-out images",
            _text(found.get("train_vs_test")),
            "the floor: how far true images lie from true images",
        ),
        (
            "stage 1's distance / stage 2's",
            _text(found.get("factor"), second),
            "above 1: by this factor stage 2 comes closer",
        ),
    ]


def _loss_rows(metrics: dict) -> list[Row]:
    second = NOT_MEASURED if _has_stage(metrics, 2) else NO_STAGE2
    return [
        (f"stage {stage}, {term}", _text(_at(metrics, f"loss.stage{stage}.{key}"), missing), text)
        for stage, term, key, missing, text in (
            (1, "KL", "kl", NOT_MEASURED, "nats per image; grows as gamma falls"),
            (1, "reconstruction", "reconstruction", NOT_MEASURED, RECONSTRUCTION_EXPECTED),
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
    fid = _mapping(metrics.get("fid"))
    if not fid:
        return _missing("FID was not computed (it needs an Inception graph).")
    comparable = fid.get("comparable_with_table1") is True
    note = "" if comparable else _missing("Not comparable with Table 1 or any published FID.")
    facts = [(name, _text(fid.get(key))) for name, key in FID_FACTS]
    protocols = {_text(fid.get("protocol")): fid}
    protocols |= {name: value for name, value in fid.items() if isinstance(value, dict)}
    rows = [
        (name, *(_text(scores.get(key)) for key in ("reconstruction", "stage1", "stage2")))
        for name, scores in protocols.items()
    ]
    head = ("protocol", "reconstructions", "stage-1 samples", "stage-2 samples")
    expect = "<p>Lower is better. Stage 2 should lie below stage 1.</p>"
    return note + expect + _table(head, rows) + _table((), facts)


def _log_table(run: pathlib.Path, recipe: dict) -> str:
    logs = figures.read_logs(run)
    if not logs:
        return _missing("There is no log yet: no epoch has finished.")
    rows = [
        (
            f"stage {stage}",
            f"{log['epoch'][-1]:.0f} of {_text(recipe.get(f'stage{stage}_epochs'), '?')}",
            *(_text(log[name][-1] if name in log else None) for name in LOG_COLUMNS),
        )
        for stage, log in sorted(logs.items())
    ]
    absent = "" if 2 in logs else _missing("Stage 2 has not been trained: it has no log.")
    head = ("last epoch", "epochs", *(name.replace("_", " ") for name in LOG_COLUMNS))
    return _table(head, rows) + absent


def _pictures(folder: pathlib.Path, known: Mapping[str, str], others: Iterable[str] = ()) -> str:
    """The PNGs of `known` (name -> caption), or what is missing; then `others`, by name."""
    captions = dict(known) | {name: name.replace("_", " ") for name in sorted(others)}
    items = []
    for name, caption in captions.items():
        path = folder / f"{name}.png"
        items.append(
            _picture(path, caption)
            if path.is_file()
            else _missing(f"{folder.name}/{path.name} is missing: this run has not made it.")
        )
    return f'<div class="pictures">{"".join(items)}</div>'


def _others(folder: pathlib.Path, *known: Mapping[str, str]) -> set[str]:
    """Names of a folder's PNGs that no `known` has."""
    return {path.stem for path in folder.glob("[!.]*.png")}.difference(*known)


def _picture(path: pathlib.Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    wide = ' class="wide"' if path.stem in WIDE else ""
    return (
        f'<figure{wide}><img alt="{_escape(path.stem)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{_escape(caption)}</figcaption></figure>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are escaped; the first of a row is its heading."""
    top = "".join(f'<th scope="col">{_escape(cell)}</th>' for cell in head)
    lines = [
        f'<tr><th scope="row">{_escape(first)}</th>'
        + "".join(f"<td>{_escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    ]
    start = f"<table><thead><tr>{top}</tr></thead>" if head else '<table class="facts">'
    return f'<div class="scroll">{start}<tbody>{"".join(lines)}</tbody></table></div>'


def _flat_table(values: dict, absent: str) -> str:
    if not values:
        return _missing(absent)
    return _table((), [(key, _text(value)) for key, value in _flatten(values).items()])


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{_escape(title)}</h2>\n" + "\n".join(parts) + "</section>"


def _missing(text: str) -> str:
    return f'<p class="missing">{_escape(text)}</p>'


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _text(value, missing: str = NOT_MEASURED) -> str:
    """A value of a JSON file, for the eye."""
    if value is None:
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(_text(item) for item in value) or "none"
    return str(value)


def _durations(seconds: dict) -> str:
    parts = [
        f"{name} {int(value) // 3600}:{int(value) // 60 % 60:02}:{int(value) % 60:02}"
        for name, value in seconds.items()
        if _is_number(value)
    ]
    return ", ".join(parts) + " (h:mm:ss)" if parts else NOT_MEASURED


def _flatten(values, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}; an empty mapping stays, as an empty list."""
    flat = {}
    for key, value in _mapping(values).items():
        if isinstance(value, dict) and value:
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = [] if value == {} else value
    return flat


def _at(values: dict, path: str):
    """`values["a"]["b"]` for "a.b"; None where there is none."""
    for key in path.split("."):
        values = _mapping(values).get(key)
    return values


def _mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value) -> list:
    return value if isinstance(value, list) else []


def _is_number(value) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)


def _has_stage(metrics: dict, stage: int) -> bool:
    return stage in _list(metrics.get("stages"))


def _read_json(path: pathlib.Path) -> dict:
    """A JSON object; empty where the file is absent or damaged."""
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
