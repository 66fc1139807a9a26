# SPDX-License-Identifier: Apache-2.0
"""The report of a build, made from what its stages have found and from nothing else."""

from __future__ import annotations

from typing import Any

from dietcnn_hls.atomic import content_key
from dietcnn_hls.build.code import versions
from dietcnn_hls.build.facts import Facts, merge, plain
from dietcnn_hls.build.state import State
from dietcnn_hls.reports.measure import compared, top1
from dietcnn_hls.reports.model import SCHEMA, Report


def make_report(state: State) -> Report:
    """What has been found so far: figures of stages that did not run are absent."""
    request, labels = state.request, state.request.labels
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "design": request.name,
        "network": labels.network or request.name,
        "method": request.origin.method,
        "dataset": labels.dataset,
        "part": request.hardware.part,
        "clock_ns": request.hardware.clock_period,
        "io_type": request.hardware.io_type,
        "seed": labels.seed,
        "versions": versions(),
        "accuracy": labels.accuracy or {},
        "bit_exact": {},
        "timings_s": labels.timings_s or {},
    }
    data = plain(data)
    for name, facts in state.found.items():
        merge(data, facts.sections)
        merge(data, _judged(state, name, facts))
    data["layers"] = list(data.get("layers", {}).values())
    report = Report.from_data(data, f"the report of '{request.name}'")
    timing = None if report.timing is None else report.timing.with_cycles(report.latency)
    return report.model_copy(update={"timing": timing})


def _judged(state: State, name: str, facts: Facts) -> dict[str, Any]:
    """What follows from outputs: their comparison with what they must equal, accuracies, and the images these were taken on."""
    stage, outputs, labels = state.stage(name), facts.outputs, state.request.y_test
    images = dict(facts.sections.get("accuracy", {}).get("images", {}))
    accuracy: dict[str, Any] = {}
    pairs = {}
    if outputs is not None:
        pairs = {pair: compared(outputs, expected(state, len(outputs))) for pair, expected in stage.compared.items()}
        if stage.form is not None and labels is not None:
            accuracy[stage.form] = top1(outputs, labels[: len(outputs)])
            images[stage.form] = len(outputs)
    if images and labels is not None and "images" in state.found:
        accuracy |= {"images": images, "digests": {form: _digest(state, count) for form, count in images.items()}}
    sections: dict[str, Any] = plain({"accuracy": accuracy or None, "bit_exact": pairs or None})
    return sections


def _digest(state: State, count: int) -> str:
    """Digest of the first test images, as they enter the design, and of their labels."""
    labels = state.request.y_test
    assert labels is not None
    if count not in state.digests:
        codes = state.codes[:count].astype("<i4")
        state.digests[count] = content_key(state.graph.input.stream.fraction, codes, labels[:count])[:16]
    return state.digests[count]


__all__ = ["make_report"]
