# SPDX-License-Identifier: Apache-2.0
"""The one place that imports TensorFlow and QKeras, so that their absence is one clear error."""

from __future__ import annotations

import os

from dietcnn_hls.errors import ToolError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the import: start-up chatter off stderr; failures raise
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # TF 2.15 would otherwise load Keras 3, which QKeras cannot use

try:
    import qkeras
    import tensorflow as tf
except ImportError as error:
    raise ToolError(f"training needs TensorFlow and QKeras ({error}); pip install 'dietcnn_hls[qkeras]'") from error

__all__ = ["qkeras", "tf"]
