# SPDX-License-Identifier: Apache-2.0
"""Readers of front ends: each makes the same neutral trained layers (`dietcnn_hls.backend.trained`) of what its front end has.

A front end is a file or folder here that offers a `Reader`, and one line in `READERS`. hls4ml has parsed its model into a
ModelGraph before; a reader says what each of the layers in it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from dietcnn_hls.backend.readers.keras import KerasReader
from dietcnn_hls.errors import ConfigError

if TYPE_CHECKING:
    # hls4ml registers backends while its graph module is still being imported
    from hls4ml.model.graph import ModelGraph


class Reader(Protocol):
    """What a front end offers."""

    def reads(self, config: Mapping[str, Any]) -> bool:
        """Whether hls4ml's configuration names a model of this front end."""

    def read(self, model: ModelGraph) -> None:
        """Give every layer of `model` that has none its neutral value, as attribute `trained.TRAINED`."""


READERS: tuple[Reader, ...] = (KerasReader(),)


def read(model: ModelGraph) -> None:
    """Read a model by the reader of its front end.

    Raises:
        ConfigError: no reader knows the front end.
        UnsupportedLayerError: a layer without lowering.
        LoweringError: weights that cannot be represented exactly.
    """
    config = model.config.config
    for reader in READERS:
        if reader.reads(config):
            reader.read(model)
            return
    raise ConfigError("backend DietCNN reads Keras models and its own lowered graphs; convert the model to Keras (QKeras) layers")


__all__ = ["READERS", "Reader", "read"]
