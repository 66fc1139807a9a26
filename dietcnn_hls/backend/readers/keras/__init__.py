# SPDX-License-Identifier: Apache-2.0
"""The reader of Keras models, as hls4ml's Keras front end takes them apart."""
