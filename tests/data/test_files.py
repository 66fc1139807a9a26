# SPDX-License-Identifier: Apache-2.0
"""Dataset files: each public format read from a tiny file, each damage refused by its text, no pickle ever obeyed."""

from __future__ import annotations

import os
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.data.datasets import load
from tests.data.dataset_builders import images, labels, refused, write_mnist

# ---- idx files


def damage(data: bytes, kind: str) -> bytes:
    return {"short": data[:-1], "long": data + b"\0", "header": data[:6], "magic": b"\1" + data[1:], "empty": b""}[kind]


@pytest.mark.parametrize("kind", ["short", "long", "header", "magic", "empty"])
def test_damaged_idx(tmp_path: Path, kind: str) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(damage(path.read_bytes(), kind))
    text = refused("mnist", tmp_path)
    bytes_held = 20 * 784 + {"short": -1, "long": 1}.get(kind, 0)
    if kind in ("short", "long"):
        assert text == f"{path} holds {bytes_held} bytes where its header states (20, 28, 28); fetch it again"
    else:
        assert text == f"{path} is no idx file of 3-dimensional bytes; fetch it again"


@pytest.mark.parametrize("keep", [3, 40, -4])
def test_cut_off_gzip(tmp_path: Path, keep: int) -> None:
    write_mnist(tmp_path, packed=True)
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:keep])
    assert refused("mnist", tmp_path).startswith(f"{path} cannot be read (")


def test_gz_by_name_only_is_read_all_the_same(tmp_path: Path) -> None:
    arrays = write_mnist(tmp_path)
    for name in arrays:
        (tmp_path / name).rename(tmp_path / f"{name}.gz")
    assert np.array_equal(load("mnist", tmp_path).x_train[..., 0], arrays["train-images-idx3-ubyte"])


@pytest.mark.parametrize(
    ("replaced", "text"),
    [
        ({"train_images_idx3_ubyte": images(20, 32, 32)}, "images of x_train are (32, 32, 1) instead of (28, 28, 1)"),
        ({"t10k_images_idx3_ubyte": images(0, 28, 28)}, "x_test is empty (shape (0, 28, 28, 1))"),
        ({"train_labels_idx1_ubyte": labels(19)}, "x_train holds 20 images but y_train 19 labels"),
        ({"t10k_labels_idx1_ubyte": labels(10) + 1}, "labels of y_test reach from 1 to 10, outside 0..9"),
        ({"train_labels_idx1_ubyte": labels(20) % 9}, "y_train lacks 1 of 10 classes, the first is 9; number them from 0"),
    ],
)
def test_standard_files_with_wrong_content(tmp_path: Path, replaced: dict[str, np.ndarray], text: str) -> None:
    write_mnist(tmp_path, **replaced)
    assert refused("mnist", tmp_path) == f"{tmp_path}: {text}"


# ---- CIFAR-10


