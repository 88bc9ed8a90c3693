"""A checkpoint that no killed process and no full disk can tear.

DuckDB writes its blocks of metadata in place: a process killed within such a write, or a disk that is full then,
leaves a file with a block whose checksum is wrong (1.5.5; one in some hundred kills while files are closed). So the
store's changes stay in its log while it is open; when it is closed they are brought into the file with a copy of both
beside them (`NAME.guard/`) until that is done. Whoever finds that copy, and nobody at work on it, puts it back: it is
the store just before, with all that was committed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SETTINGS = {"wal_autocheckpoint": "1TB", "auto_checkpoint_skip_wal_threshold": str(2**62)}
"""With these DuckDB makes no checkpoint by itself while the file is open; PRAGMA disable_checkpoint_on_shutdown is for
its end."""
_FILE, _LOG = "file", "log"
_PIECE = 1 << 20


class Held(Exception):
    """Another process holds the file. `holder` is ` (pid N)` or nothing."""

    def __init__(self, holder: str) -> None:
        self.holder = holder
        super().__init__(holder)


def is_guarded(path: Path) -> bool:
    """Whether a checkpoint of the store at `path` was begun and is not finished."""
    return _guard(path).exists()


def close(path: Path, connection: DuckDBPyConnection) -> None:
    """Bring the log into the file, and close. What was committed is kept, whatever happens on the way.

    Where there is no room for the copy, or DuckDB cannot finish, the changes stay in the log for another time.
    """
    import duckdb

    opened: list[int] = []
    try:
        with suppress(OSError, duckdb.Error):
            if _log(path).exists() and _log(path).stat().st_size:
                with _guarded(path, opened):
                    connection.execute("CHECKPOINT")
    finally:
        connection.close()
        # To close any of our handles of a file lets go the lock that DuckDB has on it: not before DuckDB has.
        for handle in opened:
            os.close(handle)
    with suppress(Held, OSError):  # whoever opens it next mends it
        mend(path)


def mend(path: Path) -> None:
    """Put the store back as it was before a checkpoint that was not finished. Raises Held while that is at work."""
    try:
        handle = os.open(_guard(path), os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Held("") from None
        if _is_at(_guard(path), handle):
            _put_back(path)
    finally:
        os.close(handle)


def _put_back(path: Path) -> None:
    """By renaming, which needs no room, and can be gone on with: what has been moved is not there any more."""
    for more in (".checkpoint", ".recovery"):
        _log(path).with_name(_log(path).name + more).unlink(missing_ok=True)
    for kept, place in ((_FILE, path), (_LOG, _log(path))):
        with suppress(FileNotFoundError):
            (_guard(path) / kept).replace(place)
    _sync(path.parent)
    _drop(path)


@contextmanager
def _guarded(path: Path, opened: list[int]) -> Generator[None]:
    """With a copy beside the store, locked while we live; it stays when the block is left by an error.

    opened: takes the handles of the store's files, for the caller to close.
    """
    new = path.with_name(f"{path.name}.guard-new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    handle = os.open(new, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for kept, place in ((_FILE, path), (_LOG, _log(path))):
            _copy(place, new / kept, opened)
        os.fsync(handle)
        new.rename(_guard(path))
        _sync(path.parent)
        yield
        _drop(path)
    finally:
        shutil.rmtree(new, ignore_errors=True)
        os.close(handle)


def _copy(source: Path, target: Path, opened: list[int]) -> None:
    opened.append(os.open(source, os.O_RDONLY | os.O_CLOEXEC))
    with target.open("xb") as file:
        while piece := os.read(opened[-1], _PIECE):
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())


def _drop(path: Path) -> None:
    """At once, by a rename: half a copy must never be found."""
    old = path.with_name(f"{path.name}.guard-old")
    shutil.rmtree(old, ignore_errors=True)
    _guard(path).rename(old)
    shutil.rmtree(old, ignore_errors=True)


def _is_at(path: Path, handle: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _guard(path: Path) -> Path:
    return path.with_name(f"{path.name}.guard")


def _log(path: Path) -> Path:
    return path.with_name(f"{path.name}.wal")
