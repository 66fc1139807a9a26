# SPDX-License-Identifier: Apache-2.0
"""Readers of front ends: each makes the same neutral trained layers of what its front end has."""
