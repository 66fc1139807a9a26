# SPDX-License-Identifier: Apache-2.0
"""The folder in which Yosys runs: every file that a design needs, under safe names relative to it."""

from __future__ import annotations

import importlib.resources
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from dietcnn_hls.errors import ConfigError, OutputError
from dietcnn_hls.tools.yosys.script import CARRY_MAP

_UNSAFE = re.compile(r"[^\w.-]", re.ASCII)
_SAFE = re.compile(r"[\w./+-]+", re.ASCII)


def template(name: str) -> Path:
    """A file of ``templates/yosys``."""
    return Path(str(importlib.resources.files("dietcnn_hls.templates") / "yosys" / name))


def plan(sources: Sequence[Path], include_files: Sequence[Path] | Mapping[str, Path]) -> tuple[list[str], dict[str, Path]]:
    """Names of the sources in the work folder, and all files to put there by their names.

    Sources keep their file names in a numbered folder each, so two may have one name and messages stay readable.

    Raises:
        ConfigError: no sources, an included name that leaves the folder or is used twice.
        OutputError: a file that is not there.
    """
    if not sources:
        raise ConfigError("there are no sources to synthesise.")
    names = [f"s{number}/{_UNSAFE.sub('_', source.name)}" for number, source in enumerate(sources)]
    files = dict(zip(names, sources, strict=True))
    files[CARRY_MAP] = template(CARRY_MAP)
    included = include_files.items() if isinstance(include_files, Mapping) else [(path.name, path) for path in include_files]
    for name, path in included:
        if name in files:
            raise ConfigError(f"two files are named '{name}' in the design; rename one of them.")
        relative = PurePosixPath(name)
        if not _SAFE.fullmatch(name) or relative.is_absolute() or ".." in relative.parts:
            raise ConfigError(f"include file '{name}': use a relative path of letters, digits and '_ . / + -'.")
        files[name] = path
    for path in files.values():
        if not path.is_file():
            raise OutputError(f"{path} does not exist; synthesis needs it.")
    return names, files


def prepare(folder: Path, files: Mapping[str, Path]) -> None:
    """Copy `files` into `folder` under their names."""
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
