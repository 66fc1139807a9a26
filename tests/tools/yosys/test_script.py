# SPDX-License-Identifier: Apache-2.0
"""The script says what each flow does, and holds parameter values as Yosys reads them."""

from __future__ import annotations

import pytest

from dietcnn_hls.errors import ConfigError
from dietcnn_hls.tools.yosys.script import synthesis_script


def script(**changes: object) -> list[str]:
    arguments = {"family": "xc7", "flow": "carry", "dsp": True, "shift_registers": True, **changes}
    parameters = arguments.pop("parameters", {})
    return synthesis_script(["s0/a.sv", "s1/b.sv"], "net", parameters, **arguments).splitlines()  # type: ignore[arg-type]


def test_flows_differ_in_the_carry_map_only() -> None:
    carry, default = script(), script(flow="default")
    assert [line for line in carry if line not in default] == ["techmap -map carry.v t:$add t:$sub t:$mul"]
    assert [line for line in carry if line in default] == default
    assert default[0] == "read_verilog -sv -defer -I. -D DIETCNN_CARRY4 s0/a.sv s1/b.sv"
    assert default[1] == "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top net -run begin:coarse"


def test_options() -> None:
    assert (
        "-family xcup -flatten -noiopad -noclkbuf -nodsp -nosrl -top net"
        in script(family="xcup", dsp=False, shift_registers=False)[1]
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (True, "1"),
        ((1 << 31) - 1, "2147483647"),
        (1 << 31, "32'h80000000"),
        (0x1_2345_6789, "33'h123456789"),
        (-1, "32'sb" + 32 * "1"),
        (-5, "32'sb" + 29 * "1" + "011"),
        ("mem/conv1.mem", '"mem/conv1.mem"'),
        ("", '""'),
    ],
)
def test_parameter_values(value: int | str, text: str) -> None:
    assert script(parameters={"P": value})[1] == f"chparam -set P {text} $abstract\\net"


@pytest.mark.parametrize("value", ["a b", 'a"', "a;b", "a\nb", "$x", "ü"])
def test_unsafe_text_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="parameter P: text"):
        script(parameters={"P": value})
