# SPDX-License-Identifier: Apache-2.0
"""What both spellings of a lowered graph share: folding, geometry, memories, parts, cost, estimates."""