def write_cifar10(folder: Path, spell: Any = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Write six batches of ten images; return (data, labels) of each."""
    folder.mkdir(parents=True, exist_ok=True)
    batches = []
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        data, y = images(10, 3072, seed=i), labels(10)
        text = spell(data, y) if spell else pickle.dumps({b"data": data, b"labels": y.tolist()}, protocol=2)
        (folder / name).write_bytes(text)
        batches.append((data, y))
    return batches


def python2_pickle(data: np.ndarray, y: np.ndarray) -> bytes:
    """Spell a batch as the public archive does: protocol 2 of Python 2, where text and bytes are one type."""
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(K" + bytes([len(data)]) + b"M" + (3072).to_bytes(2, "little") + b"t"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85U\x01btR"
    state = b"(K\x01" + shape + dtype + b"\x89T" + data.size.to_bytes(4, "little") + data.tobytes() + b"tb"
    items = b"".join(b"K" + bytes([label]) for label in y)
    return b"\x80\x02}(U\x04data" + array + state + b"U\x06labels](" + items + b"eu."


@pytest.mark.parametrize("spell", [None, python2_pickle])
@pytest.mark.parametrize("below", ["", "cifar-10-batches-py", "cifar10/cifar-10-batches-py"])
def test_cifar10_planes_become_channels(tmp_path: Path, below: str, spell: Any) -> None:
    batches = write_cifar10(tmp_path / below, spell)
    cifar = load("cifar10", tmp_path)
    assert cifar.x_train.shape == (50, 32, 32, 3) and cifar.x_test.shape == (10, 32, 32, 3)
    for i, (data, y) in enumerate(batches[:5]):
        planes = data.reshape(10, 3, 32, 32)
        for channel in range(3):
            assert np.array_equal(cifar.x_train[10 * i : 10 * i + 10, :, :, channel], planes[:, channel])
        assert np.array_equal(cifar.y_train[10 * i : 10 * i + 10], y)
    assert np.array_equal(cifar.x_test[..., 2], batches[5][0].reshape(10, 3, 32, 32)[:, 2])


class Malice:
    """What a hostile batch would run on loading."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_cifar10_pickle_runs_nothing(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    trace = tmp_path / "trace"
    hostile = {b"data": Malice(os.mkdir, str(trace)), b"labels": [0]}
    (tmp_path / "data_batch_3").write_bytes(pickle.dumps(hostile, protocol=2))
    text = refused("cifar10", tmp_path)
    assert re.search(r"data_batch_3 is no CIFAR-10 batch \(it asks for (posix|nt)\.mkdir\)", text)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"no pickle", "is no CIFAR-10 batch ("),
        (b"", "is no CIFAR-10 batch (Ran out of input)"),
        (pickle.dumps([1, 2]), "is no CIFAR-10 batch ("),
        (pickle.dumps({b"labels": [0]}), "is no CIFAR-10 batch (b'data')"),
        (pickle.dumps({b"data": [1], b"labels": [0]}), "its data is list, not uint8 (N, 3072)"),
        (pickle.dumps({b"data": images(2, 100), b"labels": [0, 1]}), "its data is uint8 (2, 100), not uint8 (N, 3072)"),
        (pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}), "its data is float64 (2, 3072), not uint8"),
        (b"\x80\x02c_codecs\nencode\n(X\x01\0\0\0xX\x05\0\0\0rot13tR.", "is no CIFAR-10 batch (it asks for the codec rot13)"),
    ],
)
def test_cifar10_batch_of_another_kind(tmp_path: Path, content: bytes, text: str) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "test_batch").write_bytes(content)
    message = refused("cifar10", tmp_path)
    assert message.startswith(f"{tmp_path / 'test_batch'} is no CIFAR-10 batch") and text in message


# ---- SVHN


def write_svhn(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import savemat

    x, y = images(20, 32, 32, 3), labels(20)
    for name, count in (("train_32x32.mat", 20), ("test_32x32.mat", 10)):
        content = {"X": x[:count].transpose(1, 2, 3, 0), "y": np.where(y == 0, 10, y)[:count, None].astype(np.uint8)}
        savemat(folder / name, content)
    return x, y


def test_svhn_moves_the_sample_axis_and_renames_digit_ten(tmp_path: Path) -> None:
    x, y = write_svhn(tmp_path)
    svhn = load("svhn", tmp_path)
    assert np.array_equal(svhn.x_train, x) and np.array_equal(svhn.y_train, y)
    assert np.array_equal(svhn.x_test, x[:10]) and svhn.classes == 10


def test_svhn_of_another_kind(tmp_path: Path) -> None:
    from scipy.io import savemat

    write_svhn(tmp_path)
    path = tmp_path / "test_32x32.mat"
    path.write_bytes(b"no mat file")
    assert refused("svhn", tmp_path).startswith(f"{path} is no SVHN file of cropped digits (")
    savemat(path, {"X": images(2, 3), "y": np.ones((2, 1), np.uint8)})
    assert refused("svhn", tmp_path) == f"{path} is no SVHN file of cropped digits: X is (2, 3), y is uint8"
