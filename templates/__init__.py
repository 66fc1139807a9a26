# SPDX-License-Identifier: Apache-2.0
"""C++ HLS headers (hls/) and SystemVerilog modules (rtl/); data only."""
