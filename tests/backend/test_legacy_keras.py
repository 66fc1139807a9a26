# SPDX-License-Identifier: Apache-2.0
"""Keras 2 beside Keras 3: hls4ml's parser follows from the model, and an import in the wrong order says what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from dietcnn_hls.backend.readers.keras.legacy import is_keras2, route_keras2
from dietcnn_hls.tf import tf


class _Keras2:
    __module__ = "tf_keras.src.engine.training"


def test_a_model_says_which_keras_it_is_of() -> None:
    class Mine(_Keras2):
        pass

    assert is_keras2(Mine()) and not is_keras2(object())


def test_other_models_go_where_hls4ml_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from hls4ml import converters

    def theirs(config: Any, *flags: bool) -> Any:
        return "Keras 3", flags

    monkeypatch.setattr(converters, "keras_v3_to_hls", theirs)
    monkeypatch.setattr(converters, "keras_v2_to_hls", lambda config: "Keras 2")
    route_keras2()
    routed = converters.keras_v3_to_hls
    route_keras2()
    assert converters.keras_v3_to_hls is routed
    assert routed({"KerasModel": object()}, True, False) == ("Keras 3", (True, False))
    assert routed({"KerasModel": _Keras2()}, True, True) == "Keras 2"


@pytest.mark.skipif(not tf.keras.Model.__module__.startswith("tf_keras."), reason="this TensorFlow's own Keras is Keras 2")
def test_keras_3_in_the_way_is_said() -> None:
    script = (
        "import tensorflow as tf; tf.keras.layers\n"
        "try: import dietcnn_hls.training\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    environment = {key: value for key, value in os.environ.items() if key != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, timeout=120)
    assert done.stdout.startswith("ToolError tf.keras is Keras 3 in this process") and "TF_USE_LEGACY_KERAS=1" in done.stdout


@pytest.mark.skipif(not tf.keras.Model.__module__.startswith("tf_keras."), reason="this TensorFlow's own Keras is Keras 2")
def test_the_module_keras_stays_what_it_is() -> None:
    import keras

    import dietcnn_hls.training  # noqa: F401

    assert keras.__version__.startswith("3.")
