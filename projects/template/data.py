# SPDX-License-Identifier: Apache-2.0
"""Your data: writes data.npz with x_train, y_train, x_test, y_test. These are made up: four features, three classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

rng = np.random.default_rng(1)
x = rng.normal(0, 1, (1200, 4)).astype(np.float32)
y = np.digitize(x[:, 0] * x[:, 1] + x[:, 2], (-0.6, 0.6))
np.savez(Path(__file__).with_name("data.npz"), x_train=x[:1000], y_train=y[:1000], x_test=x[1000:], y_test=y[1000:])
