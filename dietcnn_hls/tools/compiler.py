# SPDX-License-Identifier: Apache-2.0
"""The C++ compiler: the one that CXX names, else g++ or clang++."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dietcnn_hls.errors import ToolError
from dietcnn_hls.tools import cache, doctor, process

TIMEOUT_S = 1800.0
"""Limit of one compilation, in seconds."""


@dataclass(frozen=True)
class Compiler:
    """A compiler that can be run."""

    path: Path
    version: str


def find(purpose: str = "compiling C++") -> Compiler:
    """The compiler; ToolError with the remedy when there is none, or one that does not answer or is too old.

    Args:
        purpose: what it is for, to start the message with ("C-simulation").
    """
    found = doctor.require("g++", purpose)
    return Compiler(Path(str(found.path)), str(found.version))


def run(compiler: Compiler, arguments: Sequence[str | Path], folder: Path | None = None) -> None:
    """Compile or link, in `folder`.

    Raises:
        ToolError: the compiler fails (with the first error in its messages), takes too long or cannot be started.
    """
    done = process.run([compiler.path, *arguments], folder, timeout_s=TIMEOUT_S)
    if done.status != 0:
        raise ToolError(f"{compiler.path.name} failed: {read(done.errors)}")


def read(messages: str) -> str:
    """What a failed run says: that the disk is full, else the first line that names an error, else the last one."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    causes = ("No space left on device", r"\b(error|undefined reference)\b")
    found = next((line for cause in causes for line in lines if re.search(cause, line)), None)
    return found or (lines[-1] if lines else "it gave no message")


def shared_library(sources: Sequence[Path], library: Path, flags: Sequence[str]) -> None:
    """Compile C++ `sources` into the shared `library`, which appears whole or not at all; raises as `find` and `run`."""
    compiler = find("C-simulation")

    def link(new: Path) -> None:
        run(compiler, [*flags, "-fPIC", "-shared", "-o", new, *sources])
        if not new.exists():
            raise ToolError(f"{compiler.path.name} named no error and wrote no library for the C-simulation; install it again")

    cache.publish(library, link)


__all__ = ["Compiler", "find", "read", "run", "shared_library"]
