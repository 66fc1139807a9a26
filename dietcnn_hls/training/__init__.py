# SPDX-License-Identifier: Apache-2.0
"""Training front end: Keras layers, codebook fitting and fine-tuning. Needs the `qkeras` extra (imports TensorFlow).

What needs to know the methods lives in `dietcnn_hls.methods.keras` and is found here when first asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from dietcnn_hls.training.board import CodebookBoard
from dietcnn_hls.training.design import Trained, accuracy, logits, train_design
from dietcnn_hls.training.integer_layers import PositiveGain, ShiftBatchNormalization, SumPooling2D, UniformActivation
from dietcnn_hls.training.layers import (
    CodebookActivation,
    ExactBatchNormalization,
    InputGrid,
    LookupConv2D,
    LookupDense,
    LookupDepthwiseConv2D,
)
from dietcnn_hls.training.loop import Epoch, History, train
from dietcnn_hls.training.recipe import Recipe
from dietcnn_hls.training.refit import RefitCodebooks, refit_codebooks

if TYPE_CHECKING:
    from dietcnn_hls.methods.keras import custom_objects, fit_codebooks, load_model

_ABOVE = "dietcnn_hls.methods.keras"


def __getattr__(name: str) -> Any:
    if name in ("custom_objects", "fit_codebooks", "load_model"):
        return getattr(import_module(_ABOVE), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


__all__ = [
    "CodebookActivation",
    "CodebookBoard",
    "Epoch",
    "ExactBatchNormalization",
    "History",
    "InputGrid",
    "LookupConv2D",
    "LookupDense",
    "LookupDepthwiseConv2D",
    "PositiveGain",
    "Recipe",
    "RefitCodebooks",
    "ShiftBatchNormalization",
    "SumPooling2D",
    "Trained",
    "UniformActivation",
    "accuracy",
    "custom_objects",
    "fit_codebooks",
    "load_model",
    "logits",
    "refit_codebooks",
    "train",
    "train_design",
]

# Front ends read these layers too, some before they are asked to convert a model: each is told that they exist.
for _front_end in entry_points(group="dietcnn_hls.front_ends"):
    _front_end.load()()
