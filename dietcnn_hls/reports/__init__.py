# SPDX-License-Identifier: Apache-2.0
"""Reports: what a build measured (`sections`, `model`), and designs side by side (`compare`, `metrics`, `accuracy`), in print
(`render`, `plots`), on a page (`page`, `verdict`, `beside`) and in the terminal (`terminal`).

This room knows no tool and no build. Importing it loads neither matplotlib nor jinja2 nor plotly; only `plots` and `page` need
them.
"""
