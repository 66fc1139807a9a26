# SPDX-License-Identifier: Apache-2.0
"""The C++ compiler: which one is taken, what a failure says, and libraries that are whole or absent."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools import compiler


def put(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_compiler_of_the_environment_then_gcc_then_clang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolError, match=r"^C-simulation needs g\+\+, which was not found: install g\+\+ 8 or clang\+\+ 8"):
        compiler.find("C-simulation")
    clang = put(tmp_path, "clang++", "echo clang version 14.0.6")
    assert compiler.find() == compiler.Compiler(clang, "14.0.6")
    gcc = put(tmp_path, "g++", "echo 'g++ (Debian 12.2.0) 12.2.0'")
    assert compiler.find() == compiler.Compiler(gcc, "12.2.0")
    mine = put(tmp_path, "mine", "echo mine 13.1")
    monkeypatch.setenv("CXX", "mine")
    assert compiler.find() == compiler.Compiler(mine, "13.1")
    monkeypatch.setenv("CXX", "yours")
    with pytest.raises(ToolError, match=r"which was not found \(CXX names 'yours'\)"):
        compiler.find()


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ("In file included from a.h:1:\na.cpp:3:1: error: no\na.cpp:4:1: error: more\n", "a.cpp:3:1: error: no"),
        (
            "ld: in function `f':\na.cpp:(.text+0x9): undefined reference to `g'\n",
            "a.cpp:(.text+0x9): undefined reference to `g'",
        ),
        ("Killed\n\n", "Killed"),
        ("ld: error: 3\nld: No space left on device\n", "ld: No space left on device"),
    ],
)
def test_the_first_error_is_what_a_failure_says(messages: str, said: str) -> None:
    assert compiler.read(messages) == said


def test_a_library_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    source, library = tmp_path / "answer.cpp", tmp_path / "answer.so"
    source.write_text('extern "C" int answer() { return no; }\n')
    with pytest.raises(ToolError, match=r"failed: .*answer\.cpp:1:\d+: error: .no. was not declared"):
        compiler.shared_library([source], library, ["-O0"])
    assert [path.name for path in tmp_path.iterdir()] == ["answer.cpp"]
    source.write_text('extern "C" int answer() { return 42; }\n')
    compiler.shared_library([source], library, ["-O0"])
    assert ctypes.CDLL(str(library)).answer() == 42
    assert sorted(path.name for path in tmp_path.iterdir()) == ["answer.cpp", "answer.so"]


def test_a_compiler_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hanging = put(tmp_path, "g++", "/bin/sleep 60")
    monkeypatch.setattr(compiler, "TIMEOUT_S", 0.3)
    with pytest.raises(ToolError, match=r"g\+\+ did not finish within 0\.3 s and was stopped"):
        compiler.run(compiler.Compiler(hanging, "12.2.0"), ["-c", "a.cpp"])
