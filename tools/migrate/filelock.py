"""The executor's lock of a database that is a file: a lock file beside it, held by the operating system.

The lock dies with its process, however that ends, so that a crash leaves nothing to clear by hand; the process id in
the file only tells who is at work.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import Busy, DatabaseError


def lock_path(database: Path) -> Path:
    return database.with_name(database.name + ".oneplan-lock")


@contextmanager
def executor_lock(database: Path) -> Generator[None]:
    """Hold the lock of `database`; Busy, naming the owner's process id, when another process (or we) hold it."""
    path = lock_path(database)
    handle = _acquire(path, database)
    try:
        yield
    finally:
        # Removed while still held: whoever waits on this very file finds it gone and opens the new one.
        path.unlink(missing_ok=True)
        os.close(handle)


def _acquire(path: Path, database: Path) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise DatabaseError(f"cannot make the lock file {path}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise Busy(f"another run is at work on {database} (process {owner}): wait for it to end") from None
        if _still_there(path, handle):
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)


def _still_there(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False
