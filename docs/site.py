"""Hook of MkDocs: the site has the folders of the repository, so that links work in both."""

import pathlib
import re

from mkdocs.structure.files import File, Files

ROOT = pathlib.Path(__file__).parents[1]
PAGES = ("*.md", "docs/*.md", "docs/site.css", "*/README.md")
LINK = re.compile(r"\]\(([^)#\s:]+)[^)]*\)")


def on_files(files: Files, config) -> Files:
    """Takes the pages, and every file that they link to, from where they lie."""
    for file in list(files):
        if file.src_dir == config.docs_dir:
            files.remove(file)
    pages = {path for pattern in PAGES for path in ROOT.glob(pattern)}
    for path in sorted(pages | {target for page in pages for target in _linked(page)}):
        name = path.relative_to(ROOT).as_posix()
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def _linked(page: pathlib.Path) -> set[pathlib.Path]:
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    return {path for target in targets if (path := (page.parent / target).resolve()).is_file()}
