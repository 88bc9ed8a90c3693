"""What a step does to the tables it touches, and to those who use them: the lock that it takes and whom it keeps out,
what is written anew, what is walked over; and how large and how busy each table is. From the statements and the facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tools.location import Dialect
from tools.plan.facts import Facts
from tools.plan.judge import REWRITING, SCANNING, fired, is_own, settled
from tools.plan.model import Plan, Step
from tools.plan.statement import Effect, Verb, effects, parse, table_name

ACCESS_EXCLUSIVE, SHARE_ROW, SHARE = "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE", "SHARE"
SHARE_UPDATE, ROW = "SHARE UPDATE EXCLUSIVE", "ROW EXCLUSIVE"
WHOLE, FILE = "write lock on the database", "lock on the file"
"""SQLite's, and DuckDB's, whose file is open in one process alone: others can neither write nor read."""
BLOCKS = {
    FILE: "all other processes",
    ACCESS_EXCLUSIVE: "readers and writers", SHARE_ROW: "writers", SHARE: "writers", WHOLE: "all other writers",
    SHARE_UPDATE: "nobody but other changes of the table", ROW: "writers of the same rows", "": "nobody",
}  # fmt: skip
"""Whom each lock keeps out while it is held; the strongest first."""
_LOCKS: Mapping[Verb, str] = {
    Verb.CREATE_INDEX: SHARE, Verb.CREATE_INDEX_CONCURRENTLY: SHARE_UPDATE, Verb.VALIDATE: SHARE_UPDATE,
    Verb.ATTACH: SHARE_UPDATE,
    Verb.ADD_FOREIGN_KEY: SHARE_ROW, Verb.CREATE_TRIGGER: SHARE_ROW, Verb.WRITE: ROW, Verb.DELETE: ROW,
}  # fmt: skip
_NONE = frozenset({Verb.CREATE_TABLE, Verb.CREATE_VIEW, Verb.DROP_OTHER})


@dataclass(frozen=True)
class Impact:
    """One table under one step. lock: the strongest that the step takes on it ("": none), blocks: whom that keeps out.
    scans: all rows are walked over. fires: triggers of the users' that run. The rest is the table's facts, as far as
    the database was asked."""

    table: str
    lock: str = ""
    blocks: str = ""
    rewrites: bool = False
    scans: bool = False
    fires: tuple[str, ...] = ()
    rows: int | None = None
    bytes: int | None = None
    reads: int | None = None
    writes: int | None = None
    since: str = ""
    dependants: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        held = f"{self.lock} keeps {self.blocks} out" if self.lock and self.lock != ROW else "no table lock"
        parts = [held, *(["written anew"] if self.rewrites else []), *(["walked over"] if self.scans else [])]
        parts += [f"fires {', '.join(self.fires)}"] if self.fires else []
        return f"{self.table}: {', '.join(parts)}" + (f" ({self.size})" if self.size else "")

    @property
    def size(self) -> str:
        """`about 1,200,000 rows, 340 MB, 51,200 reads and 310 writes so far, under active_agents`."""
        if self.rows is None:
            return ""
        parts = [f"about {self.rows:,} rows"]
        parts += [_bytes(self.bytes)] if self.bytes else []
        if self.reads is not None:
            when = f"since {self.since}" if self.since else "counted so far"
            parts.append(f"{self.reads:,} reads and {self.writes or 0:,} written rows {when}")
        parts += [f"{', '.join(self.dependants)} lean on it"] if self.dependants else []
        return ", ".join(parts)


def impacts(step: Step, dialect: Dialect, facts: Facts | None = None) -> tuple[Impact, ...]:
    """One entry for each table that is there before the step and that its SQL locks, writes or walks over."""
    done = _effects(step, dialect)
    made, anew = _made(done), _made_anew(done)
    found: dict[str, Impact] = {}
    for effect in done:
        for table, lock in _locks(effect, dialect):
            if table and table not in made and not is_own(table):
                found[table] = _stronger(found.get(table, Impact(table)), effect, lock)
    for table in scanned(step, dialect):
        found[table] = replace(found.get(table, Impact(table)), scans=True)
    found = {table: replace(i, rewrites=i.rewrites or table in anew) for table, i in found.items()}
    return tuple(_with_facts(impact, facts, done) for impact in found.values())


def impacts_of(plan: Plan, facts: Facts | None = None) -> dict[str, tuple[Impact, ...]]:
    """The impacts of every step that has any, by step id."""
    found = {step.id: impacts(step, plan.dialect, facts) for step in plan.steps}
    return {step: touched for step, touched in found.items() if touched}


def scanned(step: Step, dialect: Dialect) -> tuple[str, ...]:
    """The tables whose rows a step walks over, one and all, so that its time grows with them."""
    done = _effects(step, dialect)
    made = _made(done)
    found = [e.table for e in done if e.verb in SCANNING] + [table for e in done for table in e.reads]
    found += [table for check in step.checks for table in _read_by(check.sql, dialect)]
    if step.operation in ("baseline", "proof"):
        found += step.objects
    return tuple(dict.fromkeys(table for table in found if table and table not in made and not is_own(table)))


def _made(done: Sequence[Effect]) -> set[str]:
    """The tables that were not there before."""
    dropped = {e.table for e in done if e.verb is Verb.DROP_TABLE}
    return {e.table for e in done if e.verb is Verb.CREATE_TABLE} - dropped


def _made_anew(done: Sequence[Effect]) -> set[str]:
    """The tables that go, and come back under their own names with their rows: SQLite's way and DuckDB's of changing
    what ALTER TABLE cannot."""
    came = {e.table for e in done if e.verb is Verb.CREATE_TABLE}
    came |= {e.column for e in done if e.verb is Verb.RENAME_TABLE}
    return {e.table for e in done if e.verb is Verb.DROP_TABLE} & came


def _effects(step: Step, dialect: Dialect) -> list[Effect]:
    return [settled(e, sql, dialect, step.checks) for sql in step.statements() for e in effects(sql, dialect)]


def _read_by(sql: str, dialect: Dialect) -> tuple[str, ...]:
    from sqlglot import expressions as exp

    tree = parse(sql, dialect)
    names = () if tree is None else tuple(table_name(table) for table in tree.find_all(exp.Table))
    return tuple(name for name in names if not name.startswith("pg_catalog."))


def _locks(effect: Effect, dialect: Dialect) -> Iterator[tuple[str, str]]:
    if effect.verb in _NONE or (effect.verb is Verb.DROP_INDEX and not effect.table):
        return
    if dialect != "postgres":
        yield effect.table, WHOLE if dialect == "sqlite" else FILE
        return
    key = effect.verb is Verb.ADD_CONSTRAINT_LATER and effect.column == "fk"
    yield effect.table, SHARE_ROW if key else _LOCKS.get(effect.verb, ACCESS_EXCLUSIVE)
    if effect.other:
        yield effect.other, SHARE_ROW


def _stronger(impact: Impact, effect: Effect, lock: str) -> Impact:
    strength = list(BLOCKS)
    lock = min(impact.lock, lock, key=strength.index)
    writes = effect.verb in (Verb.WRITE, Verb.DELETE) and effect.table == impact.table
    return replace(
        impact, lock=lock, blocks=BLOCKS[lock], fires=("",) if writes or impact.fires else (),
        rewrites=impact.rewrites or (effect.verb in REWRITING and effect.table == impact.table),
    )  # fmt: skip


def _with_facts(impact: Impact, facts: Facts | None, done: Sequence[Effect]) -> Impact:
    """The facts of a table; of its triggers those of the users', where the step writes rows."""
    known = (facts or {}).get(impact.table)
    if known is None:
        return replace(impact, fires=())
    fires = fired(impact.table, known.triggers, done) if impact.fires else ()
    return replace(
        impact, fires=fires, rows=known.rows, bytes=known.bytes, reads=known.reads,
        writes=known.writes, since=known.since, dependants=known.dependants,
    )  # fmt: skip


def _bytes(size: int) -> str:
    for unit, step in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if size >= step:
            return f"{size / step:,.0f} {unit}"
    return f"{size} bytes"
