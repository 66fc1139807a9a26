# SPDX-License-Identifier: Apache-2.0
"""The documents: links between pages resolve, to sections too; the site has every page; new figures are drawn by their script."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType

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


@pytest.mark.parametrize("page", PAGES)
def test_links_resolve(page: str) -> None:
    """In the repository: files are there, and headings that are named."""
    for target in _LINK.findall(_CODE.sub("", (ROOT / page).read_text())):
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


def test_the_site_has_every_page_once() -> None:
    links = hook()
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")] + links.others()
    listed = nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    assert sorted(listed) == sorted(pages)


def test_links_are_written_for_the_site() -> None:
    rewritten = hook().rewritten
    assert rewritten("[a](../projects/mnist_lenet5/README.md#x)", "deep_networks.md") == "[a](projects/mnist_lenet5/README.md#x)"
    assert rewritten("[a](../../docs/timing.md)", "projects/mnist_lenet5/README.md") == "[a](../../timing.md)"
    assert rewritten("![p](../images/a.png) [b](dietcnn.md)", "methods/tabconv.md") == "![p](../images/a.png) [b](dietcnn.md)"
    assert rewritten("[s](#here) [w](https://e.org/x)", "start.md") == "[s](#here) [w](https://e.org/x)"


def test_every_command_is_documented() -> None:
    from dietcnn_hls.cli import cli

    text = (ROOT / "docs" / "command_line.md").read_text()
    assert [name for name in cli.commands if f"| `{name}" not in text] == []


def test_no_page_names_a_picture_that_is_not_there_and_no_picture_is_left_over() -> None:
    named = {
        Path(target).name for page in PAGES for target in _LINK.findall((ROOT / page).read_text()) if target.endswith(".png")
    }
    assert {Path(name).name for name in tracked("docs/images/*")} == named
