# SPDX-License-Identifier: Apache-2.0
"""Random folds, options, clocks and stalls for the designs of random graphs, shared by the RTL suite and the soak.

A layer's fold follows from the seed and the layer's name alone, so that it stays when other layers are taken away.
"""

from __future__ import annotations

import dataclasses
import random

from dietcnn_hls.hardware.geometry import legal_folds
from dietcnn_hls.hardware.memories import MemoryRules
from dietcnn_hls.hardware.parts import DEFAULT_PART
from dietcnn_hls.hardware.pipelining import Pipelining
from dietcnn_hls.integers import divisors
from dietcnn_hls.lowered import Fold, LoweredGraph
from dietcnn_hls.rtl.builder import RtlOptions
from dietcnn_hls.rtl.design import RtlDesign, generate
from dietcnn_hls.rtl.simulation import Stalls

STALLS = (None, Stalls(seed=1), Stalls(seed=2, input=0.05, output=0.7), Stalls(seed=3, input=0.7, output=0.05))
ALL_IN_LUTS = MemoryRules(luts_per_bram=10**9)
ALL_IN_BLOCKS = MemoryRules(luts_per_bram=0)
CLOCKS = (None, None, 12.0, 8.0, 5.0, 4.0, 3.0)
"""Periods in ns that a design is asked to meet; None: no clock, and a given number of sums in a row."""


def random_design(graph: LoweredGraph, seed: int) -> RtlDesign:
    """A design under the name of its seed, at random folds and options; `generate` refuses what has no legal fold."""
    graph = dataclasses.replace(graph, name=f"{graph.name}_{seed}")
    legal = {n.name: legal_folds(graph, n) or [Fold(1, 1)] for n in graph.linear_nodes}
    folding = {name: random.Random(f"{seed} {name}").choice(folds) for name, folds in legal.items()}
    draw = random.Random(seed)
    rules = draw.choice([MemoryRules(), ALL_IN_LUTS, ALL_IN_BLOCKS])
    shape = graph.input.stream.shape
    inputs = [None, 1, *(n * shape[-1] for n in divisors(shape[-2] if len(shape) == 3 else 1))]
    options = RtlOptions(draw.choice([2, 3, 8]), use_dsp=draw.random() < 0.5, input_codes=draw.choice(inputs), memories=rules)
    clock = draw.choice(CLOCKS)
    if clock is not None:
        options = dataclasses.replace(options, chain=None, pipelining=Pipelining.of(DEFAULT_PART, clock))
    return generate(graph, folding, dataclasses.replace(options, share_sums=draw.random() < 0.5))
