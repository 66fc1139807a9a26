# SPDX-License-Identifier: Apache-2.0
"""The documents: links between pages resolve, to sections too; the site has every page; new figures are drawn by their script."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`|^(?: {4}|\t).*$", re.S | re.M)


def tracked(pattern: str) -> list[str]:
    found = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", pattern], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return sorted(name for name in found.stdout.split() if (ROOT / name).is_file())


PAGES = tracked("*.md")
NOTEBOOKS = tracked("docs/notebooks/*.ipynb")


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("links", ROOT / "docs" / "site" / "links.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def anchors(path: Path) -> frozenset[str]:
    """Anchors of a page's headings, as both GitHub and mkdocs make them of plain words."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    headings = re.findall(r"^#+ +(.+)$", text, re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain)


def cells(notebook: str, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads((ROOT / notebook).read_text())["cells"] if cell["cell_type"] == kind]


def words(page: str) -> str:
    """What a page, or a notebook between its code, says."""
    if page in NOTEBOOKS:
        return "\n\n".join("".join(cell["source"]) for cell in cells(page, "markdown"))
    return (ROOT / page).read_text()


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS])
def test_links_resolve(page: str) -> None:
    """In the repository: files are there, and headings that are named."""
    for target in _LINK.findall(_CODE.sub("", words(page))):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(path), f"{page} links to {target}"


def nav(entries: list[object]) -> list[str]:
    """Pages of a navigation, in order."""
    found: list[str] = []
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else [entry]:
            found += nav(value) if isinstance(value, list) else [str(value)]
    return found


def test_the_navigation_names_pages_once() -> None:
    links = hook()
    pages = [page.removeprefix("docs/") for page in [*PAGES, *NOTEBOOKS] if page.startswith("docs/")] + links.others()
    listed = nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert set(listed) <= set(pages) and len(set(listed)) == len(listed)


def test_links_are_written_for_the_site() -> None:
    rewritten = hook().rewritten
    assert rewritten("[a](../projects/mnist_lenet5/README.md#x)", "deep_networks.md") == "[a](projects/mnist_lenet5/README.md#x)"
    assert rewritten("[a](../../docs/timing.md)", "projects/mnist_lenet5/README.md") == "[a](../../timing.md)"
    assert rewritten("![p](../images/a.png) [b](dietcnn.md)", "methods/tabconv.md") == "![p](../images/a.png) [b](dietcnn.md)"
    assert rewritten("[s](#here) [w](https://e.org/x)", "start.md") == "[s](#here) [w](https://e.org/x)"


def test_links_of_notebooks_lead_to_what_is_rendered() -> None:
    rendered = hook().rendered
    pages = {
        "start.md": "start.html",
        "projects/x/README.md": "projects/x/index.html",
        "notebooks/2_a.ipynb": "notebooks/2_a.html",
    }
    assert {page: rendered(page) for page in pages} == pages
    assert rendered("images/a.png") == "images/a.png"


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_notebooks_were_run_from_top_to_bottom(notebook: str) -> None:
    """They hold what they print; nothing of the machine that ran them."""
    code = cells(notebook, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "error"]
    assert any(cell["outputs"] for cell in code)
    assert not re.search(r"/(tmp|root|home|work)/", (ROOT / notebook).read_text())


def test_every_command_is_documented() -> None:
    from dietcnn_hls.cli import cli

    table = (ROOT / "docs" / "command_line.md").read_text()
    pages = "".join((ROOT / page).read_text() for page in PAGES if page.startswith("docs/"))
    assert [name for name in cli.commands if f"| `{name}" not in table and f"dietcnn-hls {name} " not in pages] == []


def test_no_page_names_a_picture_that_is_not_there_and_no_picture_is_left_over() -> None:
    named = {
        Path(target).name for page in PAGES for target in _LINK.findall((ROOT / page).read_text()) if target.endswith(".png")
    }
    assert {Path(name).name for name in tracked("docs/images/*")} == named
