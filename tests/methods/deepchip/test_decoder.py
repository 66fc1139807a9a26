# SPDX-License-Identifier: Apache-2.0
"""The C++ decoder writes the weights that the Python encoder was given, for every dictionary, and notices damage."""

from __future__ import annotations

import importlib.resources
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dietcnn_hls.methods.deepchip.huffman import Compressed, Dictionary, compress

TEMPLATES = Path(str(importlib.resources.files("dietcnn_hls.templates"))) / "hls"
DICTIONARIES = [Dictionary("block", n) for n in range(1, 6)] + [Dictionary("run", n) for n in (1, 4, 33, 64)]
CASES = [(d, groups, outputs) for d in DICTIONARIES for groups, outputs in ((1, 5), (3, 2))]


def weights_of(number: int, groups: int, outputs: int) -> np.ndarray:
    """(outputs, taps), from dense to nearly empty."""
    rng = np.random.default_rng(number)
    zeros = [0.3, 0.8, 0.98][number % 3]
    choice = rng.choice([0, 1, -1], (groups * outputs, 37), p=[zeros, (1 - zeros) / 2, (1 - zeros) / 2])
    return choice.astype(np.int8)


def config(number: int, compressed: Compressed, groups: int, outputs: int) -> str:
    """The members of CONFIG_T that the decoder reads."""
    taps = compressed.shape[1]

    def array(kind: str, name: str, values: np.ndarray) -> str:
        return f"static const {kind} {name}{number}[] = {{{', '.join(map(str, values.tolist()))}}};\n"

    members = {"groups": groups, "n_in": taps, "n_out": outputs, "string_size": compressed.dictionary.size}
    members |= {"n_symbols": len(compressed.lengths), "n_bytes": len(compressed.stream)}
    return (
        array("uint8_t", "lengths", compressed.lengths)
        + array("uint8_t", "stream", compressed.stream)
        + f"struct config{number} {{\n"
        + "".join(f"static const int {name} = {value};\n" for name, value in members.items())
        + f"static const bool runs = {str(compressed.dictionary.kind == 'run').lower()};\n"
        + f"static constexpr const uint8_t (&lengths)[{len(compressed.lengths)}] = lengths{number};\n"
        + f"static constexpr const uint8_t (&stream)[{len(compressed.stream)}] = stream{number};\n}};\n"
    )


def run(folder: Path, configs: list[str]) -> subprocess.CompletedProcess[str]:
    """Compile a program that prints all decoded weights, and run it."""
    source = folder / "decode.cpp"
    source.write_text(
        '#include "nnet_ternary_huffman.h"\n'
        + "".join(configs)
        + "template <class C> void show() {\n    auto &codes = nnet::ternary_weights<C>::all();\n"
        + '    for (auto &group : codes) for (auto &tap : group) for (auto code : tap) std::printf("%d ", code);\n'
        + '    std::printf("\\n");\n}\nint main() {\n'
        + "".join(f"    show<config{number}>();\n" for number in range(len(configs)))
        + "}\n"
    )
    program = folder / "decode"
    subprocess.run(["g++", "-std=c++14", "-Wall", "-Werror", f"-I{TEMPLATES}", source, "-o", program], check=True)
    return subprocess.run([program], capture_output=True, text=True, check=False)


def test_every_dictionary_decodes_to_the_weights_in_lane_order(tmp_path: Path) -> None:
    streams = [compress(weights_of(n, g, o), d) for n, (d, g, o) in enumerate(CASES)]
    done = run(tmp_path, [config(n, s, g, o) for n, (s, (_, g, o)) in enumerate(zip(streams, CASES, strict=True))])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for number, (_, groups, outputs) in enumerate(CASES):
        weights = weights_of(number, groups, outputs)
        codes = np.where(weights < 0, 3, weights).reshape(groups, outputs, -1).transpose(0, 2, 1)
        assert [int(c) for c in lines[number].split()] == codes.ravel().tolist(), CASES[number]


@pytest.mark.parametrize("number", [0, 10])
def test_a_stream_that_ends_early_is_refused(tmp_path: Path, number: int) -> None:
    dictionary, groups, outputs = CASES[number]
    whole = compress(weights_of(0, groups, outputs), dictionary)
    done = run(tmp_path, [config(0, replace(whole, stream=whole.stream[: len(whole.stream) // 2]), groups, outputs)])
    assert done.returncode != 0 and "compressed weights are damaged" in done.stderr
