# SPDX-License-Identifier: Apache-2.0
"""What the design leaves to the host: a softmax at the very end of a model."""

from __future__ import annotations

import warnings

from dietcnn_hls.errors import LeftToHostWarning


def softmax_left_to_host(what: str, name: str) -> dict[str, str]:
    """Warn that the design ends at the logits; returns the graph's note of it.

    Args:
        what: the place as its front end calls it, ``layer 'x' (softmax)``.
        name: its name.
    """
    warnings.warn(
        f"{what} is left to the host: the design ends at the logits. The largest logit has the largest probability; where "
        "probabilities are needed, apply softmax to what it returns.",
        LeftToHostWarning,
        stacklevel=4,
    )
    return {"layer": name, "operation": "softmax"}


__all__ = ["softmax_left_to_host"]
