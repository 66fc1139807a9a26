# SPDX-License-Identifier: Apache-2.0
"""Parts are found by every spelling of their names, with the vendor's capacities; unknown ones get a suggestion."""

from __future__ import annotations

import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.hardware.parts import PARTS, Part, family, lookup


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("xc7vx485t-ffg1157-1", Part("xc7vx485t", "xc7", 303_600, 607_200, 2_800, 2_060, 0)),
        ("xc7z020clg400-1", Part("xc7z020", "xc7", 53_200, 106_400, 220, 280, 0)),
        ("xczu9eg-ffvb1156-2-e", Part("xczu9eg", "xcup", 274_080, 548_160, 2_520, 1_824, 0)),
        ("xcvu13p-flga2577-2-e", Part("xcvu13p", "xcup", 1_728_000, 3_456_000, 12_288, 5_376, 1_280)),
        ("xcku060-ffva1156-1-c", Part("xcku060", "xcu", 331_680, 663_360, 2_760, 2_160, 0)),
    ],
)
def test_known_parts(name: str, expected: Part) -> None:
    assert lookup(name) == expected
    assert family(name) == expected.family


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("xa7a100t-csg324-1Q", "xc7a100t"),
        ("XC7Z010CLG225-1", "xc7z010"),
        ("xc7a35ticsg324-1L", "xc7a35t"),
        ("xcu250-figd2104-2L-e", "xcu250"),
        ("xczu3eg-sbva484-1-e", "xczu3eg"),
        ("xck26-sfvc784-2LV-c", "xck26"),
        ("xc7z045", "xc7z045"),
    ],
)
def test_spellings(name: str, device: str) -> None:
    assert lookup(name).device == device


@pytest.mark.parametrize("name", ["xc7z021clg400-1", "xc7z0200clg400-1", "xc7z020!", "ice40", ""])
def test_unknown_parts_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="Unknown part"):
        lookup(name)


def test_suggestion_names_the_nearest_device() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'xc7z020'"):
        lookup("xc7z02-1")


def test_table_is_plausible() -> None:
    """A mistyped row would break the monotone growth inside a family or leave a zero."""
    for part in PARTS.values():
        assert part.ff == 2 * part.lut > 0
        assert part.dsp > 0 and part.bram18 > 0 and part.uram >= 0
        assert part.uram == 0 or part.family == "xcup"
        assert part.capacity()["bram18"] == part.bram18
    for series in (["xc7a12t", "xc7a35t", "xc7a100t", "xc7a200t"], ["xc7z010", "xc7z020", "xc7z045", "xc7z100"]):
        luts = [PARTS[device].lut for device in series]
        assert luts == sorted(luts)
