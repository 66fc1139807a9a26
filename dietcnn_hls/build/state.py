# SPDX-License-Identifier: Apache-2.0
"""The state of a build, which its stages share: what they are made from, what they have found, and how long they took."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls import progress
from dietcnn_hls.atomic import code_key, content_key
from dietcnn_hls.build.workspace import Result, Workspace
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.reports.measure import top1
from dietcnn_hls.reports.model import BitExact

GENERATORS = ("hardware", "hls", "lowered", "methods", "rtl", "templates")
"""Rooms whose code decides what is generated; a change in them makes finished stages stale."""


@dataclass
class Build:
    """What a build has established so far; the stages fill it in, `api.make_report` reads it out."""

    graph: LoweredGraph
    workspace: Workspace
    spec: FoldingSpec
    folding: dict[str, Fold]
    io_type: str
    part: str
    clock_period: float
    labels: Mapping[str, Any]
    outputs: np.ndarray | None = None
    accuracy: dict[str, Any] = field(default_factory=dict)
    bit_exact: dict[str, BitExact] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    layers: dict[str, dict[str, Any]] = field(default_factory=dict)
    fifo_bits: int | None = None
    timings: dict[str, float] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str, description: str) -> Iterator[None]:
        start = time.perf_counter()
        with progress.step(description):
            yield
        self.timings[name] = round(self.timings.get(name, 0.0) + time.perf_counter() - start, 2)

    def score(self, form: str, outputs: np.ndarray, codes: np.ndarray, labels: np.ndarray) -> None:
        """State the accuracy of one form of the network, and the images that it was taken on: the first of the test set."""
        images, values = codes[: len(outputs)], labels[: len(outputs)]
        self.accuracy[form] = top1(outputs, values)
        self.accuracy.setdefault("images", {})[form] = len(outputs)
        self.accuracy.setdefault("digests", {})[form] = content_key(images, values)[:16]

    def measured(self, name: str, description: str, compute: Callable[[], np.ndarray], *inputs: object) -> np.ndarray:
        """Outputs of a simulation of this design, computed and timed here or by an earlier build that was interrupted.

        Args:
            name: of the simulation, in ``timings_s`` too.
            description: shown meanwhile.
            compute: gives the outputs.
            inputs: what they depend on beside the design, this package and its libraries; see `content_key`.
        """
        return self.measured_with_facts(name, description, lambda: (compute(), {}), *inputs)[0]

    def measured_with_facts(self, name: str, description: str, compute: Callable[[], Result], *inputs: object) -> Result:
        """The same with further figures beside the outputs."""

        def timed() -> Result:
            with self.timed(name, description):
                outputs, facts = compute()
            return outputs, facts | {"seconds": self.timings[name]}

        key = content_key(self.key, _whole_package(), versions(), *inputs)
        outputs, facts = self.workspace.kept(name, key, timed)
        self.timings[name] = facts.pop("seconds")
        return outputs, facts

    @cached_property
    def key(self) -> str:
        """Content hash of everything that the generated design depends on."""
        folds = sorted((name, fold.pe, fold.simd) for name, fold in self.folding.items())
        graph = (self.workspace.root / "lowered" / "graph.npz").read_bytes()
        return content_key(graph, folds, self.io_type, self.part, self.clock_period, code_key(*GENERATORS))


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def _whole_package() -> str:
    """Content key of all code of this package."""
    return content_key(Path(__file__).parent)


def versions() -> dict[str, str]:
    """Versions of this package and of the libraries that decide what it computes."""
    names = ("dietcnn_hls", "hls4ml", "numpy", "tensorflow-cpu", "qkeras", "da4ml")
    found = {name: _package_version(name) for name in names}
    return {"python": platform.python_version()} | {name: text for name, text in found.items() if text != "absent"}


__all__ = ["Build", "versions"]
