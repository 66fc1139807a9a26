# SPDX-License-Identifier: Apache-2.0
"""Where a study is kept, and what becomes of the trials of workers that die.

A file (Optuna's journal) serves all workers that see it; a database or Redis serves machines. A worker holds a lock in the
search's folder while it lives, which the kernel drops with it, so workers that see the folder know at once whose trials are
nobody's; databases also record a heartbeat, by which workers elsewhere tell.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dietcnn_hls.errors import ConfigError, OutputError, ToolError
from dietcnn_hls.explore.optuna import load

HEARTBEAT = 60
"""Seconds between two signs of life in a database; after twice as long a worker elsewhere is taken for dead."""

RETRIES = 3
"""How often a trial whose worker died is tried again; one that kills its workers must end."""

WORKER = "worker"
"""Trial attribute: which worker is at it."""

_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_DATABASES = ("sqlite", "postgresql", "mysql", "mariadb", "oracle", "mssql")


def open_storage(place: str, heartbeat: int = HEARTBEAT) -> Any:
    """Optuna's storage at a file's path or at a URL of SQLite, PostgreSQL, MySQL or Redis.

    Raises:
        ConfigError: a URL of another kind.
        ToolError: a driver that is missing, or a server that does not answer.
        OutputError: a file that cannot be written.
    """
    optuna = load()
    kind, separator, rest = place.partition("://")
    family = kind.partition("+")[0]
    if separator and family not in (*_DATABASES, "redis", "rediss"):
        raise ConfigError(f"storage '{hidden(place)}': give a file's path, or a URL of sqlite, postgresql, mysql or redis")
    try:
        if not separator:
            path = Path(place).absolute()
            path.parent.mkdir(parents=True, exist_ok=True)
            return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        if family in ("redis", "rediss"):
            return optuna.storages.JournalStorage(optuna.storages.journal.JournalRedisBackend(place))
        return optuna.storages.RDBStorage(
            f"{_DRIVERS.get(kind, kind)}://{rest}",
            engine_kwargs={"pool_pre_ping": True},  # a server that was restarted in between
            heartbeat_interval=heartbeat,
            grace_period=2 * heartbeat,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(RETRIES),
        )
    except ImportError as error:
        raise ToolError(f"storage '{hidden(place)}' needs a driver that is not installed: {_first_line(error)}") from error
    except OSError as error:
        raise OutputError(f"storage '{hidden(place)}' cannot be used ({error}); choose another") from error
    except Exception as error:
        raise unreachable(place, error) from error


def unreachable(place: str, error: Exception) -> ToolError:
    """What a database says when it does not answer, without a password; `error` itself where it is no database's."""
    if not type(error).__module__.startswith(("sqlalchemy", "optuna", "redis", "psycopg", "pymysql")):
        raise error
    return ToolError(f"storage '{hidden(place)}' does not answer: {_first_line(error)}")


def hidden(place: str) -> str:
    """A storage's place without its password."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", place)


def _first_line(error: Exception) -> str:
    return hidden(str(error).splitlines()[0] if str(error) else type(error).__name__)


class Worker:
    """One worker of a search; use it as a context manager.

    Attributes:
        name: machine, process and a random part.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / ".workers"
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._lock: int | None = None

    def __enter__(self) -> Worker:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / self.name, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._lock is not None
        (self.folder / self.name).unlink(missing_ok=True)
        os.close(self._lock)

    def knows(self, name: str) -> bool:
        """Whether this worker can tell how another one is: both see the folder."""
        return name == self.name or (self.folder / name).exists()

    def dead(self, name: str) -> bool:
        """Whether a worker is known to be dead: its lock is free."""
        if name == self.name or Path(name).name != name:
            return False
        try:
            descriptor = os.open(self.folder / name, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def recover(self, study: Any) -> list[int]:
        """Give the trials of dead workers back; their numbers. A worker that left in order gave its own back."""
        running = study.get_trials(deepcopy=False, states=(load().trial.TrialState.RUNNING,))
        lost = [trial for trial in running if self.dead(trial.user_attrs.get(WORKER, ""))]
        return [trial.number for trial in lost if retry(study, trial)]


def retry(study: Any, trial: Any) -> bool:
    """End a trial that nobody is at, and queue its design again; False where another worker has done so."""
    optuna = load()
    try:
        if not study._storage.set_trial_state_values(trial._trial_id, state=optuna.trial.TrialState.FAIL):
            return False
    except optuna.exceptions.UpdateFinishedTrialError:
        return False
    again(study, study._storage.get_trial(trial._trial_id))
    return True


def again(study: Any, trial: Any) -> None:
    """Queue the design of a failed trial once more."""
    load().storages.RetryHeartbeatStaleTrialCallback(RETRIES)(study, trial)


def take_over_stale(study: Any) -> bool:
    """Queue the designs of workers without a sign of life again; False where the storage keeps no heartbeats."""
    interval = getattr(study._storage, "get_heartbeat_interval", lambda: None)()
    if interval is None:
        return False
    load().storages.fail_stale_trials(study)
    return True


@contextlib.contextmanager
def stated(place: str) -> Iterator[None]:
    """A storage that stops answering ends a search with its name."""
    try:
        yield
    except Exception as error:
        if any(type(one).__module__.startswith(("sqlalchemy", "redis")) for one in (error, error.__cause__)):
            raise unreachable(place, error) from error
        raise


__all__ = [
    "HEARTBEAT",
    "WORKER",
    "Worker",
    "again",
    "hidden",
    "open_storage",
    "retry",
    "stated",
    "take_over_stale",
    "unreachable",
]
