# SPDX-License-Identifier: Apache-2.0
"""Looking for designs: a space of configurations, searched by what reports say of them, on one machine or many."""

from dietcnn_hls.explore.run import explore
from dietcnn_hls.explore.space import Space, load, parse_space

__all__ = ["Space", "explore", "load", "parse_space"]
