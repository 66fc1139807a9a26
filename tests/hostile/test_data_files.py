# SPDX-License-Identifier: Apache-2.0
"""Dataset files that were cut, turned bit by bit, or made to fill a memory or to run something: one DatasetError each."""

from __future__ import annotations

import gzip
import io
import pickle
import resource
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dietcnn_hls.data.datasets import load, noise, split_validation
from dietcnn_hls.errors import DatasetError
from tests.data.dataset_builders import images, labels, write_mnist
from tests.data.test_datasets import write_user
from tests.data.test_files import write_cifar10, write_svhn
from tests.hostile.crafted import cuts, flipped, liar, stated, tree

Damage = Callable[[bytes], Iterator[bytes]]


@pytest.fixture(autouse=True)
def little_memory() -> Iterator[None]:
    """What takes four gigabytes more than the suite already has is a bomb that went off."""
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**32, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def ends(data: bytes) -> Iterator[bytes]:
    """The data cut short at sixteen places, a byte more, nothing."""
    for size in np.linspace(0, len(data) - 1, 16).astype(int):
        yield data[:size]
    yield data + b"\0"


def turned(data: bytes) -> Iterator[bytes]:
    rng = np.random.default_rng(len(data))
    for bits in (1, 1, 1, 2, 3, 5, 8) * 3:
        yield flipped(data, rng, bits)


def write_npz(folder: Path) -> None:
    write_user(folder)


FORMATS: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "mnist": (write_mnist, "train-images-idx3-ubyte", "mnist"),
    "mnist.gz": (lambda folder: write_mnist(folder, packed=True), "t10k-images-idx3-ubyte.gz", "mnist"),
    "cifar10": (write_cifar10, "data_batch_2", "cifar10"),
    "svhn": (write_svhn, "train_32x32.mat", "svhn"),
    "npz": (write_npz, "mine.npz", "mine.npz"),
}


@pytest.mark.parametrize("damage", [ends, turned], ids=["cut", "turned"])
@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_files_are_read_as_they_are_or_refused(kind: str, damage: Damage, tmp_path: Path) -> None:
    """A bit that turns within a pixel is another picture; no damage is an exception, and no file is touched."""
    write, file, name = FORMATS[kind]
    write(tmp_path)
    path = tmp_path / file
    refused = 0
    for content in damage(path.read_bytes()):
        path.write_bytes(content)
        before = tree(tmp_path)
        arguments = (str(path),) if kind == "npz" else (name, tmp_path)
        error = stated(lambda arguments=arguments: load(*arguments))
        assert error is None or isinstance(error, DatasetError)
        refused += error is not None
        assert tree(tmp_path) == before
    assert refused >= (15 if damage is ends else kind in ("mnist.gz", "npz"))


def test_an_archive_cut_at_its_seams_or_lying_about_sizes(tmp_path: Path) -> None:
    path = write_user(tmp_path)
    data = path.read_bytes()
    for content in cuts(data):
        path.write_bytes(content)
        assert "cannot be read as .npz (" in refused(path)
    for content in liar(data):  # what is stored unpacked is whole where its checksum is right, whatever size is stated
        path.write_bytes(content)
        stated(lambda: load(path))


# ---- bombs


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(DatasetError) as caught:
        load(*arguments, **options)
    assert len(str(caught.value)) < 600
    return str(caught.value)


