"""What the engines have in common whose database is one file: a lock beside it, no replica, nothing that runs alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tools.migrate.filelock import executor_lock


class FileBackend(ABC):
    """These parts of tools.migrate.backend.Backend."""

    path: Path

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int: ...

    @abstractmethod
    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]: ...

    def execute_alone(self, sql: str, *, again: bool = False) -> None:
        self.execute(sql)

    def lock(self) -> AbstractContextManager[None]:
        return executor_lock(self.path)

    def check_lock(self) -> None:
        """A file lock lasts as long as its process: nothing to check."""
        return

    def limit(self, seconds: float) -> None:
        """Neither engine has a limit for a statement."""
        return

    def replica_lag(self) -> float | None:
        """A file has no replica."""
        return None

    def rows(self, table: str) -> int:
        return int(self.query(f"SELECT count(*) FROM {table}")[0][0])
