# SPDX-License-Identifier: Apache-2.0
"""Data sets, their files, and the reference networks."""
