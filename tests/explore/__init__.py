# SPDX-License-Identifier: Apache-2.0
"""Searches of designs: spaces, forecasts, workers that come, go and die."""
