# SPDX-License-Identifier: Apache-2.0
"""Hook of mkdocs: READMEs of projects and templates, and the changelog, are pages too, and links hold in both places.

In the repository a page links to another by its path there; on the site `docs/` is the root. Links are resolved in the
repository and written anew for the site, so that no page needs two kinds of links.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = "docs"
OTHERS = ("CHANGELOG.md", "projects/*/README.md", "templates/*/README.md")
"""Pages outside `docs/` that the site has."""

_LINK = re.compile(r"(\]\()([^)\s#:]+)(#[^)\s]*)?(\))")
_HREF = re.compile(r'(href=")([^"#:]+\.(?:md|ipynb))(#[^"]*)?(")')


def others() -> list[str]:
    """Paths in the repository of the pages outside `docs/`."""
    return sorted(path.relative_to(ROOT).as_posix() for pattern in OTHERS for path in ROOT.glob(pattern))


def in_repository(page: str) -> str:
    """Path in the repository of a page of the site."""
    return page if page in others() else f"{DOCS}/{page}"


def site_path(path: str) -> str:
    """Path on the site of a file of the repository."""
    return path.removeprefix(f"{DOCS}/")


def rewritten(text: str, page: str, pattern: re.Pattern[str] = _LINK) -> str:
    """The text of a page of the site with its links from the repository written for the site."""
    folder = posixpath.dirname(in_repository(page))

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[2]))
        relative = posixpath.relpath(site_path(target), posixpath.dirname(page) or ".")
        return f"{found[1]}{relative}{found[3] or ''}{found[4]}"

    return pattern.sub(link, text)


def rendered(path: str) -> str:
    """The file that mkdocs makes of a page."""
    folder, name = posixpath.split(path)
    stem, ending = posixpath.splitext(name)
    made = {".md": "index" if stem == "README" else stem, ".ipynb": stem}.get(ending)
    return path if made is None else posixpath.join(folder, f"{made}.html")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside `docs/`."""
    from mkdocs.structure.files import File

    for path in others():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Write a page's links for the site."""
    return rewritten(markdown, page.file.src_uri)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Write the links of notebooks, which mkdocs does not read, for the site."""
    if not page.file.src_uri.endswith(".ipynb"):
        return html
    there = rewritten(html, page.file.src_uri, _HREF)
    return _HREF.sub(lambda found: f"{found[1]}{rendered(found[2])}{found[3] or ''}{found[4]}", there)
