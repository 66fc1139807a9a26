# SPDX-License-Identifier: Apache-2.0
"""hls4ml's words for types, and whether a type holds what a design computes: then asking for it changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.lowered import Grid, Stream

AUTO = "auto"


def parse(words: Any, where: str) -> Any:
    """hls4ml's type of ``ap_fixed<16,6>`` and the like; None for 'auto'.

    Raises:
        ConfigError: no such type; `where` names the key.
    """
    from hls4ml.backends import get_backend
    from hls4ml.model.types import PrecisionType

    if isinstance(words, PrecisionType):
        return words
    if isinstance(words, str) and words.lower() == AUTO:
        return None
    try:
        return get_backend("DietCNN").convert_precision_string(words)
    except Exception as error:  # hls4ml's parser raises nearly anything
        raise ConfigError(f"{where}: {words!r} is no precision; write 'auto', or a type such as 'ap_fixed<16,6>'") from error


def grid_of(kind: Any, where: str) -> Grid:
    """The input grid that a type of the input stands for.

    Raises:
        ConfigError: no fixed-point or integer type, or one of more bits than an input may have.
    """
    lo, hi, fraction = _range(kind, where)
    return Grid(lo, hi, fraction)


def holds(kind: Any, values: Stream | np.ndarray, where: str) -> bool:
    """Whether a type represents every value of a stream, or of an array of floats, exactly."""
    lo, hi, fraction = _range(kind, where)
    if isinstance(values, Stream):
        low, high = values.range
        shift = fraction - values.fraction
        if shift < 0 and (values.levels is None or any(level % (1 << -shift) for level in values.levels)):
            return False
        return lo <= low * 2.0**shift and high * 2.0**shift <= hi
    scaled = np.asarray(values, np.float64) * 2.0**fraction
    return bool((scaled == np.rint(scaled)).all() and (scaled >= lo).all() and (scaled <= hi).all())


def _range(kind: Any, where: str) -> tuple[int, int, int]:
    """Smallest and largest integer of a type, and the fraction of its grid."""
    try:
        width, fraction, signed = int(kind.width), int(kind.fractional), bool(kind.signed)
    except (AttributeError, TypeError) as error:
        raise ConfigError(f"{where}: {kind} is no fixed-point type; designs compute with integers on grids") from error
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1, fraction) if signed else (0, (1 << width) - 1, fraction)


__all__ = ["grid_of", "holds", "parse"]
