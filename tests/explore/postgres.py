# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own, on a socket in its own folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


def binaries() -> Path | None:
    """The folder of the server's programs, which Debian leaves off PATH; None where there are none."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((folder for folder in reversed(folders) if (folder / "postgres").exists()), None)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start a server and give its URL; as root it runs as another user, because it refuses to be root."""
    programs = binaries()
    assert programs is not None
    who = {"user": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        if who:
            shutil.chown(folder, "postgres")
        data = f"{folder}/data"
        initdb = [programs / "initdb", "-D", data, "-U", "tester", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **who)  # type: ignore[call-overload]
        options = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={folder}", "-c", "fsync=off"]
        log = Path(folder, "log").open("wb")
        process = subprocess.Popen([programs / "postgres", "-D", data, *options], cwd=folder, stderr=log, **who)  # type: ignore[call-overload]
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([programs / "pg_isready", "-q", "-h", folder]).returncode:
                assert process.poll() is None and time.monotonic() < deadline, Path(folder, "log").read_text()
                time.sleep(0.1)
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            process.send_signal(signal.SIGINT)  # fast: clients that are still there are cut off
            process.wait(60)
            log.close()
