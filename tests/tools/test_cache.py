# SPDX-License-Identifier: Apache-2.0
"""Entries of the cache are whole or absent, made once however many want them, and made again where they are damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dietcnn_hls.errors import OutputError, ToolError
from dietcnn_hls.tools import cache


def whole(folder: Path) -> bool:
    return (folder / "value").is_file()


def write(folder: Path) -> None:
    assert list(folder.iterdir()) == []
    (folder / "value").write_text("1")


def test_an_entry_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        write(folder)

    places = {cache.entry("kind", "key", make, whole, tmp_path) for _ in range(3)}
    assert places == {tmp_path / "kind" / "key"} and len(made) == 1
    assert not made[0].exists()
    assert [path.name for path in (tmp_path / "kind").iterdir()] == ["key"]


def test_the_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("DIETCNN_CACHE", raising=False)
    assert cache.root() == tmp_path / "xdg" / "dietcnn_hls"
    monkeypatch.setenv("DIETCNN_CACHE", str(tmp_path / "mine"))
    assert cache.entry("kind", "key", write, whole) == tmp_path / "mine" / "kind" / "key"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "value").write_text("half")
        raise ToolError("no luck")

    with pytest.raises(ToolError, match="no luck"):
        cache.entry("kind", "key", fail, whole, tmp_path)
    assert list((tmp_path / "kind").iterdir()) == []
    assert whole(cache.entry("kind", "key", write, whole, tmp_path))


def test_a_damaged_entry_is_made_again(tmp_path: Path) -> None:
    place = cache.entry("kind", "key", write, whole, tmp_path)
    (place / "value").rename(place / "other")
    cache.entry("kind", "key", write, whole, tmp_path)
    assert [path.name for path in place.iterdir()] == ["value"]
    assert [path.name for path in place.parent.iterdir()] == ["key"]


def test_who_wants_the_same_entry_waits_for_it(tmp_path: Path) -> None:
    made: list[Path] = []

    def slow(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.1)
        write(folder)

    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda _: cache.entry("kind", "key", slow, whole, tmp_path), range(8)))
    assert len(made) == 1 and set(places) == {tmp_path / "kind" / "key"}
    assert [path.name for path in (tmp_path / "kind").iterdir()] == ["key"]


def test_different_entries_are_made_at_once(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)

    def meet(folder: Path) -> None:
        both.wait()
        write(folder)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda key: cache.entry("kind", key, meet, whole, tmp_path), "ab"))


KILLED = """
import sys, time
from pathlib import Path
from dietcnn_hls.tools import cache

def make(folder):
    (folder / "value").write_text("half")
    print("making", flush=True)
    time.sleep(60)

cache.entry("kind", "key", make, lambda folder: (folder / "value").is_file(), Path(sys.argv[1]))
"""


def test_a_killed_process_leaves_no_entry(tmp_path: Path) -> None:
    maker = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert maker.stdout is not None and maker.stdout.readline() == "making\n"
    os.kill(maker.pid, signal.SIGKILL)
    maker.communicate()
    kind = tmp_path / "kind"
    assert sorted(path.name for path in kind.iterdir()) == [".key.lock", ".key.partial"]
    cache.entry("kind", "other", write, whole, tmp_path)
    assert [path.name for path in kind.iterdir()] == ["other"], "who makes another entry clears it away"
    assert whole(cache.entry("kind", "key", write, whole, tmp_path))


def test_what_another_makes_is_not_cleared_away(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        cache.entry("kind", "inner", write, whole, tmp_path)
        write(folder)

    assert whole(cache.entry("kind", "outer", make, whole, tmp_path))
    assert sorted(path.name for path in (tmp_path / "kind").iterdir()) == ["inner", "outer"]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    place = tmp_path / "file"
    for text in "ab":
        cache.publish(place, lambda new, text=text: new.write_text(text) and None)  # type: ignore[misc]
        assert (place.read_text(), list(tmp_path.iterdir())) == (text, [place])

    def fail(new: Path) -> None:
        new.write_text("half")
        raise ToolError("no luck")

    with pytest.raises(ToolError, match="no luck"):
        cache.publish(place, fail)
    assert (place.read_text(), list(tmp_path.iterdir())) == ("b", [place])
    with pytest.raises(OutputError, match=r"gone/file cannot be written \(No such file or directory\)"):
        cache.publish(tmp_path / "gone" / "file", fail)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = r"the cache .*/file cannot be written \(Not a directory\); name another folder in DIETCNN_CACHE"
    with pytest.raises(OutputError, match=text):
        cache.entry("kind", "key", write, whole, tmp_path / "file")
