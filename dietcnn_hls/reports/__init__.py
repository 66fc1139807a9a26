# SPDX-License-Identifier: Apache-2.0
"""Reports: one model of what a build measured (`model`), the tools' reports read into it (`vitis`, `vitis_report`),
estimates (`estimate`, `memory`, `energy`, `parts`), and comparisons (`compare`, `render`, `plots`).

Importing this package loads neither matplotlib nor jinja2; only `plots` and `Comparison.to_html` need them.
"""
