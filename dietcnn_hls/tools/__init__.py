# SPDX-License-Identifier: Apache-2.0
"""Outside tools in one shape: find, run, read."""
