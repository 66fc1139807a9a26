# SPDX-License-Identifier: Apache-2.0
"""TensorFlow and QKeras as the ground floor imports them (`dietcnn_hls.tf`)."""

from dietcnn_hls.tf import qkeras, tf

__all__ = ["qkeras", "tf"]
