"""What a step does to others while it runs, measured on the shadow: which locks it holds and for how long, which tables
are written anew, how long its longest batch takes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tools.migrate.backend import Backend
from tools.plan.impact import FILE, WHOLE

_STRONG = {
    "AccessExclusiveLock": "ACCESS EXCLUSIVE", "ExclusiveLock": "EXCLUSIVE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE", "ShareLock": "SHARE",
}  # fmt: skip
"""The locks of Postgres that keep writers of a table out, the first of them readers too."""
_HELD = """
    SELECT l.mode, CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind IN ('r', 'p') AND n.nspname NOT IN
    ('oneplan', 'pg_catalog', 'information_schema', 'pg_toast') ORDER BY 2, 1"""
_FILES = """
    SELECT c.oid::bigint, CASE n.nspname WHEN 'public' THEN c.relname ELSE n.nspname || '.' || c.relname END,
    c.relfilenode::bigint FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname NOT IN ('oneplan', 'pg_catalog', 'information_schema', 'pg_toast')"""


@dataclass
class Measured:
    """One step so far. locks: `ACCESS EXCLUSIVE on agents`; locked: seconds from the first statement that held one to
    the end of its transaction; rewrites: tables; batch: seconds of the longest batch."""

    locks: tuple[str, ...] = ()
    locked: float = 0.0
    rewrites: tuple[str, ...] = ()
    batch: float = 0.0


class Measuring:
    """Listens to a migration's steps, on its own connection. `backend` is set once the migration has one."""

    def __init__(self) -> None:
        self.backend: Backend | None = None
        self._steps: dict[str, Measured] = {}
        self._last = self._held_since = 0.0
        self._files: dict[int, tuple[str, int]] = {}

    def of(self, step_id: str) -> Measured:
        return self._steps.get(step_id, Measured())

    def tell(self, stage: str, step_id: str) -> None:
        """An observer of tools.migrate.results. Rows of the shadow's tables are there from before the step."""
        now, found = time.perf_counter(), self._steps.setdefault(step_id, Measured())
        if stage == "backed_up":
            self._files, self._held_since = self._look_at_files(), 0.0
        elif stage == "executed":
            self._executed(found)
        elif stage == "written" and self._postgres:
            found.rewrites = tuple(sorted(
                name for oid, (name, file) in self._look_at_files().items()
                if oid in self._files and self._files[oid][1] != file
            ))  # fmt: skip
        elif stage == "committed" and self._held_since:
            found.locked = round(now - self._held_since, 4)
        elif stage == "batch":
            found.batch = round(max(found.batch, now - self._last), 4)
        self._last = time.perf_counter()

    @property
    def _postgres(self) -> bool:
        return self.backend is not None and self.backend.dialect == "postgres"

    def _executed(self, found: Measured) -> None:
        if self.backend is None:
            return
        if not self._postgres:
            found.locks = (FILE if self.backend.dialect == "duckdb" else WHOLE,)
            self._held_since = self._held_since or self._last
            return
        there = {name for name, _ in self._files.values()}
        held = [(mode, name) for mode, name in self.backend.query(_HELD) if mode in _STRONG and name in there]
        if held:
            found.locks = tuple(f"{_STRONG[mode]} on {name}" for mode, name in held)
            self._held_since = self._held_since or self._last

    def _look_at_files(self) -> dict[int, tuple[str, int]]:
        if self.backend is None or not self._postgres:
            return {}
        return {int(oid): (str(name), int(file)) for oid, name, file in self.backend.query(_FILES)}
