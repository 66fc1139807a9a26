# SPDX-License-Identifier: Apache-2.0
"""The plan of the house: rooms import downwards only, modules form no circle, and the page that says so is true."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dietcnn_hls.lowered import OPERATIONS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text()


def table(heading: str) -> list[list[str]]:
    """Cells of the table below a heading of the page, without its head."""
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_page_lists_the_floors_of_the_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    floors = [re.findall(r"`(\w+)`", row[0]) for row in table("Rooms")]
    ground = floors.pop()
    assert [re.split(r" [|:] ", layer) for layer in layers[: len(floors)]] == floors
    assert [name for layer in layers[len(floors) :] for name in re.split(r" [|:] ", layer)] == ground


def test_rooms_import_downwards_and_modules_form_no_circle() -> None:
    command = [
        sys.executable,
        "-c",
        "import importlinter.cli as c; raise SystemExit(c.lint_imports(no_cache=True, no_logo=True))",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("row", table("Where to add"), ids=lambda row: row[0])
def test_what_the_page_says_to_touch_exists(row: list[str]) -> None:
    paths = [path for path in re.findall(r"`([\w./<>]+)`", row[1]) if "<" not in path]
    assert paths and all((ROOT / path).exists() for path in paths), row[1]


def decisions(tree: ast.AST) -> list[str]:
    """Where a module asks which operation or method something is, which a registry or the value itself answers."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            named = {name.id for name in ast.walk(node.args[1]) if isinstance(name, ast.Name)}
            found += [ast.unparse(node)] if named & set(OPERATIONS) else []
        if isinstance(node, ast.Compare) and any(
            isinstance(side, ast.Attribute) and side.attr == "method" for side in constant_sides(node)
        ):
            found.append(ast.unparse(node))
        if isinstance(node, ast.Match):
            named = {ast.unparse(case.cls) for case in ast.walk(node) if isinstance(case, ast.MatchClass)}
            found += [ast.unparse(node.subject)] if named & set(OPERATIONS) else []
    return found


def constant_sides(node: ast.Compare) -> list[ast.expr]:
    """Both sides of a comparison with a constant; others compare two values and decide nothing."""
    sides = [node.left, *node.comparators]
    return sides if any(isinstance(side, ast.Constant) for side in sides) else []


def test_nobody_asks_which_operation_or_method_it_is() -> None:
    files = sorted((ROOT / "dietcnn_hls").rglob("*.py"))
    found = {str(path.relative_to(ROOT)): decisions(ast.parse(path.read_text())) for path in files}
    assert {path: places for path, places in found.items() if places} == {}
