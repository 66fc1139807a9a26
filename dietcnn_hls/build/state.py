# SPDX-License-Identifier: Apache-2.0
"""The state of a build: what its stages share, the key and the facts of each, and how one stage is carried out or resumed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from dietcnn_hls import progress
from dietcnn_hls.atomic import content_key
from dietcnn_hls.build import samples
from dietcnn_hls.build.facts import Facts
from dietcnn_hls.build.request import Request
from dietcnn_hls.build.stage import Stage
from dietcnn_hls.build.workspace import Workspace
from dietcnn_hls.hardware.cost import lut_cost
from dietcnn_hls.hardware.folding import fold_for_reuse, solve
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.hardware.sums import CHAIN
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.lowered.storage import load_graph

if TYPE_CHECKING:
    from dietcnn_hls import hls
    from dietcnn_hls.rtl.design import RtlDesign

GRAPH = "graph.npz"


class State:
    """One build at work.

    What stages share (graph, folds, codes, design, compiled simulator) is made when first asked for, so that a build whose
    stages are all resumed makes none of it.

    Attributes:
        request: what is asked for.
        workspace: the open output folder.
        found: facts by stage, in the order in which they were found.
        folder: where the running stage writes its files.
        digests: of the first so many test images with their labels.
    """

    request: Request
    workspace: Workspace

    def __init__(self, request: Request, workspace: Workspace, stages: Mapping[str, Stage]) -> None:
        self.request = request
        self.workspace = workspace
        self.found: dict[str, Facts] = {}
        self.folder = workspace.root
        self.digests: dict[int, str] = {}
        self._stages = stages
        self._keys: dict[str, str] = {}

    # ---- what stages share

    @cached_property
    def model(self) -> Any:
        """The trained Keras model."""
        return self.request.origin.model(self.workspace.resolve("model"))

    @cached_property
    def graph(self) -> LoweredGraph:
        """The lowered graph, as the stage ``lowered`` left it."""
        return load_graph(self.workspace.resolve("lowered") / GRAPH)

    @cached_property
    def folds(self) -> dict[str, Fold]:
        """Folds of all linear layers."""
        spec = self.request.hardware.folding
        reuse: Any = self.graph.metadata.get("reuse_factors")
        if reuse and spec.leaves_folds_open:
            return {node.name: fold_for_reuse(self.graph, node, reuse[node.name]) for node in self.graph.linear_nodes}
        return solve(self.graph, spec, lut_cost(self.graph, spec.chain or CHAIN))

    @cached_property
    def codes(self) -> np.ndarray:
        """Input codes of all test images; DatasetError where they cannot enter the design."""
        assert self.request.x_test is not None
        return samples.codes(self.graph, self.request.x_test)

    @cached_property
    def design(self) -> RtlDesign:
        """The design in SystemVerilog, with the margin that the stage ``clock`` found."""
        return self.design_for(self.found["clock"].sections.get("pipelining", {}).get("margin", 0.0))

    def design_for(self, margin: float) -> RtlDesign:
        """A design whose registers are laid out for a clock that is shorter by a margin, a share of it."""
        from dietcnn_hls.rtl.builder import RtlOptions
        from dietcnn_hls.rtl.design import generate

        hardware, spec = self.request.hardware, self.request.hardware.folding
        options = RtlOptions(
            chain=spec.chain,
            use_dsp=self.request.measure.dsp,
            input_codes=spec.input_codes(self.graph),
            pipelining=Pipelining.of(hardware.part, hardware.clock_period, margin),
            share_sums=spec.unroll and not self.request.measure.dsp,
        )
        return generate(self.graph, self.folds, options)

    @cached_property
    def simulator(self) -> hls.CSim:
        """The compiled HLS project."""
        from dietcnn_hls import hls

        return hls.compile(self.workspace.resolve("hls"))

    def outputs(self, stage: str) -> np.ndarray:
        """What a stage made of the first test images."""
        found = self.found[stage].outputs
        assert found is not None, f"stage '{stage}' simulates nothing"
        return found

    # ---- how a stage is carried out

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        return self._stages[name]

    def key(self, name: str) -> str:
        """Content key of all that a stage's result depends on: its inputs, its code and the keys of what it needs."""
        if name not in self._keys:
            stage = self._stages[name]
            needs = [self.key(need) for need in stage.needs or ()]
            self._keys[name] = content_key(name, stage.inputs(self.request), stage.code(), needs)
        return self._keys[name]

    def carry_out(self, stage: Stage) -> None:
        """Run a stage, or take its facts from an earlier build where its key still holds and its files are whole."""
        if not stage.kept:
            self.found[stage.name] = stage.run(self)
            return
        key = self.key(stage.name)
        if not self._whole(stage, key):
            self.workspace.forget(stage.name)  # facts of files that are gone
        array, kept = self.workspace.kept(stage.name, key, lambda: self._made(stage, key))
        self.found[stage.name] = Facts(kept["sections"], array if kept["outputs"] else None)

    def _whole(self, stage: Stage, key: str) -> bool:
        """Whether the files of a stage, where it has any, are there and of this key."""
        left = all(self.workspace.resolve(name).is_file() for name in stage.leaves)
        return left and (not stage.files(self.request) or self.workspace.done(stage.name, key))

    def _made(self, stage: Stage, key: str) -> tuple[np.ndarray, dict[str, Any]]:
        """Run a stage; what is stale goes when its result is there, so that a refusal leaves the folder as it was."""
        title, start = stage.title(self), time.perf_counter()
        if stage.leaves:
            self.workspace.forget(stage.name)  # its files are about to be another result's
        with progress.step(title) if title else nullcontext():
            if stage.files(self.request):
                with self.workspace.stage(stage.name, key) as self.folder:
                    facts = stage.run(self)
                    self._retire(stage)
            else:
                facts = stage.run(self)
                self._retire(stage)
        if title:
            seconds = {stage.timing or stage.name: round(time.perf_counter() - start, 2)}
            facts = replace(facts, sections={**facts.sections, "timings_s": seconds | facts.sections.get("timings_s", {})})
        outputs = np.zeros(0) if facts.outputs is None else facts.outputs
        return outputs, {"sections": dict(facts.sections), "outputs": facts.outputs is not None}

    def _retire(self, made: Stage) -> None:
        """Where a stage is made anew, remove what was made from its like, and all that no longer follows from the request."""
        for stage in self._stages.values():
            if made.name in self._below(stage):
                self.workspace.retire(stage.name, leaves=stage.leaves)
            elif stage is not made and stage.files(self.request):
                self.workspace.retire(stage.name, unless=self.key(stage.name))

    def _below(self, stage: Stage) -> set[str]:
        """All that a stage needs, directly or not."""
        if stage.needs is None:
            return set(self._stages) - {stage.name}
        needs = set(stage.needs)
        return needs.union(*(self._below(self._stages[need]) for need in needs))


__all__ = ["GRAPH", "State"]
