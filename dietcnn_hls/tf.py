# SPDX-License-Identifier: Apache-2.0
"""The one place that imports TensorFlow, Keras 2 and QKeras, so that what is missing or in the way is one clear error.

QKeras 0.9 is written for Keras 2. Up to TensorFlow 2.14 that is what `tf.keras` is; since 2.16 it is `tf_keras`, a package which
TensorFlow takes where TF_USE_LEGACY_KERAS says so before `tf.keras` is first used. The module `keras`,
then Keras 3, is left alone.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec

from dietcnn_hls.errors import ToolError

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before the import: start-up chatter off stderr; failures raise
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

_EXTRA = "pip install 'dietcnn_hls[qkeras]'"

try:
    import tensorflow as tf
except ImportError as error:
    raise ToolError(f"training needs TensorFlow and QKeras ({error}); {_EXTRA}") from error

_VERSION = tuple(int(part) for part in tf.__version__.split(".")[:2])
if _VERSION >= (2, 16):
    if find_spec("tf_keras") is None:
        raise ToolError(f"training needs Keras 2 beside TensorFlow {tf.__version__} (No module named 'tf_keras'); {_EXTRA}")
    if not tf.keras.Model.__module__.startswith("tf_keras."):
        raise ToolError(
            "tf.keras is Keras 3 in this process, and QKeras needs Keras 2: set TF_USE_LEGACY_KERAS=1 before TensorFlow is "
            "imported, or import dietcnn_hls.training before it"
        )

try:
    import qkeras
except ImportError as error:
    raise ToolError(f"training needs TensorFlow and QKeras ({error}); {_EXTRA}") from error


def _worth_saying(record: logging.LogRecord) -> bool:
    """False of the advice on retracing what `training.loop.predict` runs: one graph of each model that it is given."""
    text = record.getMessage()
    return not ("retracing" in text and "<function _forward.<locals>" in text)


tf.get_logger().addFilter(_worth_saying)

__all__ = ["qkeras", "tf"]
