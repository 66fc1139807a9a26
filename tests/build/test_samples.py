# SPDX-License-Identifier: Apache-2.0
"""Images and labels at the function doors: what is taken, and what each other thing is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dietcnn_hls.build.samples import images, labels, values
from dietcnn_hls.errors import DatasetError

Y = np.array([0, 3, 1, 4, 2, 0])
X = np.arange(6 * 2 * 2 * 1, dtype=np.uint8).reshape(6, 2, 2, 1)


class Stream:
    """As a dataset of another library: something to iterate over, and no array."""

    def __iter__(self) -> Any:
        yield X[0], 0


@pytest.mark.parametrize(
    "given",
    [
        Y,
        Y[:, None],
        Y.astype(np.uint8),
        Y.astype(np.float32),
        Y.tolist(),
        np.eye(5)[Y],
        np.eye(5, dtype=bool)[Y],
        np.eye(5)[Y].tolist(),
    ],
    ids=[
        "(N,)",
        "(N, 1) as Keras' CIFAR-10",
        "uint8",
        "whole floats",
        "list",
        "one-hot",
        "one-hot of truth values",
        "one-hot lists",
    ],
)
def test_labels_are_taken_as_users_have_them(given: Any) -> None:
    found = labels(given, 6, 5)
    assert found.dtype == np.int64 and found.tolist() == Y.tolist()


@pytest.mark.parametrize(
    "given, text",
    [
        (Y + 95, "y_test holds labels from 95 to 99; a network of 5 outputs has 0 to 4"),
        (Y - 1, "y_test holds labels from -1 to 3; a network of 5 outputs has 0 to 4"),
        (Y + 1, "y_test holds labels from 1 to 5; a network of 5 outputs has 0 to 4; pass y - 1"),
        (np.where(Y == 3, np.nan, Y), "y_test holds nan, which is no class number"),
        (Y + 0.5, "y_test holds 0.5, which is no class number"),
        (Y * 1e300, "which is no class number"),
        (Y.astype(str), "y_test is of type <U21; pass a numpy array (N,)"),
        (Y.astype(complex), "y_test is of type complex128"),
        (Y.astype(object), "y_test holds Python objects"),
        (
            0.9 * np.eye(5)[Y],
            "y_test of shape (6, 5) is not one-hot; pass a numpy array (N,) of class numbers",
        ),
        (np.ones((6, 5)), "y_test of shape (6, 5) is not one-hot"),
        (np.zeros((6, 2, 2)), "y_test has shape (6, 2, 2)"),
        (Y[:4], "x_test holds 6 samples and y_test 4"),
        (np.array(3), "x_test holds 6 samples and y_test a single number"),
        (np.ma.array(Y, mask=Y == 3), "y_test is a MaskedArray, whose mask would be lost"),
        ("labels.npy", "y_test is a str; pass a numpy array (N,)"),
        ([[0], [1, 2]], "y_test makes no array"),
        (Stream(), "y_test is a Stream; pass a numpy array (N,)"),
        ({"a": 1}, "y_test is a dict"),
    ],
)
def test_other_labels_are_refused_by_name(given: Any, text: str) -> None:
    with pytest.raises(DatasetError) as caught:
        labels(given, 6, 5)
    assert text in str(caught.value)


@pytest.mark.parametrize("given", [X, X / 256, (X / 256).astype(np.float16), (X / 256).tolist(), tuple(X)])
def test_images_are_taken_as_arrays_and_lists(given: Any) -> None:
    assert (values(images(given, "x_test", (2, 2, 1))) == X / 256).all()


@pytest.mark.parametrize(
    "given, text",
    [
        (Stream(), "x_test is a Stream; pass a numpy array (N, H, W, C) of uint8 pixels"),
        ("images.npy", "x_test is a str; pass a numpy array"),
        ((i for i in range(3)), "x_test is a generator; pass a numpy array"),
        (7, "x_test is a int; pass a numpy array"),
        ([[1], [1, 2]], "x_test makes no array"),
        (X[:0], "x_test of shape (0, 2, 2, 1) holds no images"),
        (X[0, 0, 0], "x_test of shape (1,) holds no images"),
        (X[..., 0], "x_test: input of shape (2, 2) for a design of input shape (2, 2, 1); x[..., numpy.newaxis]"),
        (X[None], "x_test: input of shape (6, 2, 2, 1) for a design of input shape (2, 2, 1)"),
        (X > 3, "x_test is of type bool"),
        (X.astype(str), "x_test is of type <U3"),
        (X.astype(object), "x_test holds Python objects"),
        (X.astype(complex), "x_test is of type complex128"),
        (np.where(X == 3, np.nan, X / 256), "x_test holds NaN or Inf: 1 of 24 values"),
        (np.where(X < 2, np.inf, X / 256), "x_test holds NaN or Inf: 2 of 24 values"),
        (np.ma.array(X), "x_test is a MaskedArray"),
    ],
)
def test_other_images_are_refused_by_name(given: Any, text: str) -> None:
    with pytest.raises(DatasetError) as caught:
        images(given, "x_test", (2, 2, 1))
    assert text in str(caught.value)
