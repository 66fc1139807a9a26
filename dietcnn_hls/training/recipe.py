# SPDX-License-Identifier: Apache-2.0
"""The keys under ``training:`` of a project, and random shifts and flips of images. numpy and pydantic only."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel, Field


class Recipe(BaseModel):
    """How a network is trained: a float stage, conversion to the method, a second stage with the method's arithmetic.

    Both stages use Adam with a cosine schedule down to zero and keep the epoch that is best on validation images, which are
    split off the training set.
    """

    model_config = {"extra": "forbid", "frozen": True, "strict": True, "allow_inf_nan": False}

    float_epochs: int = Field(8, ge=0, description="epochs of the float network, which also teaches the second stage")
    float_learning_rate: float = Field(3e-3, gt=0, description="initial learning rate of the float stage")
    epochs: int = Field(6, ge=0, description="epochs with the method's arithmetic; 0 converts only")
    learning_rate: float = Field(2e-3, gt=0, description="initial learning rate of the second stage")
    mixed_precision: bool = Field(False, description="float stage in bfloat16 where TensorFlow finds a GPU; elsewhere no effect")
    batch: int = Field(128, ge=1, description="images a step")
    shift: int = Field(1, ge=0, description="images are moved at random by up to this many pixels; twice that in the float stage")
    flip: bool = Field(False, description="images are mirrored left to right at random")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="part of the target spread over all classes")
    distillation: float = Field(0.7, ge=0, le=1, description="part of the loss that follows the float network's outputs")
    temperature: float = Field(2.0, gt=0, description="softening of both outputs in that part")
    refits: int = Field(3, ge=0, description="epochs of the second stage that begin by refitting the codebooks")
    validation: float = Field(0.1, gt=0, lt=1, description="part of the training set that selects the epoch")
    calibration: int = Field(1024, ge=1, description="training images that calibrate codebooks and ranges")


def augment(images: np.ndarray, shift: int, flip: bool, rng: np.random.RandomState) -> np.ndarray:
    """Images (N, H, W, C), moved at random by up to `shift` pixels, zeros coming in, and mirrored at random if `flip`."""
    if shift:
        padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:3], axis=(1, 2))  # type: ignore[call-overload]
        down, right = rng.randint(0, 2 * shift + 1, (2, len(images)))
        images = windows[np.arange(len(images)), down, right].transpose(0, 2, 3, 1)
    if flip:
        images = np.where(rng.randint(0, 2, len(images)).astype(bool)[:, None, None, None], images[:, :, ::-1], images)
    return images
