"""The HTML of a self-contained page: sections, tables, inlined pictures. Knows nothing of runs.

Text is escaped here, once; pictures are inlined, so that a page needs no other file.
"""

import base64
import html
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence

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
img { max-width: 100%; height: auto; display: block; }
.missing { color: #8a4b00; }
.live { display: grid; gap: 1.5rem; grid-template-columns: 15rem minmax(0, 1fr); }
.shown { display: grid; gap: .4rem; align-content: start; }
.shown canvas { width: 100%; image-rendering: pixelated; } .shown button { font: inherit; }
.sliders { display: grid; gap: .3rem 1.5rem; align-content: start;
  grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); }
.sliders label { font-size: .94rem; } .sliders input { width: 100%; margin: 0; }
@media (max-width: 40rem) { body { padding: .7rem; font-size: 15px; } .facts th { width: 46%; }
  .pictures, .live { grid-template-columns: minmax(0, 1fr); }
  .shown { position: sticky; top: 0; background: #fff; padding: .4rem 0;
    grid-template-columns: 9rem minmax(0, 1fr); } .shown canvas { grid-row: 1 / span 3; }
  .scrolled img { max-width: none; width: 44rem; }
  thead + tbody th { position: sticky; left: 0; background: #fff; min-width: 6rem; } }
@media print { @page { margin: 15mm; } .live { display: none; }
  body { font-size: 9pt; max-width: none; padding: 0; }
  h2 { break-after: avoid; margin-top: 1.2rem; } figure, tr { break-inside: avoid; }
  thead { display: table-header-group; } .scroll { overflow: visible; }
  .pictures { display: block; } figure { margin-bottom: 1rem; max-width: 12cm; }
  figure.wide { max-width: none; } img { max-height: 23cm; }
  thead th, thead + tbody :is(th, td) { font-size: 8pt; padding-right: .4rem; } }
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

WIDE = {"reconstructions"}  # as wide as the page
# As wide; on a phone they keep a width at which their letters can be read, and scroll.
SCROLLED = {"losses", "noise_directions", "curves", "rows_of_samples", "rows_of_reconstructions"}
NOT_MEASURED = "not recorded"


def pictures(folder: pathlib.Path, known: Mapping[str, str], others: Iterable[str] = ()) -> str:
    """The PNGs of `known` (name -> caption), or what is missing; then `others`, by name."""
    captions = dict(known) | {name: name.replace("_", " ") for name in sorted(others)}
    items = []
    for name, caption in captions.items():
        path = folder / f"{name}.png"
        items.append(
            picture(path, caption)
            if path.is_file()
            else missing(f"{folder.name}/{path.name} is missing: this run has not made it.")
        )
    return f'<div class="pictures">{"".join(items)}</div>'


def others(folder: pathlib.Path, *known: Iterable[str]) -> set[str]:
    """Names of a folder's PNGs that no `known` has."""
    return {path.stem for path in folder.glob("[!.]*.png")}.difference(*known)


def picture(path: pathlib.Path, caption: str) -> str:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    wide = ' class="wide"' if path.stem in WIDE else ""
    wide = ' class="wide scrolled"' if path.stem in SCROLLED else wide
    return (
        f'<figure{wide}><div class="scroll"><img alt="{escape(path.stem)}" '
        f'src="data:image/png;base64,{data}"></div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


class Bold(str):
    """A cell of a table in bold letters."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are escaped; the first of a row is its heading."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    lines = [
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{_cell(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    ]
    start = f"<table><thead><tr>{top}</tr></thead>" if head else '<table class="facts">'
    return f'<div class="scroll">{start}<tbody>{"".join(lines)}</tbody></table></div>'


def _cell(cell: str) -> str:
    return f"<strong>{escape(cell)}</strong>" if isinstance(cell, Bold) else escape(cell)


def whole(title: str, body: Iterable[str]) -> str:
    """A page: its head, then these parts."""
    head = HEAD.format(title=escape(title), style=STYLE)
    return head + "\n".join(body) + "\n</body>\n</html>\n"


def flat_table(values: dict, absent: str) -> str:
    if not values:
        return missing(absent)
    return table((), [(key, text(value)) for key, value in flatten(values).items()])


def section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>\n" + "\n".join(parts) + "</section>"


def missing(text: str) -> str:
    return f'<p class="missing">{escape(text)}</p>'


def escape(text: str) -> str:
    return html.escape(text, quote=True)


def text(value, missing: str = NOT_MEASURED) -> str:
    """A value of a JSON file, for the eye."""
    if value is None:
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(text(item) for item in value) or "none"
    return str(value)


def percent(value) -> str:
    """A share 0..1, for the eye."""
    return f"{value:.1%}" if is_number(value) else NOT_MEASURED


def durations(seconds: dict) -> str:
    parts = [
        f"{name} {int(value) // 3600}:{int(value) // 60 % 60:02}:{int(value) % 60:02}"
        for name, value in seconds.items()
        if is_number(value)
    ]
    return ", ".join(parts) + " (h:mm:ss)" if parts else NOT_MEASURED


def flatten(values, prefix: str = "") -> dict:
    """{"a": {"b": 1}} -> {"a.b": 1}; an empty mapping stays, as an empty list."""
    flat = {}
    for key, value in as_mapping(values).items():
        if isinstance(value, dict) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = [] if value == {} else value
    return flat


def at(values: dict, path: str):
    """`values["a"]["b"]` for "a.b"; None where there is none."""
    for key in path.split("."):
        values = as_mapping(values).get(key)
    return values


def as_mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def as_list(value) -> list:
    return value if isinstance(value, list) else []


def is_number(value) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)
