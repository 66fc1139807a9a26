# SPDX-License-Identifier: Apache-2.0
"""How far a design of a search is made, cheap figures first: converted without training (counts, cost model), its accuracy so,
trained, measured by tools.

Every rung is a build up to a stage, in a folder of the search that all designs of one training share: what differs in hardware
alone trains once, and a rung that was climbed before costs nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dietcnn_hls import progress
from dietcnn_hls.atomic import content_key
from dietcnn_hls.build import build
from dietcnn_hls.build.config import ProjectConfig
from dietcnn_hls.build.state import GRAPH
from dietcnn_hls.errors import LoweringError
from dietcnn_hls.explore.figures import Wanted
from dietcnn_hls.hardware.cost import lut_cost
from dietcnn_hls.hardware.sums import CHAIN
from dietcnn_hls.lowered import Fold
from dietcnn_hls.lowered.storage import load_graph
from dietcnn_hls.names import check_design_name
from dietcnn_hls.reports.metrics import Figure
from dietcnn_hls.reports.model import ESTIMATE, Report

Figures = dict[str, Figure]

_SECOND_STAGE = ("epochs", "learning_rate", "optimizer", "weight_decay", "distillation", "temperature", "refits")
"""Keys of the recipe that a network converted without training does not depend on."""

_FLOAT = (
    *("float_epochs", "float_learning_rate", "float_optimizer", "float_weight_decay", "warmup", "batch", "shift", "border"),
    *("flip", "cutout", "label_smoothing", "ema", "batch_norm_images", "validation", "mixed_precision"),
)
"""Keys of the recipe that the float network depends on."""

_FOUND = {"converted": ("lowered", "folding"), "post-training": ("reference",), "trained": ("lowered", "folding", "reference")}


@dataclass(frozen=True)
class Rung:
    """One step of a design's making.

    Attributes:
        name: 'converted', 'post-training', 'trained' or 'measured'.
        config: what is built so far: without training on the first two.
        upto: stages that are carried out.
        final: figures that are the finished design's.
    """

    name: str
    config: ProjectConfig
    upto: tuple[str, ...]
    final: frozenset[str]


def named(config: ProjectConfig) -> ProjectConfig:
    """The configuration under a name that says what is trained, so that designs of one training share a folder."""
    arithmetic = config.method_choice.key() if config.trains else config.hls4ml and config.hls4ml.model_dump()
    key = content_key(*_network(config), arithmetic, dict(config.training))[:8]
    return config.model_copy(update={"design": check_design_name(f"{config.design[:60]}_{key}")})


def bare(config: ProjectConfig) -> ProjectConfig:
    """The configuration without the second stage of training, named likewise."""
    training = {key: value for key, value in config.training.items() if key not in _SECOND_STAGE}
    return named(config.model_copy(update={"training": training | {"epochs": 0}}))


def _network(config: ProjectConfig) -> tuple[object, ...]:
    return config.network.model_dump(), config.dataset.model_dump(), config.seed


def ladder(config: ProjectConfig, wanted: Mapping[str, Wanted]) -> list[Rung]:
    """The rungs of a design, from cheap to dear; those that would tell nothing new are left out."""
    whole = named(config)
    if not config.trains or config.training.get("epochs") == 0:  # no second stage: what is converted is finished
        first = whole
    else:
        first = bare(config)
    stages = {key: one.stages(config) for key, one in wanted.items()}
    accuracy = any("reference" in found for found in stages.values())
    trained = whole is not first

    def rung(name: str, made: ProjectConfig, upto: str) -> Rung:
        known = {stage for below in list(_FOUND)[: list(_FOUND).index(name) + 1] for stage in _FOUND[below]}
        final = (key for key, found in stages.items() if made is whole and set(found) <= known)
        return Rung(name, made, (upto,), frozenset(final))

    rungs = [rung("converted", first, "folding")]
    if accuracy:
        rungs.append(rung("post-training", first, "reference"))
    if trained:
        rungs.append(rung("trained", whole, "reference" if accuracy else "folding"))
    left = {stage for key, found in stages.items() if key not in rungs[-1].final for stage in found}
    if left:
        rungs.append(Rung("measured", whole, tuple(sorted(left)), frozenset(stages)))
    return rungs


class Workshop:
    """Where the designs of a search are made.

    Args:
        root: folder of the search; designs lie in ``designs/`` there.
        data_dir: of the dataset.
        wanted: the figures.
        trust: code beside the configuration may run.
    """

    def __init__(self, root: Path, data_dir: Path | None, wanted: Mapping[str, Wanted], trust: bool = False) -> None:
        self.root, self.data_dir, self.wanted, self.trust = root / "designs", data_dir, wanted, trust

    def folder(self, config: ProjectConfig) -> Path:
        """The folder of a design."""
        return self.root / config.design

    def climb(self, rung: Rung) -> tuple[Figures, str]:
        """Carry out a rung: (figures that are known now, the method's name as reports put it)."""
        folder = self.folder(rung.config)
        with progress.silent(), self._float(rung.config), held(folder.with_name(f"{folder.name}.lock")):
            reports = {
                upto: build(rung.config, upto, output=folder, data_dir=self.data_dir, trust=self.trust) for upto in rung.upto
            }
            report = _joined(reports)
            figures = {key: figure for key, one in self.wanted.items() if (figure := one.read(report)) is not None}
            figures |= self._luts(rung, report, figures)
        _tidy()
        return figures, report.method

    def _luts(self, rung: Rung, report: Report, found: Figures) -> Figures:
        """LUTs by the cost model, where nothing has measured them."""
        keys = [key for key, one in self.wanted.items() if key in ("lut", "resources.lut") and key not in found]
        if not keys or report.folding is None:
            return {}
        graph = load_graph(self.folder(rung.config) / "lowered" / GRAPH)
        folds = {name: Fold(**fold) for name, fold in report.folding["layers"].items()}  # type: ignore[union-attr,arg-type]
        cost = lut_cost(graph, rung.config.hardware.folding.chain or CHAIN)
        try:
            luts = sum(cost(node, folds[node.name]) for node in graph.linear_nodes)
        except LoweringError:  # a kernel that has no SystemVerilog has no array to cost either
            return {}
        return dict.fromkeys(keys, Figure(round(luts), ESTIMATE))

    @contextlib.contextmanager
    def _float(self, config: ProjectConfig) -> Iterator[None]:
        """Workers that need the same float network do not train it twice: the first one does, the others wait."""
        recipe = {key: config.training[key] for key in _FLOAT if key in config.training}
        mark = self.root / ".floats" / content_key(*_network(config), recipe)[:24]
        if mark.exists():
            yield
            return
        with held(mark.with_suffix(".lock")):
            yield
        mark.touch()


def _tidy() -> None:
    """Keras keeps every model of a process; hundreds of designs would not fit."""
    if "tensorflow" in sys.modules:
        from dietcnn_hls.tf import tf

        tf.keras.backend.clear_session()
        tf.get_logger().setLevel("ERROR")  # "triggered tf.function retracing": each design is another model
    gc.collect()


def _joined(reports: Mapping[str, Report]) -> Report:
    """One report of several of a design: each section from the one whose last stage finds it, measured rather than estimated."""
    (_, report), *others = sorted(reports.items(), key=lambda item: item[0] != "reference")
    for _, other in others:
        better = {
            name: part
            for name in type(other).model_fields
            if (part := getattr(other, name)) is not None
            and (getattr(report, name) is None or getattr(part, "source", ESTIMATE) != ESTIMATE)
        }
        report = report.model_copy(update=better)
    return report.model_copy(update={"timing": report.timing and report.timing.with_cycles(report.latency)})


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of that file while the block runs; the kernel lets go of a dead process' lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


__all__ = ["Figures", "Rung", "Workshop", "bare", "held", "ladder", "named"]
