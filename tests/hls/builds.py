# SPDX-License-Identifier: Apache-2.0
"""Builds many designs into one library, so that an equality suite of hundreds of networks compiles in seconds."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dietcnn_hls import hls
from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.hls.project import CXX_FLAGS
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.tools.compiler import shared_library

QUICK_FLAGS = tuple("-O0" if flag == "-O2" else flag for flag in CXX_FLAGS if "vect" not in flag)
"""Those of the package without its optimisations: a few images a network run sooner than the compiler optimises."""


def ap_flags() -> tuple[str, ...]:
    """Flags of the ap-type spelling, with the open ap_types headers that hls4ml ships."""
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None and spec.origin is not None
    headers = Path(spec.origin).parent / "templates" / "vivado" / "ap_types"
    assert (headers / "ap_int.h").exists()
    return (*(f for f in CXX_FLAGS if f not in ("-O2", "-Wall")), "-O0", "-w", "-DDIETCNN_AP_TYPES", f"-I{headers}")


@dataclass(frozen=True)
class Case:
    """One network of a suite."""

    graph: LoweredGraph
    io_type: str
    folding: dict[str, Fold]


def random_folding(graph: LoweredGraph, seed: int) -> dict[str, Fold]:
    """A legal fold of each linear layer, which follows from the seed and the layer's name alone."""
    folds = {node.name: legal_folds(graph, node, streamed=False) for node in graph.linear_nodes}
    return {name: random.Random(f"{seed} {name}").choice(choices) for name, choices in folds.items()}


def build_all(folder: Path, cases: Sequence[Case], flags: tuple[str, ...] = QUICK_FLAGS) -> Iterator[hls.CSim]:
    """Generate every case under a name of its own, compile all into one library, load each."""
    sources, graphs = [], []
    for number, case in enumerate(cases):
        graph = replace(case.graph, name=f"net{number}")
        project = folder / graph.name
        hls.generate(graph, project, io_type=case.io_type, folding=case.folding)
        sources += [project / f"{graph.name}_bridge.cpp", project / "firmware" / f"{graph.name}.cpp"]
        graphs.append((graph, project))
    unity = folder / "all.cpp"
    unity.write_text("".join(f'#include "{source}"\n' for source in sources))
    library = folder / "all.so"
    shared_library([unity], library, flags)
    return (hls.CSim(graph, library, project / "firmware" / "weights") for graph, project in graphs)
