# SPDX-License-Identifier: Apache-2.0
"""``docs/adding_an_operation.md`` is true: its paths and names exist, and every member of an operation stands on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.backend.layers import LAYERS
from dietcnn_hls.hls.layers import SPELLINGS
from dietcnn_hls.lowered import Operation, ValueMap
from dietcnn_hls.reference import EVALUATORS
from dietcnn_hls.rtl.builder import BUILDERS
from dietcnn_hls.rtl.design import generate

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding_an_operation.md").read_text()
PATHS = sorted(set(re.findall(r"`((?:dietcnn_hls|docs|templates|tests)/[\w./*]+)`", PAGE)))


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_page_exists(path: str) -> None:
    assert list(ROOT.glob(path)), path


def test_every_member_of_an_operation_stands_on_the_page() -> None:
    members = {name for name in vars(Operation) if not name.startswith("_")} | {"kind"}
    assert members <= set(re.findall(r"`(\w+)`", PAGE)), members - set(re.findall(r"`(\w+)`", PAGE))


@pytest.mark.parametrize(
    "registry", [EVALUATORS, SPELLINGS, BUILDERS, LAYERS], ids=["EVALUATORS", "SPELLINGS", "BUILDERS", "LAYERS"]
)
def test_every_registry_has_the_operation_of_the_pattern(registry: Any, request: pytest.FixtureRequest) -> None:
    assert callable(generate)  # the modules that a design needs register their operations
    assert f"`{request.node.callspec.id}`" in PAGE and registry.of(ValueMap(np.zeros((1, 2), np.int64), 0, 0), "map")
