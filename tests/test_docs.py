"""What the documentation names exists, and its map leaves no module out."""

import math
import pathlib
import re

import doc_blocks
import pytest
from doc_blocks import block

from tf_twostage.experiment import console
from tf_twostage.metrics import Distances, Encoding, Metrics, NearDuplicates, Scores
from tf_twostage.run_folder import RunFolder

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [ROOT / page for page in doc_blocks.PAGES]


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


def test_the_map_shows_what_is_there():
    code = block("docs/architecture.md", "", "run_experiments.py").code
    shown = re.findall(r"^[ └─]*([\w./]+/(?=,? )|[\w./]+\.py)|(?<=, )([\w./]+/)", code, re.M)
    assert len(shown) > 10
    assert [name for pair in shown for name in pair if name and not (ROOT / name).exists()] == []


def test_the_first_command_ends_as_the_readme_shows():
    metrics = Metrics(
        Scores(
            stages=(1, 2),
            latent_dim=10,
            log_sd_x=math.log(1.08e-3) / 2,
            encoding=Encoding(5, 5, (0.5,), 0.0, None),
            sliced_wasserstein=Distances(0.029751, 0.020538, 0.0094, 2000),
            near_duplicates=NearDuplicates(0.0, 0.011, 0.013, 2000),
        ),
        None, {}, {},
    )  # fmt: skip
    folder = RunFolder(pathlib.Path("runs/manifold/quick-infogan-learned/trial_000"))
    shown = block("README.md", "", "gamma (decoder variance)").code
    assert console.summary(metrics, folder).strip() == shown.strip()


def test_the_paper_is_cited_alike():
    bibtex = block("README.md", "bibtex", "dai2019diagnosing").code.replace("{VAE}", "VAE")
    title, authors, venue, year = re.findall(r"= \{(.*)\}", bibtex)
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    names = (re.split(", ", author) for author in authors.split(" and "))
    wanted = [part for name in names for part in name] + [title, venue, year]
    assert [part for part in wanted if part not in citation] == []
