"""What the documentation names exists, and its map leaves no module out."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), ROOT / "fid/README.md"]
PAGES.append(ROOT / "results/README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    here = [link for link in links if "://" not in link]
    assert [link for link in here if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_run_modules_and_tests_that_exist(page):
    text = page.read_text(encoding="utf-8")
    modules = re.findall(r"python -m ((?:benchmarks|fid)[\w.]*)", text)
    paths = [ROOT / name.replace(".", "/") for name in modules]
    missing = [p for p in paths if not (p.with_suffix(".py").exists() or p.is_dir())]
    missing += [
        name for name in re.findall(r"`(tests/[\w/.]+)`", text) if not (ROOT / name).exists()
    ]
    assert missing == []


def mapped() -> set[str]:
    """The files that the table in docs/architecture.md names, relative to tf_twostage."""
    found, wing = set(), ""
    for line in (ROOT / "docs/architecture.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)]
        if len(cells) == 5 and ".py`" in cells[2]:
            wing = cells[1].strip("`") or wing
            folder = "" if wing == "root" else wing
            found |= {folder + name for name in re.findall(r"`([\w/]+\.py)`", cells[2])}
    return found


def test_map_names_every_module():
    package = ROOT / "tf_twostage"
    modules = {path.relative_to(package).as_posix() for path in package.rglob("*.py")}
    assert mapped() == {name for name in modules if not name.endswith("__init__.py")}
