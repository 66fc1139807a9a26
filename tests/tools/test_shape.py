# SPDX-License-Identifier: Apache-2.0
"""Every tool has one shape, is known to the doctor, and starts its programs in one place."""

from __future__ import annotations

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import dietcnn_hls
from dietcnn_hls.tools import doctor

PACKAGE = Path(dietcnn_hls.__file__).parent
TOOLS = {"compiler": "g++", "verilator": "verilator", "yosys": "yosys", "vitis": "vitis", "vivado": "vivado"}
"""Modules of the room, and the doctor's name of what each of them runs."""

HELPERS = {"amd", "cache", "doctor", "process"}
"""What tools share."""

STARTERS = {
    "subprocess": None,
    "multiprocessing": None,
    "pty": None,
    "os": {"system", "popen", "fork", "forkpty", "execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "concurrent.futures": {"ProcessPoolExecutor"},
}
"""Modules by which Python starts processes, and which of their names do; None: all."""


def test_the_room_holds_tools_what_they_share_and_their_reports() -> None:
    found = {path.stem for path in (PACKAGE / "tools").iterdir() if path.stem[0] != "_"}
    assert found - HELPERS - set(TOOLS) == {f"{tool}_report" for tool in ("vitis", "vivado")}


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_found_run_and_read(name: str) -> None:
    tool = importlib.import_module(f"dietcnn_hls.tools.{name}")
    assert {"find", "run", "read"} <= set(tool.__all__)
    for word in ("find", "run", "read"):
        assert inspect.isfunction(getattr(tool, word)) and getattr(tool, word).__doc__
    required = [p for p in inspect.signature(tool.find).parameters.values() if p.default is p.empty]
    assert required == [], "a tool is found without being told anything"


def test_the_doctor_examines_every_tool() -> None:
    assert set(TOOLS.values()) <= {tool.name for tool in doctor.examine()}


def imports(tree: ast.AST) -> set[str]:
    """``module`` and ``module.name`` of all imports and of all attributes of imported modules."""
    names: dict[str, str] = {}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name] = alias.name
                found.add(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
            found.add(f"{names[node.value.id]}.{node.attr}")
    return found


def test_nothing_else_starts_a_process() -> None:
    guilty = []
    for path in PACKAGE.rglob("*.py"):
        if path == PACKAGE / "tools" / "process.py":
            continue
        used = imports(ast.parse(path.read_text()))
        for module, words in STARTERS.items():
            wrong = {module} & used if words is None else {f"{module}.{word}" for word in words} & used
            guilty += [(path.relative_to(PACKAGE).as_posix(), name) for name in wrong]
            guilty += [(path.name, name) for name in used if module == "os" and name.startswith(("os.spawn", "os.posix_spawn"))]
    assert guilty == []


def test_the_search_finds_every_way_of_starting_one() -> None:
    text = "import os, subprocess as s\nfrom os import popen\nfrom concurrent.futures import ProcessPoolExecutor\n"
    text += "s.run([]); os.spawnl()"
    assert imports(ast.parse(text)) >= {
        "subprocess",
        "subprocess.run",
        "os.popen",
        "os.spawnl",
        "concurrent.futures.ProcessPoolExecutor",
    }
