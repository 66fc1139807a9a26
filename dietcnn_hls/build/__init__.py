# SPDX-License-Identifier: Apache-2.0
"""Who does what, when: configuration, state, workspace and stages of a build."""
