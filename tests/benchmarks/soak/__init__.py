# SPDX-License-Identifier: Apache-2.0
"""Soak: random networks of all kinds through Keras, reference, C++ and RTL until time is up; see `__main__`."""
