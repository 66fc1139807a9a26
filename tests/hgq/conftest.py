# SPDX-License-Identifier: Apache-2.0
"""HGQ2 shares no environment with qkeras: without it these tests are left out, by `make test-hgq` they run."""

from __future__ import annotations

import importlib.util
import os

collect_ignore_glob = [] if importlib.util.find_spec("hgq") else ["test_*.py"]
os.environ.setdefault("KERAS_BACKEND", "jax")