def header(shape: str, descr: str = "'|u1'") -> bytes:
    """An ``.npy`` header of any text."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def with_member(path: Path, name: str, content: bytes) -> None:
    """A user's file with one array replaced by any bytes."""
    arrays = {
        "x_train": images(12, 5, 4, 2),
        "y_train": np.arange(12) % 3,
        "x_test": images(6, 5, 4, 2),
        "y_test": np.arange(6) % 3,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for key, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array)
            file.writestr(f"{key}.npy", content if key == name else stream.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        header("(1000000000000, 5, 4, 2)"),
        header("(-1, 5, 4, 2)"),
        header("(12, 5, 4, 2)", "'|O'") + pickle.dumps([1] * 480),
        header("(12, 5, 4, 2)", "[('a', '|O')]"),
        header("(12, 5, 4, 2)", "'<f99'"),
        header("(" * 100 + ")" * 100),
        header("__import__('os').mkdir('trace')"),
        b"\x93NUMPY\x09\x00" + b"\0" * 200,
        b"",
    ],
    ids=["huge", "negative", "objects", "structured", "type", "nested", "call", "version", "empty"],
)
def test_arrays_whose_headers_lie(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.npz"
    with_member(path, "x_train", content)
    assert refused(path).startswith(f"{path} cannot be read as .npz (")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.npz"]


def test_an_archive_that_unpacks_to_more_than_a_memory(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    with_member(path, "x_train", header("(12, 5, 4, 2)"))
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 2**32 - 2)
    path.write_bytes(data)
    assert "cannot be read as .npz" in refused(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ("x_train", "y_train", "x_test", "y_test"):
            info = zipfile.ZipInfo(f"{name}.npy")
            with file.open(info, "w", force_zip64=True) as member:
                member.write(header("(12,)"))
            info.file_size = 2**40
    assert f"unpacks to {4 * 2**40} bytes; the most that a dataset may have are {2**33}" in refused(path)


def test_two_arrays_of_one_name(tmp_path: Path) -> None:
    path = write_user(tmp_path)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("x_train.npy", header("(12, 5, 4, 2)") + b"\0" * 480)
    assert "holds two arrays of one name" in refused(path)


def test_a_gzip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=True)
    path = tmp_path / "train-images-idx3-ubyte.gz"
    sizes = np.array([20, 28, 28], ">u4").tobytes()
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b"\0" * 2**24
    path.write_bytes(
        packer.compress(bytes([0, 0, 8, 3]) + sizes) + b"".join(packer.compress(block) for _ in range(4)) + packer.flush()
    )
    assert "holds more than 15680 bytes where its header states (20, 28, 28)" in refused("mnist", tmp_path)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, 3]) + np.array([2**31, 2**31, 2**31], ">u4").tobytes()))
    assert "states (2147483648, 2147483648, 2147483648) in its header, more than" in refused("mnist", tmp_path)


def array_pickle(shape: bytes, dtype: bytes = b"U\x02u1", data: bytes = b"T\x00\x00\x00\x00") -> bytes:
    """A batch of Python 2 whose array is of any shape and type."""
    kind = b"cnumpy\ndtype\n(" + dtype + b"K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + shape + b"U\x01btR"
    return b"\x80\x02}(U\x04data" + array + b"(K\x01" + shape + kind + b"\x89" + data + b"tbU\x06labels](K\x00eu."


LAUGHS = (
    b"\x80\x02}(U\x04dataK\x00U\x06labels](K\x00"
    + b"".join(b"](" + b"h" + bytes([i]) * 1 + b"h" + bytes([i]) + b"e" + b"q" + bytes([i + 1]) for i in range(3))
    + b"eu."
)


