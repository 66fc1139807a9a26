# SPDX-License-Identifier: Apache-2.0
"""Figures read off outputs: samples that differ anywhere, and top-1 accuracy."""

from __future__ import annotations

import numpy as np

from dietcnn_hls.reports.model import BitExact


def compared(left: np.ndarray, right: np.ndarray) -> BitExact:
    """Samples (first axis) that differ anywhere, compared for equality."""
    differ = (left.reshape(len(left), -1) != right.reshape(len(right), -1)).any(axis=1)
    return BitExact(samples=len(left), mismatches=int(differ.sum()))


def top1(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of samples whose largest output is the label; the first of equal outputs counts."""
    return float((outputs.reshape(len(outputs), -1).argmax(axis=1) == labels).mean())
