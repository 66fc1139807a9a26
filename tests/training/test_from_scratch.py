# SPDX-License-Identifier: Apache-2.0
"""A codebook network written by hand, layer by layer, and trained by Keras' own ``fit``: no float network before it."""

from __future__ import annotations

import numpy as np

from dietcnn_hls import reference
from dietcnn_hls.backend.convert import lower_keras
from dietcnn_hls.data import datasets
from dietcnn_hls.methods.dietcnn.training import Codebook
from dietcnn_hls.training import (
    CodebookActivation,
    ExactBatchNormalization,
    LookupConv2D,
    LookupDense,
    RefitCodebooks,
    accuracy,
    logits,
)
from dietcnn_hls.training.tf import tf

from . import nets

L = tf.keras.layers


def test_a_network_from_scratch() -> None:
    tf.keras.utils.set_random_seed(2)
    model = tf.keras.Sequential(
        [
            L.Input((8, 8, 1), name="image"),
            CodebookActivation(8, 5, name="encode"),
            LookupConv2D(8, 3, kernel_quantizer=Codebook(8, 3), use_bias=False),
            ExactBatchNormalization(momentum=0.9),
            CodebookActivation(8, 3, bits=5),
            LookupConv2D(16, 3, kernel_quantizer=Codebook(8, 3), use_bias=False),
            ExactBatchNormalization(momentum=0.9),
            CodebookActivation(8, 3, bits=5),
            L.MaxPooling2D(),
            L.Flatten(),
            LookupDense(10, kernel_quantizer=Codebook(16, 4), bias_fraction=7),
        ],
        name="by_hand",
    )
    model.compile(tf.keras.optimizers.Adam(0.01), tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    split, data = nets.split(), nets.digits()
    x = datasets.to_float(split.x_train)
    model.fit(x, split.y_train, batch_size=32, epochs=8, verbose=0, callbacks=[RefitCodebooks(x[:300], 4)])
    assert accuracy(model, data.x_test, data.y_test) > 0.93
    graph = lower_keras(model, "by_hand")
    test = datasets.to_float(data.x_test)
    values = reference.output_values(graph, reference.predict(graph, reference.quantize_input(graph, test)))
    np.testing.assert_array_equal(values, logits(model, test))
