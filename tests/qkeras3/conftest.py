# SPDX-License-Identifier: Apache-2.0
"""qkeras-v3 shares no environment with QKeras 0.9 and HGQ2: these tests are left out without it; `make test-qkeras3`."""

from __future__ import annotations

import importlib.metadata
import os

try:
    importlib.metadata.version("qkeras-v3")
    collect_ignore_glob = []
except importlib.metadata.PackageNotFoundError:
    collect_ignore_glob = ["test_*.py"]
os.environ.setdefault("KERAS_BACKEND", "jax")
