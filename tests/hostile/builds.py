# SPDX-License-Identifier: Apache-2.0
"""A design that builds in a second, and what of a folder must be equal however it came to be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.reports.model import Report
from tests.graphs import Shape, random_codes, random_graph
from tests.hostile.crafted import tree

GRAPH: LoweredGraph = random_graph(11, limits=Shape(side=5, channels=2, symbols=4))
X = random_codes(GRAPH, 20, 1).astype(np.uint8)
_TIMES = re.compile(r'"(seconds|timings_s)":\s*(\{[^}]*\}|[0-9.]+)')


def build(folder: Path, **changes: Any) -> Report:
    """Build the design into `folder`, without synthesis where nothing else is said."""
    return convert_and_build(GRAPH, folder, **{"x_test": X, "synthesis": "none"} | changes)


def settled(folder: Path) -> dict[str, bytes | str]:
    """All files of a finished build; times, and what holds times, are left out."""
    found = {}
    for name, content in tree(folder).items():
        if name.startswith(".measured/") or name.endswith(".lock"):
            continue
        if name.endswith("report.json"):
            assert isinstance(content, bytes)
            content = _TIMES.sub("", json.dumps(json.loads(content), sort_keys=True)).encode()
        found[name] = content
    return found


@contextmanager
def untouched(folder: Path, *but: str) -> Iterator[None]:
    """Whatever happens in the block, nothing below `folder` changes, save what lies in these entries of it."""

    def outside() -> dict[str, bytes | str]:
        return {name: content for name, content in tree(folder).items() if name.split("/")[0] not in but}

    before = outside()
    yield
    assert outside() == before


__all__ = ["GRAPH", "X", "build", "settled", "untouched"]
