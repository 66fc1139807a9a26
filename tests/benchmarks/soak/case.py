# SPDX-License-Identifier: Apache-2.0
"""One random network of the soak, what became of it, and the folder that keeps a failed one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.atomic import atomic_write_json, atomic_write_npz, read_npz
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.errors import ConfigError, DietError, ExactnessWarning
from dietcnn_hls.lowered import LoweredGraph
from dietcnn_hls.lowered.storage import load_graph, save_graph
from tests import graphs
from tests.benchmarks.soak.kinds import KINDS, images

IMAGES = 10
Status = Literal["ok", "refused", "mismatch", "crash"]
CASE_FILE, MODEL_FILE = "case.json", "model.h5"  # QKeras' layers do not all come back from a .keras file


@dataclass(frozen=True)
class Case:
    """A network and its inputs.

    Attributes:
        kind: key of `KINDS`.
        seed: of the network, and of folds and options in hardware.
        graph: the lowered graph.
        codes: (N, *input shape) input codes.
        model: the Keras model that the graph was made of, or None.
        rounded: whether lowering warned that Keras itself may round.
    """

    kind: str
    seed: int
    graph: LoweredGraph
    codes: np.ndarray
    model: Any = None
    rounded: bool = False

    def with_graph(self, graph: LoweredGraph, codes: np.ndarray) -> Case:
        """The same settings on another graph, without its model."""
        return replace(self, graph=graph, codes=codes, model=None)


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        status: 'ok', 'refused' (a stated error before work), 'mismatch' or 'crash' (any other exception).
        stage: where: 'make', 'lower', 'keras', 'storage', 'csim', 'hls4ml', 'rtl'; for 'ok' the last one that ran.
        text: what was said.
    """

    status: Status
    stage: str
    text: str = ""

    @property
    def failed(self) -> bool:
        return self.status in ("mismatch", "crash")


class Stopped(Exception):
    """Ends a case with an outcome that is not 'ok'."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"{outcome.status} in {outcome.stage}: {outcome.text}")
        self.outcome = outcome


@contextmanager
def stage(name: str, may_refuse: bool) -> Iterator[None]:
    """Turn exceptions of the block into `Stopped`: a DietError is a refusal where those are due, all else a crash."""
    try:
        yield
    except Stopped:
        raise
    except Exception as error:
        refused = may_refuse and isinstance(error, DietError)
        text = str(error) if refused else f"{type(error).__name__}: {error}"
        raise Stopped(Outcome("refused" if refused else "crash", name, text)) from error


def case_seed(soak: int, kind: str, index: int) -> int:
    """The seed of one case, below 2^31."""
    return int.from_bytes(hashlib.sha256(f"{soak} {kind} {index}".encode()).digest()[:4], "big") >> 1


def make_case(kind: str, seed: int) -> Case:
    """Generate a case; `Stopped` where that ends in a refusal or a crash."""
    with stage("make", may_refuse=True):
        made = KINDS[kind].make(seed)
    if isinstance(made, LoweredGraph):
        return Case(kind, seed, made, graphs.random_codes(made, IMAGES, seed))
    return lowered_case(kind, seed, made)


def lowered_case(kind: str, seed: int, model: Any) -> Case:
    """The case of a Keras model."""
    import warnings

    with stage("lower", may_refuse=True), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        graph = lower_keras(model, "net")
    x = images(model, IMAGES, seed + 1)
    x[0], x[1] = 0, 255 / 256
    with stage("lower", may_refuse=False):
        codes = reference.quantize_input(graph, x)
    return Case(kind, seed, graph, codes, model, any(issubclass(w.category, ExactnessWarning) for w in said))


def save_case(folder: Path, case: Case | None, kind: str, seed: int, outcome: Outcome) -> Path:
    """Write what `load_case` reads: kind and seed; graph and codes where there are; the model where the failure is Keras'."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {"kind": kind, "seed": seed, "status": outcome.status, "stage": outcome.stage, "text": outcome.text}
    if case is not None:
        save_graph(case.graph, folder / "graph.npz")
        atomic_write_npz(folder / "codes.npz", {"codes": case.codes})
        if case.model is not None:
            case.model.save(folder / MODEL_FILE)
    atomic_write_json(folder / CASE_FILE, facts)
    return folder / CASE_FILE


def load_case(path: Path) -> tuple[Case, Outcome]:
    """A saved case and the outcome that it was saved with; made anew from its seed where nothing else was saved.

    Raises:
        Stopped: making it fails, perhaps as it did.
        ConfigError: `path` is no saved case.
    """
    path = path / CASE_FILE if path.is_dir() else path
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        kind, seed = facts["kind"], facts["seed"]
        outcome = Outcome(facts["status"], facts["stage"], facts["text"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is no saved case of the soak ({error})") from error
    codes = (read_npz(path.with_name("codes.npz")) or {}).get("codes")
    if path.with_name(MODEL_FILE).exists():
        from dietcnn_hls.training import load_model

        case = lowered_case(kind, seed, load_model(path.with_name(MODEL_FILE)))
        return (case if codes is None else replace(case, codes=codes)), outcome
    if codes is None:
        return make_case(kind, seed), outcome
    with stage("storage", may_refuse=False):
        return Case(kind, seed, load_graph(path.with_name("graph.npz")), codes), outcome


__all__ = ["Case", "Outcome", "Stopped", "case_seed", "load_case", "lowered_case", "make_case", "save_case", "stage"]
