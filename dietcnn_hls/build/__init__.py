# SPDX-License-Identifier: Apache-2.0
"""Who does what, when: a build is a list of stages, each of which says what it needs; what is done already is not done again."""

from dietcnn_hls.build.request import Request, make_request
from dietcnn_hls.build.run import LAST, build, stage_names

__all__ = ["LAST", "Request", "build", "make_request", "stage_names"]
