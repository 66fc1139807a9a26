# SPDX-License-Identifier: Apache-2.0
"""Compiles a generated project and runs it on whole batches, on all cores."""

from __future__ import annotations

import ctypes
import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.errors import ToolError
from dietcnn_hls.hls.cpp import IntType
from dietcnn_hls.hls.project import CXX_FLAGS, GRAPH_FILE
from dietcnn_hls.lowered import LoweredGraph, Node
from dietcnn_hls.lowered.storage import load_graph
from dietcnn_hls.tools import compiler


class CSim:
    """A compiled design, made by `compile`.

    Attributes:
        graph: the lowered graph that the design was generated from.
        library: the shared library's path.
    """

    def __init__(self, graph: LoweredGraph, library: Path, weights: Path) -> None:
        self.graph = graph
        self.library = library
        try:
            handle = ctypes.CDLL(str(library))
        except OSError as error:
            raise ToolError(
                f"the library of the C-simulation that g++ wrote is none ({error}); install the compiler again"
            ) from error
        self._batch = getattr(handle, f"{graph.name}_batch")
        ports = len(graph.inputs) + len(graph.outputs)
        self._batch.argtypes = [*[ctypes.c_void_p] * ports, ctypes.c_int64]
        self._batch.restype = None
        if getattr(handle, f"{graph.name}_setup")(os.fsencode(weights)):
            raise ToolError(f"C simulation cannot read its weights from {weights}; generate the project again")

    def predict(self, codes: reference.Arrays, threads: int | None = None) -> Any:
        """Input codes (N, *input shape) -> output codes (N, *output shape), int64; lists where there are several.

        Args:
            codes: integers in the input's range.
            threads: samples are divided among this many; default all cores.

        Raises:
            DatasetError: wrong shape, not integers, or out of range.
        """
        given = reference.input_codes(self.graph, codes)
        native = [_native(node, array) for node, array in zip(self.graph.inputs, given, strict=True)]
        count = len(native[0])
        results = [np.empty((count, *node.stream.shape), dtype=np.int64) for node in self.graph.outputs]
        workers = max(1, min(threads or os.cpu_count() or 1, count))
        bounds = np.linspace(0, count, workers + 1).astype(int)

        def run(first: int, last: int) -> None:
            self._batch(*(array[first:last].ctypes.data for array in (*native, *results)), last - first)

        with ThreadPoolExecutor(workers) as pool:  # ctypes lets go of the interpreter lock
            list(pool.map(run, bounds[:-1].tolist(), bounds[1:].tolist()))
        return results[0] if len(results) == 1 else results


def _native(node: Node, codes: np.ndarray) -> np.ndarray:
    """Codes of one input in the type of C++."""
    return np.ascontiguousarray(codes, dtype=IntType.holding(node.stream.lo, node.stream.hi).dtype)


def compile(folder: Path) -> CSim:
    """Compile the project that `generate` wrote into `folder`, unless a library of the same sources is there, and load it.

    Raises:
        ToolError: no compiler, or one that fails (with its first error line).
        LoweringError: `folder` holds no generated project.
    """
    folder = Path(folder).absolute()
    graph = load_graph(folder / GRAPH_FILE)
    library = folder / "firmware" / f"{graph.name}-{_fingerprint(folder)}.so"
    if not library.exists():
        for old in library.parent.glob(f"{graph.name}-*.so"):
            old.unlink()
        # as one unit, which reads the headers once
        unit = ("-include", str(folder / f"{graph.name}_bridge.cpp"))
        compiler.shared_library([folder / "firmware" / f"{graph.name}.cpp"], library, (*CXX_FLAGS, *unit))
    return CSim(graph, library, folder / "firmware" / "weights")


def _fingerprint(folder: Path) -> str:
    """Digest of all sources and flags: a library under this name needs no compiling."""
    digest = hashlib.sha256(" ".join((os.environ.get("CXX", ""), *CXX_FLAGS)).encode())
    files = [*folder.glob("*_bridge.cpp"), *(folder / "firmware").rglob("*.cpp"), *(folder / "firmware").rglob("*.h")]
    for file in sorted(files):
        digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


__all__ = ["CSim", "compile"]
