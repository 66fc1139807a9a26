# SPDX-License-Identifier: Apache-2.0
"""Programs are started in one place: limited, logged, ended with all that they started, and failures of the start are typed."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dietcnn_hls.errors import OutputError, ToolError
from dietcnn_hls.tools import process


def sh(script: str, **options: object) -> process.Finished:
    return process.run(["/bin/sh", "-c", script], **{"timeout_s": 30.0, **options})  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    """Whether a process runs, other than as a dead one that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(file: Path) -> bool:
    """Whether the process whose number a file holds ends within a few seconds."""
    deadline = time.monotonic() + 5
    while alive(int(file.read_text())):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_what_a_program_says_and_how_it_ends(tmp_path: Path) -> None:
    done = sh("echo out; echo err >&2; cat; pwd; exit 3", folder=tmp_path)
    assert (done.status, done.output, done.errors) == (3, f"out\n{tmp_path}\n", "err\n")
    assert sh("kill -9 $$").status == -signal.SIGKILL
    assert sh(r"printf '\377'").output == "�"


def test_cpu_time_is_the_programs_own() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    assert 0.25 < process.run([sys.executable, "-c", busy], timeout_s=60).cpu_s < 5
    assert sh("sleep 0.2").cpu_s < 0.2


def test_a_log_holds_both_streams_as_they_come(tmp_path: Path) -> None:
    lines: list[str] = []
    text = r"echo one; echo two >&2; printf 'three\r\nfo'; sleep 0.3; printf ur"
    done = sh(text, log=tmp_path / "log", on_line=lines.append)
    assert lines == ["one", "two", "three", "four"]
    assert (tmp_path / "log").read_bytes() == b"one\ntwo\nthree\r\nfour"
    assert done.output == "one\ntwo\nthree\r\nfour" and done.errors == ""


def test_lines_are_handed_out_while_the_program_runs(tmp_path: Path) -> None:
    """The program goes on only when its first line has been seen."""

    def go(_: str) -> None:
        (tmp_path / "go").touch()

    script = "echo ready; while [ ! -e go ]; do sleep 0.01; done"
    assert sh(script, folder=tmp_path, log=tmp_path / "log", on_line=go).status == 0


def test_more_output_than_a_pipe_holds() -> None:
    script = "import sys; sys.stdout.write('x' * 3_000_000); sys.stderr.write('y' * 3_000_000)"
    done = process.run([sys.executable, "-c", script], timeout_s=60)
    assert (len(done.output), len(done.errors)) == (3_000_000, 3_000_000)


def test_a_time_out_ends_the_program_and_its_children(tmp_path: Path) -> None:
    script = "echo begun; sleep 60 & echo $! > child; echo $$ > parent; wait"
    start = time.monotonic()
    with pytest.raises(process.OutOfTime, match=r"^sh did not finish within 0\.5 s and was stopped$") as caught:
        sh(script, folder=tmp_path, timeout_s=0.5)
    assert time.monotonic() - start < 10
    assert caught.value.output == "begun\n" and isinstance(caught.value, ToolError)
    assert gone(tmp_path / "child") and gone(tmp_path / "parent")


def test_children_do_not_outlive_the_program(tmp_path: Path) -> None:
    """A program that ends well and leaves something running neither holds us up nor leaves it behind."""
    start = time.monotonic()
    assert sh("sleep 60 & echo $! > child; echo done", folder=tmp_path).output == "done\n"
    assert time.monotonic() - start < 10
    assert gone(tmp_path / "child")


def test_an_interruption_ends_the_program(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite in the background is handed down SIGINT ignored

    def interrupt() -> None:
        while not (tmp_path / "parent").is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        sh("echo $$ > new; mv new parent; sleep 60", folder=tmp_path)
    thread.join()
    signal.signal(signal.SIGINT, before)
    assert gone(tmp_path / "parent")


def test_what_listens_to_lines_may_fail(tmp_path: Path) -> None:
    def fail(line: str) -> None:
        raise ValueError(line)

    with pytest.raises(ValueError, match="begun"):
        sh("echo $$ > parent; echo begun; sleep 60", folder=tmp_path, log=tmp_path / "log", on_line=fail)
    assert gone(tmp_path / "parent")


def test_programs_that_cannot_start(tmp_path: Path) -> None:
    script = tmp_path / "tool"
    for prepare, reason in (
        (lambda: None, "No such file or directory"),
        (lambda: script.write_text("#!/no/such/interpreter\n"), "Permission denied"),
        (lambda: script.chmod(0o755), "No such file or directory"),
        (lambda: script.write_bytes(b"\x7fELF nonsense"), "Exec format error"),
    ):
        prepare()
        with pytest.raises(process.CannotStart) as caught:
            process.run([script], timeout_s=5)
        assert caught.value.reason == reason
        assert str(caught.value) == f"{script} cannot be started: {reason}. Install it again."


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"the log .*gone/log cannot be written \(No such file or directory\)"):
        sh("echo", log=tmp_path / "gone" / "log")


def test_a_full_disk_is_named_where_a_program_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {str(tmp_path): 4096}
    monkeypatch.setattr(process.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free.get(str(folder), 1 << 40)))
    with pytest.raises(OutputError, match=rf"^sh failed, and the disk of {tmp_path} is full; free some space there$"):
        sh("exit 1", folder=tmp_path)
    assert sh("exit 0", folder=tmp_path).status == 0
    free[tempfile.gettempdir()] = 0
    assert sh("echo word", folder=tmp_path).output == "word\n"
    with pytest.raises(OutputError, match=r"^sh said nothing, and the disk of .* is full"):
        sh("exit 0", folder=tmp_path)
    with pytest.raises(OutputError, match=r"^sh failed, and the disk of .* is full"):
        sh("exit 1")


def test_signals_of_children_that_are_ignored(tmp_path: Path) -> None:
    """Then the system forgets how a program ended, which must not pass for an end without fault."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(ToolError, match="sh ended, but how is lost: this process ignores SIGCHLD"):
            sh("exit 0")
    finally:
        signal.signal(signal.SIGCHLD, before)
