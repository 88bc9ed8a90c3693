"""The knowledge store: one DuckDB file, opened for as short as possible so that two terminals can work with it.

DuckDB lets one process hold a file. `open` therefore waits for the other one up to a bound, and all threads of this
process take turns. Within one thread it nests: the inner block shares the outer one's connection and transaction.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any

from knowledge import checkpoint, engine, migrations
from knowledge.checkpoint import Held
from tools.errors import Busy, OneplanError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

DEFAULT_WAIT = 10.0
"""Seconds to wait for another process or thread that holds the store."""


@dataclass
class _Turn:
    """Whose turn it is with one file in this process."""

    lock: Any = field(default_factory=RLock)
    connection: DuckDBPyConnection | None = None
    searching: bool = False
    in_transaction: bool = False


_turns: dict[Path, _Turn] = {}
_turns_lock = Lock()


class Store:
    """The store at `path`, made on first use. `wait`: seconds to wait while it is held, then tools.errors.Busy."""

    def __init__(self, path: Path, *, wait: float = DEFAULT_WAIT) -> None:
        self.path = path.absolute()
        self.wait = wait
        with _turns_lock:
            self._turn = _turns.setdefault(self.path.resolve(), _Turn())

    @contextmanager
    def open(self, *, search: bool = False) -> Generator[DuckDBPyConnection]:
        """A connection, closed again at the end of the outermost block. `search` brings the full-text functions.

        Raises Busy when another process or thread holds the store beyond the bound, OneplanError when the file is no
        store or comes from a newer version.
        """
        turn = self._turn
        started = time.monotonic()
        if not turn.lock.acquire(timeout=self.wait):
            raise Busy(f"{self.path} is in use by another task of this program: try again in a moment")
        try:
            if turn.connection is not None:
                if search and not turn.searching:
                    raise RuntimeError("search functions must be asked for by the outermost open()")
                yield turn.connection
                return
            left = self.wait - (time.monotonic() - started)
            connection = self._connect(search, left)
            turn.connection, turn.searching = connection, search
            try:
                with engine.in_plain_words(self.path):
                    yield connection
            finally:
                turn.connection = None
                checkpoint.close(self.path, connection)
        finally:
            turn.lock.release()

    @contextmanager
    def transaction(self, *, search: bool = False) -> Generator[DuckDBPyConnection]:
        """All that is executed inside commits together, or not at all; an inner block joins the outer one's."""
        with self.open(search=search) as connection:
            if self._turn.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            self._turn.in_transaction = True
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                engine.roll_back(connection)
                raise
            finally:
                self._turn.in_transaction = False

    def _connect(self, search: bool, wait: float) -> DuckDBPyConnection:
        if not self.path.exists():
            self._create()
        deadline = time.monotonic() + wait
        while True:
            try:
                connection = engine.connect(self.path, search=search)
            except Held as error:
                if time.monotonic() >= deadline:
                    raise Busy(
                        f"{self.path} is held by another process{error.holder}: waited {self.wait:g} s; "
                        "let it finish, or end it, and try again"
                    ) from None
                time.sleep(random.uniform(0.01, 0.06))
                continue
            try:
                with engine.in_plain_words(self.path):
                    migrations.migrate(connection, str(self.path))
            except BaseException:
                connection.close()
                raise
            return connection

    def _create(self) -> None:
        # Made whole under another name, then linked: a process killed half way leaves no file that looks like a store,
        # and of two that start at once one wins and the other uses its store.
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder = tempfile.TemporaryDirectory(prefix=".store-", dir=self.path.parent)
        except OSError as error:
            raise OneplanError(f"{self.path}: the store cannot be made here: {error.strerror}") from error
        with folder as name:
            new = Path(name) / "new.duckdb"
            connection = engine.connect(new)
            try:
                with engine.in_plain_words(self.path):
                    migrations.migrate(connection, str(self.path))
            finally:
                checkpoint.close(new, connection)
            _put(new, self.path)


def _put(new: Path, path: Path) -> None:
    """Give `new` the name `path` unless something has it already."""
    try:
        os.link(new, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not path.exists():
            new.rename(path)
