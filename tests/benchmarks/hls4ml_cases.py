# SPDX-License-Identifier: Apache-2.0
"""pytest plugin of `tests.benchmarks.hls4ml_suite`: hls4ml's doors lead to this backend, and every case's end is written down.

``DIETCNN_CASES`` names the file of case ids to run, ``DIETCNN_RESULTS`` the file that gets one JSON object a row: first
``{"id", "started"}``, then ``{"id", "outcome", "seconds", "message"}``. ``DIETCNN_LIMIT`` is the time limit of a case in s.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REPLACED = ("vitis", "vivado", "none")
"""Backends of hls4ml for which DietCNN stands in; without one it takes Vivado."""
MISSING = ("torch", "torch.nn", "torch.nn.functional", "torchinfo", "onnx", "onnx.helper", "qonnx", "qonnx.core.modelwrapper")
"""Other front ends that files import beside Keras; their cases are excluded."""


class _Absent(ModuleType):
    """A package that is not installed: whatever is imported from it is an empty class."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = sys.modules.get(f"{self.__name__}.{name}") or type(name, (), {})
        setattr(self, name, made)
        return made


def _redirected(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def redirected(*args: Any, **options: Any) -> Any:
        if str(options.get("backend")).lower() in REPLACED:
            options["backend"] = "DietCNN"
        return call(*args, **options)

    return redirected


def _from_config(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def redirected(config: Any) -> Any:
        if isinstance(config, dict) and str(config.get("Backend")).lower() in REPLACED:
            config = {**config, "Backend": "DietCNN"}
        return call(config)

    return redirected


def pytest_configure(config: Any) -> None:
    """Replace the backend's name where hls4ml is entered, before any case binds the names."""
    import hls4ml
    import hls4ml.utils.config

    for place, name in (
        (hls4ml.converters, "convert_from_keras_model"),
        (hls4ml.converters, "create_config"),
        (hls4ml.utils, "config_from_keras_model"),
        (hls4ml.utils.config, "config_from_keras_model"),
        (hls4ml.utils.config, "create_config"),
    ):
        setattr(place, name, _redirected(getattr(place, name)))
    hls4ml.converters.convert_from_config = _from_config(hls4ml.converters.convert_from_config)
    for name in MISSING:
        try:
            __import__(name)
        except ImportError:
            sys.modules[name] = _Absent(name)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Only the cases of this batch, in its order."""
    listed = os.environ.get("DIETCNN_CASES")
    if listed:
        wanted = {name: place for place, name in enumerate(Path(listed).read_text(encoding="utf-8").splitlines())}
        items[:] = sorted((item for item in items if item.nodeid in wanted), key=lambda item: wanted[item.nodeid])


def _write(row: dict[str, Any]) -> None:
    with open(os.environ["DIETCNN_RESULTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def _on_time_limit(*_: Any) -> None:
    raise TimeoutError("the case's time limit is over")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    """A time limit for each case, what it wrote removed."""
    _write({"id": item.nodeid, "started": True})
    before = set(item.path.parent.iterdir())
    signal.signal(signal.SIGALRM, _on_time_limit)
    signal.alarm(int(os.environ.get("DIETCNN_LIMIT", "120")))
    item.began, item.ends = time.monotonic(), {}
    result = yield
    signal.alarm(0)
    row = {"id": item.nodeid, **(item.ends or {"outcome": "passed"}), "seconds": round(time.monotonic() - item.began, 1)}
    _write(row)
    for made in set(item.path.parent.iterdir()) - before:
        if made.is_dir():
            shutil.rmtree(made, ignore_errors=True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[Any]:
    """How a case ended: passed, skipped, refused by a typed error, or otherwise."""
    report = yield
    if call.excinfo is not None and not item.ends:
        from dietcnn_hls.errors import DietError

        error = call.excinfo.value
        if call.excinfo.errisinstance(pytest.skip.Exception):
            outcome = "skipped"
        else:
            outcome = "refused" if isinstance(error, DietError) else "other"
        item.ends = {"outcome": outcome, "error": type(error).__name__, "message": " ".join(str(error).split())[:400]}
        if outcome == "other":
            last = call.excinfo.traceback[-1]
            item.ends["where"] = f"{Path(str(last.path)).name}:{last.lineno + 1}"
    return report
