# SPDX-License-Identifier: Apache-2.0
"""How long a part's cells and nets take: tables with their sources, and a fitted model of the nets. No tool is known here."""

from dietcnn_hls.hardware.timing.delays import Delays, MissingDelay, NetModel, delays_of, why_none

__all__ = ["Delays", "MissingDelay", "NetModel", "delays_of", "why_none"]
