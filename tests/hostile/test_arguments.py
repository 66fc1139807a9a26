# SPDX-License-Identifier: Apache-2.0
"""Every argument of `convert_and_build` with values of every wrong kind: taken for what it means, or refused in one line."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.api import convert_and_build
from dietcnn_hls.errors import DietError
from tests.hostile.builds import GRAPH, X, untouched

N = len(X)
LABELS = np.arange(N) % 2


class Lies:
    """Looks like an array and is none."""

    shape, dtype, ndim = X.shape, X.dtype, X.ndim

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise RuntimeError("no array")

    def __len__(self) -> int:
        return N


VALUES: tuple[Any, ...] = (
    *(True, -1, 0, 2**31, 10**400, 0.5, 1e-300, 1e308, float("nan"), float("inf"), -float("inf"), 1j, np.float32("nan")),
    *("", "../x", "a\0b", "a\nb", "é" * 300, b"x", "carry", "\ud800", Path("/nope/nope")),
    *([], [[]], {}, {"x": 1}, {1: 2}, (1, 2), set(), object(), Lies(), int, lambda: 1, range(3), iter([1]), Exception("x")),
    *(np.array([]), np.array(3), np.array(["a"]), np.array([{}], object), np.zeros((2, 2))),
    *(X.astype(float), X.astype(bool), X[..., 0], X[:0], X.astype("U3"), X.astype(object), X.astype(np.int64) - 300),
    *(np.full(X.shape, np.nan), np.full(X.shape, np.inf), X.astype(complex), np.ma.masked_array(X, mask=X > 3)),
    *(LABELS.astype("f4") + 0.5, np.full(N, np.nan), np.full(N, -1), np.full(N, 99), np.full(N, 2**62), np.array(["cat"] * N)),
    *(np.zeros(N, "M8[s]"), LABELS[: N - 1], np.zeros((N, 2)), np.ones((N, 2)), np.zeros((N, 3, 3))),
    *({"accuracy": {"float": float("nan")}}, {"timings_s": "x"}, {"target_interval": 0}, {"layers": {"conv0": {"pe": 0}}}),
    *({"layers": {3: 4}}, {"csim_samples": 0}, {"name": 3}, {"name": "dietcnn", "layers": []}, {"unroll": "yes", "chain": 1}),
)
MEANT: dict[str, Callable[[Any], bool]] = {
    "output_dir": lambda value: isinstance(value, str | Path),
    "clock_period": lambda value: np.ndim(value) == 0 and value in (0.5, 3),
    "folding": lambda value: value in (2**31, {}) if isinstance(value, int | dict) else False,
    "checks": lambda value: value == {},
    "labels": lambda value: value == {},
    "dsp": lambda value: value is True,
    "flows": lambda value: not isinstance(value, str | dict) and len(value) == 0,
    "x_test": lambda value: isinstance(value, np.ndarray) and value.shape == X.shape,
    "y_test": lambda value: isinstance(value, np.ndarray) and value.shape[0] == N,
}
"""What of these may be taken for what it says."""


@pytest.mark.parametrize("argument", inspect.signature(convert_and_build).parameters)
def test_any_value_is_meant_or_refused_before_work(argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    for number, value in enumerate(VALUES):
        if (
            argument == "model" and isinstance(value, str) and not value
        ):  # a folder, which is for Keras to read: seconds, for TensorFlow
            continue
        out = tmp_path / f"out{number}"
        given = {"model": GRAPH, "output_dir": out, "x_test": X, "synthesis": "none", "upto": "reference"} | {argument: value}
        with untouched(tmp_path, out.name, "cwd", "x"):
            try:
                convert_and_build(**given)
            except DietError as error:
                text = str(error)
                assert len(text) < 1500 and "\n" not in text, (value, text)
                assert not (out / "hls").exists()
            else:
                assert MEANT.get(argument, lambda _: False)(value), f"{argument}={value!r} was taken"
    assert argument == "output_dir" or os.listdir() == []
