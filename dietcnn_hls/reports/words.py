# SPDX-License-Identifier: Apache-2.0
"""Parts of a report in words, as terminal and page print them: conditions, checks, shapes, folding."""

from __future__ import annotations

from collections.abc import Mapping

from dietcnn_hls.reports.metrics import Metric
from dietcnn_hls.reports.model import LayerReport, Report

_FORMS = {
    "csim": "C-simulation",
    "hls4ml": "hls4ml's C-simulation",
    "keras": "Keras",
    "netlist": "mapped netlist",
    "reference": "integer reference",
    "rtl": "RTL",
    "rtl_stalled": "stalled RTL",
}

_FOLDS = {"pe": "PE", "simd": "SIMD", "reuse_factor": "reuse", "target_interval": "target interval"}


_SOURCES = {
    "counted": "counted in the converted network",
    "estimate": "a rule; no tool has run",
    "model": "operation energies of the literature times operation counts; relative, no watts",
    "rtl_activity": "bit toggles counted in simulation of the SystemVerilog",
    "rtl_simulation": "cycles counted in simulation of the SystemVerilog",
    "sta": "static timing analysis of the mapped netlist, before placement",
    "vitis_csynth": "Vitis HLS's C-synthesis report",
    "vivado": "Vivado's reports after place and route",
    "yosys": "cells after synthesis by Yosys; no placement, no routing",
}


def source_text(source: str) -> str:
    """What a source of figures is, in a few words; empty where it says so itself."""
    return _SOURCES.get(source.split(" ", 1)[0], "")


def value_text(metric: Metric, value: float | int) -> str:
    """A figure for people: percent for accuracies, thousands separated."""
    if metric.forms:
        return f"{100 * value:.2f} %"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def conditions(report: Report) -> list[tuple[str, str]]:
    """What a design was built for, as (title, value); what is not stated is left out."""
    clock = None if report.clock_ns is None else f"{report.clock_ns:g} ns"
    found = (("data", report.dataset), ("part", report.part), ("clock asked", clock), ("interface", report.io_type))
    return [(title, value) for title, value in found if value is not None]


def checks(report: Report) -> list[str]:
    """A sentence for each pair that was compared bit for bit."""
    return [
        f"{pair_text(pair)}: {found.mismatches:,} of {found.samples:,} images differ"
        for pair, found in (report.bit_exact or {}).items()
    ]


def pair_text(pair: str) -> str:
    """A pair such as ``rtl_vs_csim`` for people."""
    one, _, two = pair.partition("_vs_")
    return f"{_FORMS.get(one, one)} against {_FORMS.get(two, two)}"


def kind_text(layer: LayerReport) -> str:
    """What a layer is, as ``linear, dietcnn``."""
    return ", ".join(filter(None, (layer.kind, layer.method)))


def shape_text(layer: LayerReport) -> str:
    """Shape of what a layer yields, as ``8 × 8 × 1``; empty where it is not stated."""
    return " × ".join(map(str, layer.output_shape or ()))


def fold_text(layer: LayerReport) -> str:
    """Folding of a layer, as ``PE 2, SIMD 3, reuse 12``; empty where it has none."""
    return folding_words(layer.folding or {})


def folding_words(folding: Mapping[str, object]) -> str:
    """Keys and values of a folding for people; nested ones are left to the layers that they are of."""
    plain = {key: value for key, value in folding.items() if not isinstance(value, Mapping | list)}
    return ", ".join(f"{_FOLDS.get(key, key.replace('_', ' '))} {value}" for key, value in plain.items())


__all__ = [
    "checks",
    "conditions",
    "fold_text",
    "folding_words",
    "kind_text",
    "pair_text",
    "shape_text",
    "source_text",
    "value_text",
]
