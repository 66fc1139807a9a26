# SPDX-License-Identifier: Apache-2.0
"""Small spaces, and figures of their designs that follow from the configuration alone: searches without training."""

from __future__ import annotations

from typing import Any

from dietcnn_hls.explore.rungs import Figures, Rung
from dietcnn_hls.reports.metrics import Figure

BASE: dict[str, Any] = {
    "design": "tiny",
    "network": "digits_lenet",
    "dataset": {"name": "none", "shape": [8, 8, 1], "classes": 10},
    "method": "dietcnn",
    "training": {"float_epochs": 0, "epochs": 0},
    "synthesis": "none",
}


def space_data(**changed: Any) -> dict[str, Any]:
    """A space over two methods and the folding."""
    return {
        "study": "tiny",
        "base": BASE,
        "variables": {
            "method": {"choices": ["dietcnn", {"name": "fixed_point"}]},
            "method.weight_symbols": {"low": 2, "high": 16, "when": {"method": "dietcnn"}},
            "method.weight_bits": {"choices": [4, 6, 8], "when": {"method": "fixed_point"}},
            "hardware.folding.target_interval": {"choices": [288, 576, 1152]},
        },
        "objectives": {"lut": "minimize", "weight_bits": "minimize"},
        "constraints": {"interval": {"at_most": 600}},
        "trials": 12,
        "seed": 3,
    } | changed


def climb(rung: Rung) -> tuple[Figures, str]:
    """Figures of a design by a formula, as a build would find them."""
    choice, hardware = rung.config.method_choice, rung.config.hardware
    options = choice.options.model_dump()
    bits = options.get("weight_symbols", 0) or 10 * options["weight_bits"]
    interval = hardware.folding.target_interval or 0
    values = {"lut": 100_000 * bits // interval, "weight_bits": bits, "interval": interval}
    return {key: Figure(value, "counted") for key, value in values.items()}, choice.name
