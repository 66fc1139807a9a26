# SPDX-License-Identifier: Apache-2.0
"""What Python users call: a trained model to a verified design and its report, or to its lowered graph alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dietcnn_hls.build import build, make_request
from dietcnn_hls.build.config import ChecksConfig, IoType, Synthesis
from dietcnn_hls.build.request import lower
from dietcnn_hls.hardware.folding import FoldingSpec
from dietcnn_hls.lowered import Grid, LoweredGraph
from dietcnn_hls.reports.model import Report

Folding = FoldingSpec | Mapping[str, Any] | int | None


def convert_and_build(
    model: Any,
    output_dir: str | Path,
    *,
    method: str | Mapping[str, Any] | None = None,
    io_type: IoType = "io_stream",
    part: str = "xc7z020clg400-1",
    clock_period: float = 5.0,
    folding: Folding = None,
    x_test: np.ndarray | None = None,
    y_test: np.ndarray | None = None,
    synthesis: Synthesis = "auto",
    x_calibration: np.ndarray | None = None,
    checks: ChecksConfig | Mapping[str, Any] | None = None,
    flows: tuple[Literal["default", "carry"], ...] = ("carry",),
    dsp: bool = False,
    name: str | None = None,
    labels: Mapping[str, Any] | None = None,
    input_grid: Grid | None = None,
    upto: str = "report",
) -> Report:
    """Convert a trained model, verify it bit for bit, measure it with the tools at hand, write ``report.json``.

    Args:
        model: Keras model of lookup or QKeras layers, a saved one (.keras, .h5), a `LoweredGraph` or a saved one (.npz).
        output_dir: folder of the design; made if absent, resumed if it holds this design.
        method: None takes the model as its layers say. A method's name, or ``{"name": ..., options}``, first converts a
            float Keras model with that method's `quantize`, which needs `x_calibration`; ``layers`` among the options gives
            single layers methods of their own.
        io_type: 'io_stream' (dataflow of streams) or 'io_parallel' (arrays) for the HLS project. RTL always streams.
        part: Xilinx part.
        clock_period: nanoseconds; the RTL has the registers that it asks for.
        folding: target interval in cycles, a `FoldingSpec` or its mapping; None is one lane a layer.
        x_test: (N, H, W, C) uint8 images, or floats on the input grid.
        y_test: (N,) or (N, 1) class numbers from 0 on, or one-hot rows; without them no accuracy is reported.
        synthesis: 'yosys' (RTL, Verilator, Yosys), 'vitis', 'none', or 'auto': what is installed.
        x_calibration: images for `method`.
        checks: how many test images each simulation sees and what else is measured, see `ChecksConfig`.
        flows: Yosys flows; the first heads the report; empty: RTL is simulated but not synthesised.
        dsp: let multipliers use DSP blocks.
        name: name of the design; default the model's name.
        labels: further report keys: ``network``, ``dataset``, ``seed``, ``timings_s``, ``accuracy`` of the float model.
        input_grid: values that may enter the design, where the model does not say it; default images, multiples of 2^-8.
        upto: the last stage to carry out, see `dietcnn_hls.build.stage_names`; ``report.json`` is written by the last of all.

    Returns:
        The report, as written to ``output_dir/report.json``.

    Raises:
        DietError: a stated failure, before long work where it can be known before.
    """
    request = make_request(
        model,
        output_dir,
        method=method,
        io_type=io_type,
        part=part,
        clock_period=clock_period,
        folding=folding,
        x_test=x_test,
        y_test=y_test,
        synthesis=synthesis,
        x_calibration=x_calibration,
        checks=checks,
        flows=flows,
        dsp=dsp,
        name=name,
        labels=labels,
        input_grid=input_grid,
    )
    return build(request, upto)


def convert(model: Any, name: str | None = None, *, input_grid: Grid | None = None) -> LoweredGraph:
    """The lowered graph of a trained model.

    Args:
        model: as in `convert_and_build`.
        name: of the graph, which names the design; default the model's.
        input_grid: as in `convert_and_build`.

    Raises:
        DietError: something else than a model, or one that cannot be converted exactly.
    """
    return lower(model, name, input_grid)


__all__ = ["convert", "convert_and_build"]
