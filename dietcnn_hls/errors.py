# SPDX-License-Identifier: Apache-2.0
"""Errors that a user can act on: each names the layer, key, file or tool at fault and the remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class DietError(Exception):
    """Base of every stated failure; the command line prints its text and exits with status 1.

    Names and paths in the text may hold anything; what would break a line, steer a terminal or spoil a log is shown by its code.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


def printable(text: str) -> str:
    """The text with whatever would break a line or steer a terminal shown by its code."""
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


class ConfigError(DietError):
    """A configuration key, value or name that cannot be used."""


class DatasetError(DietError):
    """Data that is missing, mis-shaped or not finite."""


class UnsupportedLayerError(DietError):
    """A layer, activation or option that has no lowering."""


class LoweringError(DietError):
    """Weights, codebooks or ranges that cannot be represented exactly."""


class ExactnessWarning(UserWarning):
    """Keras itself may round what the design computes exactly; the design is right, an equality check may say otherwise."""


class LeftToHostWarning(UserWarning):
    """A part of the model that the design does not compute; the host has to, where it is wanted."""


class ConfigWarning(UserWarning):
    """A wish for the whole model that single layers cannot fulfil; says what they have instead."""


class SaturationWarning(UserWarning):
    """Data that a design's input cannot hold: they saturate or wrap around."""


class ResourceError(DietError):
    """A table or memory that does not fit the chosen part."""


class ToolError(DietError):
    """An external tool that is missing or failed; what it said may take several lines."""

    def __str__(self) -> str:
        return "\n".join(printable(line.replace("\t", " ")) for line in Exception.__str__(self).split("\n"))


class OutputError(DietError):
    """An output folder that cannot be used, or a path that leaves it."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'x'?"`` for the nearest known name, or the list of known names."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else f" Known: {', '.join(known)}."
