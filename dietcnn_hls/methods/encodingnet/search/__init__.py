# SPDX-License-Identifier: Apache-2.0
"""The search for encoders: where it starts (`starts`), its steps (`moves`), the search itself (`annealing`).

Nothing that trains, converts or builds needs it: its results are files, which the method reads. Its command is
``dietcnn-hls encoder search``.
"""

from __future__ import annotations

from dietcnn_hls.methods.encodingnet.search.annealing import Progress, Search, SearchSettings, find_encoder, usual_start

__all__ = ["Progress", "Search", "SearchSettings", "find_encoder", "usual_start"]
