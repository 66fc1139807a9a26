# SPDX-License-Identifier: Apache-2.0
"""Order of the suite: rooms whose tests take milliseconds come first, so that a broken change shows within a minute."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dietcnn_hls.tools import cache, verilator
from tests.cases import EXHAUSTIVE

ROOMS = ("lowered", "hardware", "reports", "build", "data", "methods", "tools", "hls", "backend", "training", "hostile", "rtl")
"""Folders of tests, the quick ones first; tests of the ground floor, beside these folders, come before them."""

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
"""Keras 2 beside later TensorFlows, whichever file of the suite imports it first."""

os.environ["DIETCNN_ASSERT"] = "1"
"""All simulations of the suite check the assertions of streams and cores, those of whole builds included."""

_HERE = Path(__file__).parent


def _rank(item: pytest.Item) -> int:
    room = item.path.relative_to(_HERE).parts[0]
    return ROOMS.index(room) if room in ROOMS else -1


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exhaustive: a long test, of `make test-all` alone")
    if "PYTEST_XDIST_WORKER" not in os.environ:  # workers inherit it, and share what they compile and synthesise
        folder = tempfile.TemporaryDirectory(prefix="dietcnn_cache_")
        config.add_cleanup(folder.cleanup)
        os.environ["DIETCNN_CACHE"] = folder.name  # anew in every session, so that what an earlier one made cannot pass


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept = [item for item in items if EXHAUSTIVE or not item.get_closest_marker("exhaustive")]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = sorted(kept, key=_rank)


@pytest.fixture(scope="session")
def programs() -> Path:
    """The cache of what tools make, which whole builds take as well."""
    return cache.root()


@pytest.fixture(scope="session")
def runtime(programs: Path) -> Callable[[Path], None]:
    """Puts Verilator's runtime, which takes longer to compile than a design, into a cache of a test's own."""

    def put(folder: Path) -> None:
        for trace in (False, True):
            compiled = verilator.runtime(verilator.find(), trace, programs)[0].parent
            shutil.copytree(compiled, folder / "verilator" / compiled.name)

    return put
