# SPDX-License-Identifier: Apache-2.0
"""Progress on a real terminal, in a pipe, and never on stdout."""

from __future__ import annotations

import logging
import os
import pty
import subprocess
import sys
import textwrap

import pytest

from dietcnn_hls import progress
from dietcnn_hls.progress import step, track

SCRIPT = """
import time
from dietcnn_hls.progress import step, track
with step("outer [work]"):
    print("result 1")
    with step("inner"):
        for item in track([1, 2, 3], "items"):
            time.sleep(0.15)
    for item in track(iter("ab"), "endless"):
        pass
print("result 2")
"""


def run(stderr: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)],
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        timeout=60,
        check=True,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "100", "FORCE_COLOR": "1"},
    )


def test_in_a_pipe_one_line_a_step_and_no_escape_codes() -> None:
    done = run(subprocess.PIPE)
    assert done.stderr == "outer [work]\ninner\n"
    assert done.stdout == "result 1\nresult 2\n"


def test_on_a_terminal_bars_and_times_and_an_untouched_stdout() -> None:
    ours, theirs = pty.openpty()
    done = run(theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    text = shown.decode()
    assert done.stdout == "result 1\nresult 2\n" and "result" not in text
    assert text.count("outer [work]") > 1, "brackets are text, not markup, in the running line too"
    assert "2/3" in text and "items" in text, "the bar counts while it runs"
    assert "inner (0." in text and "outer [work] (0." in text, "each step says how long it took"
    assert "\x1b[?25h" in text, "the cursor is given back"


def test_track_yields_everything_and_stops_early(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(track(range(4), "x")) == [0, 1, 2, 3]
    assert next(track(iter([7, 8]), "x", total=2)) == 7
    assert capsys.readouterr() == ("", "")


def test_long_loops_say_once_a_minute_how_far_they_are(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    """The clock stands still but for the loop's own steps, of 25 s each."""
    clock = iter(range(0, 10_000, 25))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    assert list(track(range(10), "epochs")) == list(range(10))
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["epochs: 3 of 10, 3 min left", "epochs: 6 of 10, 2 min left", "epochs: 9 of 10"]


def test_lines_are_records_that_an_application_may_take(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    logger = logging.getLogger("dietcnn_hls")
    with step("work"):
        logging.getLogger().info("of others")
    assert capsys.readouterr() == ("", "work\n")
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler(sys.stdout)])
    progress.note("once")
    assert capsys.readouterr() == ("once\n", "")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    logger._cache.clear()
    progress.note("not at all")
    assert capsys.readouterr() == ("", "")
    logger._cache.clear()


def test_step_lets_exceptions_through(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), step("work"):
        raise KeyboardInterrupt
    assert capsys.readouterr() == ("", "work\n")


def test_a_stderr_that_takes_nothing_ends_no_work() -> None:
    with open("/dev/full", "w") as full:
        assert run(full.fileno()).stdout == "result 1\nresult 2\n"
    reader, writer = os.pipe()
    os.close(reader)
    assert run(writer).stdout == "result 1\nresult 2\n"
    os.close(writer)
