# SPDX-License-Identifier: Apache-2.0
"""Datasets: where files are looked for, every bad content by its text, splits that never change."""

from __future__ import annotations

import hashlib
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dietcnn_hls.data.datasets import Dataset, load, names, noise, split_validation, to_float
from dietcnn_hls.errors import DatasetError
from tests.data.dataset_builders import images, labels, refused, write_mnist

MNIST_TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.fixture(autouse=True)
def _only_what_the_test_builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the user's data folder, Keras' cache and TensorFlow, so that no test reads or fetches real data."""
    monkeypatch.delenv("DIETCNN_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras-home"))
    monkeypatch.setitem(sys.modules, "tensorflow", None)


# ---- digits, pixels, padding


def test_digits_are_the_same_images_for_ever() -> None:
    digits = load("digits")
    assert (digits.x_train.shape, digits.x_test.shape) == ((1437, 8, 8, 1), (360, 8, 8, 1))
    assert (digits.x_train.dtype, digits.y_train.dtype, digits.classes) == (np.uint8, np.int64, 10)
    assert digits.input_shape == (8, 8, 1)
    assert np.bincount(digits.y_test).tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    assert set(np.unique(digits.x_train)) == {i * 255 // 16 for i in range(17)}
    digest = hashlib.sha256(digits.x_test.tobytes() + digits.y_test.tobytes()).hexdigest()
    assert digest == "823a0cf21bdb5dd8258ceaf5d803658b552f0f86a4cf8e61967f6575d708fe70"


def test_digits_without_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert refused("digits") == "dataset 'digits' comes with scikit-learn; pip install 'dietcnn_hls[qkeras]'"


def test_to_float_is_exact_on_every_pixel_value() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    values = to_float(pixels)
    assert values.dtype == np.float32 and values.shape == pixels.shape
    assert np.array_equal(values.astype(np.float64), pixels.astype(np.float64) / 256.0)


def test_to_float_refuses_what_is_scaled_already() -> None:
    with pytest.raises(DatasetError, match=r"to_float takes uint8 pixels, got float32"):
        to_float(np.zeros((1, 8, 8, 1), np.float32))  # type: ignore[arg-type]


def test_arrays_are_read_only(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    for dataset in (load("mnist", tmp_path), load("mnist", tmp_path, pad=32)):
        for array in (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test):
            assert not array.flags.writeable


def test_pad_centres_and_puts_an_odd_margin_last(tmp_path: Path) -> None:
    arrays = write_mnist(tmp_path)
    even, odd = load("mnist", tmp_path, pad=32), load("mnist", tmp_path, pad=31)
    assert even.input_shape == (32, 32, 1) and odd.input_shape == (31, 31, 1)
    for padded, first in ((even.x_train, 2), (odd.x_train, 1)):
        inner = slice(first, first + 28)
        assert np.array_equal(padded[:, inner, inner, 0], arrays["train-images-idx3-ubyte"])
        assert padded.sum(dtype=np.int64) == arrays["train-images-idx3-ubyte"].sum(dtype=np.int64)
    assert refused("mnist", tmp_path, pad=27) == "pad 27 is smaller than the 28x28 images of 'mnist'"


# ---- where files are looked for


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "mnist"])
def test_mnist_in_a_folder_or_below_it(tmp_path: Path, below: str, packed: bool) -> None:
    arrays = write_mnist(tmp_path / below, packed=packed)
    mnist = load("mnist", tmp_path)
    assert np.array_equal(mnist.x_train[..., 0], arrays["train-images-idx3-ubyte"])
    assert np.array_equal(mnist.x_test[..., 0], arrays["t10k-images-idx3-ubyte"])
    assert np.array_equal(mnist.y_train, labels(20)) and np.array_equal(mnist.y_test, labels(10))
    assert (mnist.name, mnist.classes, mnist.y_train.dtype) == ("mnist", 10, np.int64)


def test_a_sub_folder_of_the_name_comes_first(tmp_path: Path) -> None:
    write_mnist(tmp_path, seed=1)
    fashion = write_mnist(tmp_path / "fashion_mnist", seed=5)
    assert np.array_equal(load("fashion_mnist", tmp_path).x_train[..., 0], fashion["train-images-idx3-ubyte"])


def test_environment_comes_after_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_folder, other = tmp_path / "given", tmp_path / "other"
    given_folder.mkdir()
    from_other = write_mnist(other, seed=7)
    monkeypatch.setenv("DIETCNN_DATA", str(other))
    assert np.array_equal(load("mnist").x_train[..., 0], from_other["train-images-idx3-ubyte"])
    assert np.array_equal(load("mnist", given_folder).x_train[..., 0], from_other["train-images-idx3-ubyte"])
    from_given = write_mnist(given_folder, seed=8)
    assert np.array_equal(load("mnist", given_folder).x_train[..., 0], from_given["train-images-idx3-ubyte"])


def test_unknown_name_gets_a_suggestion() -> None:
    assert refused("mnits").startswith("dataset 'mnits' is not known. Did you mean 'mnist'?")
    assert names() == ["digits", "mnist", "fashion_mnist", "cifar10", "svhn"]


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    assert refused("mnist", folder) == f"data folder {folder} is not a folder; give the one that holds the files of 'mnist'"


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "svhn"])
def test_folder_without_the_files_names_them_and_the_remedy(tmp_path: Path, name: str) -> None:
    text = refused(name, tmp_path)
    first = {"cifar10": "data_batch_1", "svhn": "train_32x32.mat"}.get(name, "train-images-idx3-ubyte")
    assert text.startswith(f"dataset '{name}' was not found: looked for {first}")
    assert f" in {tmp_path} and sub-folders " in text
    assert text.endswith("put the files there, or name their folder with --data-dir or DIETCNN_DATA")


def test_incomplete_folder_names_what_is_missing(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    expected = f"dataset 'mnist' is incomplete: {tmp_path} lacks t10k-labels-idx1-ubyte; add what is missing"
    assert refused("mnist", tmp_path) == expected


def test_mnist_and_fashion_mnist_are_told_apart(tmp_path: Path) -> None:
    mnist_labels = np.repeat(np.arange(10), MNIST_TEST_COUNTS)
    blank = np.zeros((10000, 28, 28), np.uint8)
    replaced = {"t10k_images_idx3_ubyte": blank, "t10k_labels_idx1_ubyte": mnist_labels}
    write_mnist(tmp_path / "m", **replaced)
    write_mnist(tmp_path / "f", **(replaced | {"t10k_labels_idx1_ubyte": labels(10000)}))
    assert load("mnist", tmp_path / "m").classes == load("fashion_mnist", tmp_path / "f").classes == 10
    assert "hold MNIST; name the folder of Fashion-MNIST" in refused("fashion_mnist", tmp_path / "m")
    assert "hold another set of 10,000 test images" in refused("mnist", tmp_path / "f")


# ---- Keras


def fake_tensorflow(monkeypatch: pytest.MonkeyPatch, load_data: Any) -> None:
    datasets = types.SimpleNamespace(mnist=types.SimpleNamespace(load_data=load_data))
    module = types.ModuleType("tensorflow")
    module.keras = types.SimpleNamespace(datasets=datasets)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow", module)


def test_keras_serves_where_nothing_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load_data() -> Any:
        print("0/1 download bar")
        return (images(20, 28, 28), labels(20)), (images(10, 28, 28), labels(10))

    fake_tensorflow(monkeypatch, load_data)
    assert np.array_equal(load("mnist").x_train[..., 0], images(20, 28, 28))
    assert capsys.readouterr().out == "", "stdout belongs to the caller"
    assert "was not found" in refused("mnist", tmp_path), "a named folder without the files must not be replaced silently"


def test_keras_download_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_data() -> Any:
        raise Exception("URL fetch failure: no route")

    fake_tensorflow(monkeypatch, load_data)
    text = refused("mnist")
    assert "looked for train-images-idx3-ubyte" in text and "Keras' download failed: URL fetch failure: no route" in text


def test_without_tensorflow_the_files_are_named(tmp_path: Path) -> None:
    text = refused("mnist")
    assert f"in {tmp_path / 'keras-home' / 'datasets'}" in text
    assert text.endswith("with TensorFlow installed, Keras downloads them")
    assert "Keras" not in refused("svhn"), "Keras has no SVHN"


def test_keras_cache_is_read_without_tensorflow(tmp_path: Path) -> None:
    cache = tmp_path / "keras-home" / "datasets" / "fashion-mnist"
    arrays = write_mnist(cache, packed=True)
    assert np.array_equal(load("fashion_mnist").x_train[..., 0], arrays["train-images-idx3-ubyte"])
    (cache / "t10k-labels-idx1-ubyte.gz").unlink()
    assert "was not found" in refused("fashion_mnist"), "a half-filled cache is left to Keras"


# ---- a user's own file


def user_arrays(**replaced: Any) -> dict[str, Any]:
    return {
        "x_train": images(12, 5, 4, 2),
        "y_train": np.arange(12) % 3,
        "x_test": images(6, 5, 4, 2, seed=1),
        "y_test": np.arange(6) % 3,
    } | replaced


def write_user(tmp_path: Path, **replaced: Any) -> Path:
    path = tmp_path / "mine.npz"
    np.savez(path, **{key: value for key, value in user_arrays(**replaced).items() if value is not None})
    return path


def test_user_file(tmp_path: Path) -> None:
    mine = load(write_user(tmp_path))
    assert (mine.name, mine.classes, mine.input_shape) == ("mine", 3, (5, 4, 2))
    assert np.array_equal(mine.x_train, user_arrays()["x_train"])


def test_user_file_in_friendly_spellings(tmp_path: Path) -> None:
    """Floats on the input grid, wide integers, no channel axis and (N, 1) labels mean what they say."""
    plain = load(write_user(tmp_path, x_train=images(12, 5, 4), x_test=images(6, 5, 4)))
    assert plain.input_shape == (5, 4, 1)
    floats = (images(12, 5, 4) / 256).astype(np.float32)
    columns = (np.arange(12) % 3)[:, None].astype(np.uint8)
    other = load(write_user(tmp_path, x_train=floats, x_test=images(6, 5, 4).astype(np.int64), y_train=columns))
    assert np.array_equal(plain.x_train, other.x_train) and np.array_equal(plain.y_train, other.y_train)
    assert np.array_equal(plain.x_test, other.x_test) and other.x_test.dtype == np.uint8


NAN = np.where(np.arange(12 * 40).reshape(12, 5, 4, 2) == 7, np.nan, 0.5)


@pytest.mark.parametrize(
    ("replaced", "text"),
    [
        ({"y_test": None}, "lacks the array(s) y_test; it needs x_train, y_train, x_test, y_test"),
        ({"x_train": np.array([{}] * 12)}, "cannot be read as .npz (Object arrays cannot be loaded when allow_pickle=False)"),
        ({"x_train": NAN}, "x_train holds 1 value(s) that are NaN or infinite"),
        ({"x_test": np.full((6, 5, 4, 2), np.inf)}, "x_test holds 240 value(s) that are NaN or infinite"),
        ({"x_train": np.full((12, 5, 4, 2), 0.1)}, "x_train holds floats that are no multiples of 1/256 in [0, 1); numpy.clip"),
        ({"x_train": np.ones((12, 5, 4, 2))}, "x_train holds floats that are no multiples of 1/256 in [0, 1)"),
        ({"x_train": np.full((12, 5, 4, 2), -0.5)}, "x_train holds floats that are no multiples of 1/256 in [0, 1)"),
        ({"x_train": np.full((12, 5, 4, 2), 256)}, "pixels of x_train reach from 256 to 256; give uint8 pixels 0..255"),
        ({"x_train": np.full((12, 5, 4, 2), -1)}, "pixels of x_train reach from -1 to -1; give uint8 pixels 0..255"),
        ({"x_train": np.ones((12, 5, 4, 2), bool)}, "x_train is of type bool; give uint8 pixels"),
        ({"x_train": images(12, 40)}, "x_train has shape (12, 40); give (N, H, W, C) or (N, H, W)"),
        ({"x_train": images(0, 5, 4, 2)}, "x_train is empty (shape (0, 5, 4, 2))"),
        ({"x_train": images(12, 5, 0, 2)}, "x_train is empty (shape (12, 5, 0, 2))"),
        ({"x_test": images(6, 4, 5, 2)}, "images of x_train are (5, 4, 2), those of x_test (4, 5, 2)"),
        ({"y_train": np.arange(11) % 3}, "x_train holds 12 images but y_train 11 labels"),
        ({"y_train": np.eye(12)}, "y_train has shape (12, 12); give (N,) class numbers (argmax of one-hot rows)"),
        ({"y_train": np.arange(12) % 3 + 0.5}, "y_train is of type float64; give integer class numbers"),
        ({"y_train": np.arange(12) % 3 - 1}, "labels of y_train reach from -1 to 1, outside 0..1"),
        ({"y_train": np.arange(12) % 3 * 2}, "y_train lacks 2 of 5 classes, the first is 1; number them from 0"),
        ({"y_train": np.arange(12) % 3 + 1}, "y_train lacks 1 of 4 classes, the first is 0; number them from 0"),
        ({"y_train": np.zeros(12, int)}, "labels of y_test reach from 0 to 2, outside 0..1"),
        ({"y_train": np.arange(12) % 3 << 40}, "y_train lacks 2199023255550 of 2199023255553 classes, the first is 1"),
        ({"y_test": np.arange(6) % 4}, "labels of y_test reach from 0 to 3, outside 0..2"),
    ],
)
def test_user_file_with_wrong_content(tmp_path: Path, replaced: dict[str, Any], text: str) -> None:
    path = write_user(tmp_path, **replaced)
    message = refused(path)
    assert message.startswith(str(path)) and text in message


def test_user_file_of_a_single_class(tmp_path: Path) -> None:
    path = write_user(tmp_path, y_train=np.zeros(12, int), y_test=np.zeros(6, int))
    assert "y_train lacks 1 of 2 classes, the first is 1" in refused(path)


def test_user_file_that_is_missing_or_something_else(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    assert refused(path) == f"dataset file {path} does not exist"
    path.write_bytes(b"PK\x03\x04 no archive")
    assert refused(path).startswith(f"{path} cannot be read as .npz (")
    np.save(tmp_path / "one.npy", images(2, 2))
    (tmp_path / "one.npy").rename(path)
    assert refused(path).startswith(f"{path} cannot be read as .npz (")


def test_user_folder(tmp_path: Path) -> None:
    for key, array in user_arrays().items():
        np.save(tmp_path / f"{key}.npy", array)
    mine, packed = load(tmp_path), load(write_user(tmp_path))
    assert mine.name == tmp_path.name and mine.input_shape == packed.input_shape
    assert np.array_equal(mine.x_train, packed.x_train) and np.array_equal(mine.y_test, packed.y_test)
    np.save(tmp_path / "x_test.npy", np.array([{}] * 6))
    assert refused(tmp_path).startswith(f"{tmp_path / 'x_test.npy'} cannot be read as .npy (")
    (tmp_path / "y_test.npy").unlink()
    assert "lacks y_test.npy; it needs x_train.npy, y_train.npy, x_test.npy, y_test.npy" in refused(tmp_path)


# ---- validation split


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    percent=st.integers(5, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_split_is_stratified_complete_and_repeatable(sizes: list[int], percent: int, seed: int) -> None:
    y = np.random.RandomState(1).permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = np.arange(len(y))
    count = round(len(y) * percent / 100)
    if count == 0:
        return
    split = split_validation(x, y, percent / 100, seed)
    assert sorted([*split.x_train, *split.x_validation]) == x.tolist(), "every image once"
    assert len(split.x_validation) == count
    assert np.array_equal(y[split.x_train], split.y_train) and np.array_equal(y[split.x_validation], split.y_validation)
    for label, size in enumerate(sizes):
        share = int((split.y_validation == label).sum())
        assert size * count // len(y) <= share <= size * count // len(y) + 1
    again = split_validation(x, y, percent / 100, seed)
    assert np.array_equal(split.x_validation, again.x_validation)


def test_split_depends_on_the_seed_and_never_changes() -> None:
    y = np.arange(40) % 4
    first = split_validation(np.arange(40), y, 0.2, seed=0).x_validation.tolist()
    assert first != split_validation(np.arange(40), y, 0.2, seed=1).x_validation.tolist()
    assert first == [7, 8, 10, 13, 14, 21, 27, 32]


@pytest.mark.parametrize(
    ("count", "fraction", "text"),
    [
        (10, 0.0, "validation fraction 0.0 is not between 0 and 1"),
        (10, 1.0, "validation fraction 1.0 is not between 0 and 1"),
        (10, float("nan"), "validation fraction nan is not between 0 and 1"),
        (10, 0.01, "validation fraction 0.01 of 10 images is no image; raise it"),
        (9, 0.5, "split_validation got 9 images and 10 labels"),
        (10, 0.9, "class 0 has 2 image(s), all taken by the split; add images or lower the fraction"),
    ],
)
def test_split_that_cannot_be_made(count: int, fraction: float, text: str) -> None:
    with pytest.raises(DatasetError, match=f"^{re.escape(text)}$"):
        split_validation(np.arange(count), np.arange(10) % 5, fraction, seed=0)


def test_dataset_is_frozen() -> None:
    digits: Dataset = load("digits")
    with pytest.raises(AttributeError):
        digits.classes = 3  # type: ignore[misc]


def test_noise_has_every_class_and_is_the_same_for_a_seed() -> None:
    one, two = noise((4, 5, 3), 200, seed=3), noise((4, 5, 3), 200, seed=3)
    assert one.classes == 200 and one.input_shape == (4, 5, 3) and len(one.x_train) == 800 and len(one.x_test) == 16
    np.testing.assert_array_equal(one.x_train, two.x_train)
    assert (one.x_test != noise((4, 5, 3), 200, seed=4).x_test).any()