@pytest.mark.parametrize(
    "content",
    [
        array_pickle(b"(M\x01\x00J\x00\x0c\x00\x00t"),
        array_pickle(b"(J\xff\xff\xff\x7fM\x00\x0ct"),
        array_pickle(b"(J\xff\xff\xff\xffM\x00\x0ct"),
        array_pickle(b"(U\x01aM\x00\x0ct"),
        array_pickle(b"(K\x01M\x00\x0ct", b"U\x01O"),
        array_pickle(b"(K\x01M\x00\x0ct", b"](K\x00e"),
        array_pickle(b"(K\x01M\x00\x0ct", data=b"](K\x00e"),
        b"\x80\x02cnumpy\nload\n.",
        b"\x80\x02cbuiltins\neval\n(X\x04\x00\x00\x001+1;tR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02cdietcnn_hls.data.files\n_Array\n.",
        b"\x80\x02(" * 30000 + b"t.",
        pickle.dumps({b"data": 3, b"labels": [[0] * 10] * 10}),
        LAUGHS,
    ],
    ids=[
        "short",
        "huge",
        "negative",
        "text",
        "objects",
        "list type",
        "list",
        "load",
        "eval",
        "system",
        "own",
        "deep",
        "labels",
        "laughs",
    ],
)
def test_batches_that_would_run_or_fill_something(content: bytes, tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    (tmp_path / "data_batch_1").write_bytes(content)
    before = tree(tmp_path)
    assert "data_batch_1 is no CIFAR-10 batch" in refused("cifar10", tmp_path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("wrong", [[10], [-1], [True], [0.5], [None], "0123456789", {0: 1}, [2**70]])
def test_labels_of_a_batch_that_are_no_class_numbers(wrong: Any, tmp_path: Path) -> None:
    write_cifar10(tmp_path, lambda data, _: pickle.dumps({b"data": data, b"labels": wrong}, protocol=2))
    assert "its labels are no list of class numbers 0..9" in refused("cifar10", tmp_path)


# ---- what a user's arrays may be


@pytest.mark.parametrize(
    "replaced, text",
    [
        ({"x_train": images(12, 5, 4, 2) / 255}, "they are pixels / 255: give numpy.rint(x * 255).astype('uint8')"),
        (
            {"x_train": images(12, 5, 4, 2) * 1.0},
            "they are pixels 0..255: give x.astype('uint8') (476 of 480 values, the first at",
        ),
        (
            {"x_train": np.linspace(-1, 1, 480).reshape(12, 5, 4, 2)},
            "the first at (0, 0, 0, 0) is -1.0; they reach from -1.0 to 1.0",
        ),
        ({"x_train": np.full((12, 5, 4, 2), "a")}, "x_train is of type <U1"),
        ({"x_train": np.zeros((12, 5, 4, 2), "M8[s]")}, "x_train is of type datetime64[s]"),
        ({"x_train": np.zeros((12, 5, 4, 2), [("a", "u1")])}, "x_train is of type [('a', 'u1')]"),
        ({"x_train": np.zeros((12, 5, 4, 2), complex)}, "x_train is of type complex128"),
        ({"x_train": np.float32(3)}, "x_train has shape ()"),
        ({"x_train": np.zeros((12, 5, 4, 2, 1), np.uint8)}, "x_train has shape (12, 5, 4, 2, 1)"),
        ({"y_train": labels(12).astype("f4")}, "y_train is of type float32; give integer class numbers"),
        ({"y_train": np.full(12, np.nan)}, "y_train is of type float64; give integer class numbers"),
        ({"y_train": np.array(["cat"] * 12)}, "y_train is of type <U3; give integer class numbers"),
        ({"y_train": np.full(12, 2**63, np.uint64)}, "labels of y_train reach from -9223372036854775808"),
        (
            {"y_test": np.eye(3, dtype=int)[np.arange(6) % 3]},
            "y_test has shape (6, 3); give (N,) class numbers (argmax of one-hot rows)",
        ),
        ({"y_test": np.int64(3)}, "y_test has shape ()"),
    ],
)
def test_wrong_arrays_are_told_what_is_wrong(replaced: dict[str, Any], text: str, tmp_path: Path) -> None:
    assert text in refused(write_user(tmp_path, **replaced))


@pytest.mark.parametrize("name", ["", "a\0.npz", "x\n.npz", 3, None, b"mnist", ["mnist"]])
def test_names_that_are_none(name: Any) -> None:
    assert "is no name and no path" in refused(name) or "is not known" in refused(name)


def test_a_folder_or_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.npz").mkdir()
    assert "does not exist" in refused(tmp_path / "x.npz")
    (tmp_path / "null.npz").symlink_to("/dev/zero")
    assert "does not exist" in refused(tmp_path / "null.npz")
    assert "is not a folder" in refused("mnist", tmp_path / "a\0b")


def test_sizes_that_fill_a_memory_are_refused_before_it(tmp_path: Path) -> None:
    assert "of shape (100000, 100000, 2) take 360000000000 bytes" in refused(write_user(tmp_path), pad=100000)
    for shape, classes in (((10**5, 10**5, 3), 10), ((8, 8, 1), 10**9)):
        with pytest.raises(DatasetError, match=r"images of 'noise' of shape .* take \d+ bytes"):
            noise(shape, classes, 1)


@pytest.mark.parametrize("seed", [-1, 2**32, 99999999999])
def test_seeds_beyond_32_bits(seed: int) -> None:
    with pytest.raises(DatasetError, match=rf"seed {seed} does not lie in 0..4294967295"):
        noise((8, 8, 1), 10, seed)
    with pytest.raises(DatasetError, match=rf"seed {seed}"):
        split_validation(images(20, 3), labels(20), 0.5, seed)
