# SPDX-License-Identifier: Apache-2.0
"""One worker of a search by formula, as a process: ``python -m tests.explore.worker FOLDER STORAGE [TRIAL TO HANG IN]``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from dietcnn_hls.explore.figures import measured
from dietcnn_hls.explore.run import work
from dietcnn_hls.explore.rungs import Figures, Rung
from dietcnn_hls.explore.space import parse_space
from tests.explore.spaces import climb, space_data


def main(folder: Path, storage: str, hang: int) -> None:
    space = parse_space(space_data(trials=12, sampler="random"))
    calls = iter(range(1000))

    def slow(rung: Rung) -> tuple[Figures, str]:
        time.sleep(0.05)
        if next(calls) == hang:
            (folder / "hanging").touch()
            time.sleep(600)
        return climb(rung)

    work(space, folder, storage, slow, wanted=measured([*space.objectives, *space.constraints]), heartbeat=1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else -1)
