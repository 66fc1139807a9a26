# SPDX-License-Identifier: Apache-2.0
"""Yosys behind `dietcnn_hls.tools.yosys.synthesis`: finding and running it, its scripts, its netlists and their simulation."""
