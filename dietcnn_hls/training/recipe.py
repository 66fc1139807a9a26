# SPDX-License-Identifier: Apache-2.0
"""The keys under ``training:`` of a project, and what happens to images before a step. numpy and pydantic only."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, Field, field_validator

Border = Literal["zero", "reflect"]
Optimizer = Literal["adam", "sgd"]


class Recipe(BaseModel):
    """How a network is trained: a float stage, conversion to the method, a second stage with the method's arithmetic.

    Both stages keep the epoch that is best on validation images, which are split off the training set. Learning rates follow a
    cosine down to zero, behind a rising line where `warmup` says so.
    """

    model_config = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}

    float_epochs: int = Field(8, ge=0, description="epochs of the float network, which also teaches the second stage")
    float_learning_rate: float = Field(3e-3, gt=0, description="highest learning rate of the float stage")
    float_optimizer: Optimizer = Field("adam", description="of the float stage: adam, or sgd with Nesterov momentum 0.9")
    float_weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay of kernels in the float stage")
    epochs: int = Field(6, ge=0, description="epochs with the method's arithmetic; 0 converts only")
    learning_rate: float = Field(2e-3, gt=0, description="highest learning rate of the second stage")
    optimizer: Optimizer = Field("adam", description="of the second stage")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay of kernels in the second stage")
    warmup: float = Field(0.0, ge=0, lt=1, description="part of each stage's steps in which the learning rate rises from zero")
    mixed_precision: Literal[False, True, "always"] = Field(
        False, description="float stage in bfloat16: true where TensorFlow finds a GPU, 'always' on a CPU too"
    )
    batch: int = Field(128, ge=1, description="images a step")
    shift: int = Field(1, ge=0, description="images are moved at random by up to this many pixels; twice that in the float stage")
    border: Border = Field("zero", description="what comes in where an image was moved away: zeros, or its mirror image")
    flip: bool = Field(False, description="images are mirrored left to right at random")
    cutout: int = Field(0, ge=0, description="side of a square that is blanked at a random place of each image")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="part of the target spread over all classes")
    distillation: float = Field(0.7, ge=0, le=1, description="part of the loss that follows the float network's outputs")
    temperature: float = Field(2.0, gt=0, description="softening of both outputs in that part")
    refits: int = Field(3, ge=0, description="epochs of the second stage that begin by refitting the codebooks")
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the moving average of weights that is validated and kept")
    batch_norm_images: int = Field(
        0, ge=0, description="training images that re-estimate batch-norm statistics before each validation; 0 keeps running ones"
    )
    validation: float = Field(0.1, gt=0, lt=1, description="part of the training set that selects the epoch")
    calibration: int = Field(1024, ge=1, description="training images that calibrate codebooks and ranges")

    @field_validator("mixed_precision", mode="before")
    @classmethod
    def _no_number(cls, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            raise ValueError("Input should be False, True or 'always'")  # a Literal would take 1 for true
        return value

    def key(self, only: frozenset[str] | None = None) -> dict[str, Any]:
        """What decides a training's result, for content keys: keys at a value that does nothing are as good as absent, so that
        a key which is added later leaves kept results valid."""
        return {
            k: v for k, v in self.model_dump(include=set(only) if only else None).items() if k not in _NOTHING or v != _NOTHING[k]
        }


_NOTHING: dict[str, object] = {
    **{"float_optimizer": "adam", "float_weight_decay": 0.0, "optimizer": "adam", "weight_decay": 0.0, "warmup": 0.0},
    **{"border": "zero", "cutout": 0, "ema": 0.0, "batch_norm_images": 0},
}
"""Values by which training is as it was before there was such a key."""

FLOAT_KEYS = frozenset(
    (
        *("float_epochs", "float_learning_rate", "float_optimizer", "float_weight_decay", "warmup", "batch"),
        *("shift", "border", "flip", "cutout", "label_smoothing", "ema", "batch_norm_images"),
    )
)
"""Keys that decide the float network's weights; `validation` and `mixed_precision` decide its data and arithmetic."""


def augment(
    images: np.ndarray, shift: int, flip: bool, rng: np.random.RandomState, border: Border = "zero", cutout: int = 0
) -> np.ndarray:
    """Images (N, H, W, C) as a step sees them, each changed at random and on its own.

    Args:
        images: of any type.
        shift: they are moved by up to so many pixels in both directions.
        flip: half of them are mirrored left to right.
        rng: what is drawn from.
        border: what comes in behind a moved image: 'zero' or 'reflect', its mirror image.
        cutout: side of a square of zeros whose centre lies anywhere in the image; 0 leaves it out.
    """
    if shift:
        margins = ((0, 0), (shift, shift), (shift, shift), (0, 0))
        padded = np.pad(images, margins) if border == "zero" else np.pad(images, margins, "reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:3], axis=(1, 2))  # type: ignore[call-overload]
        down, right = rng.randint(0, 2 * shift + 1, (2, len(images)))
        images = windows[np.arange(len(images)), down, right].transpose(0, 2, 3, 1)
    if flip:
        images = np.where(rng.randint(0, 2, len(images)).astype(bool)[:, None, None, None], images[:, :, ::-1], images)
    return images if not cutout else _cut(images, cutout, rng)


def _cut(images: np.ndarray, side: int, rng: np.random.RandomState) -> np.ndarray:
    """Zeros in a square of each image; squares reach over the border, so that corners are seen as often as centres."""
    inside = []
    for length in images.shape[1:3]:
        first = rng.randint(0, length, len(images))[:, None] - side // 2
        places = np.arange(length)[None, :]
        inside.append((places >= first) & (places < first + side))
    return np.where((inside[0][:, :, None] & inside[1][:, None, :])[..., None], np.zeros((), images.dtype), images)
