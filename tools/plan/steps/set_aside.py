"""How the values that a step of the contract phase removes are set aside on Postgres, and for how long others wait.

A small table is copied under the step's own lock. A large one with a key is copied before, by two steps of their own,
while its writers go on, and the step that removes only reads again what was written since. Nothing is missed:

- `note_changes` makes triggers that append the key of each row that is written. CREATE TRIGGER waits until all who have
  written to the table have ended, and keeps new ones out until it is committed. So whatever is not in the copy, since
  it was committed behind the copy's snapshot, was written under the triggers; its key is committed with it.
- `set_aside` copies in one statement, which is one snapshot. A key that was noted before it is read once more, no harm.
- The step that removes asks first, without a lock, whether each row that differs from its copy was noted: triggers that
  somebody has disabled, or a partition that was attached, end it there. It then reads the noted rows again, once
  without a lock, so that few are left, and once under its lock, when no writer is left and the notes are complete.

Notes are only appended, so that no writer waits for another. TRUNCATE is noted by a row of NULLs: no key has any.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.plan.draft import Draft
from tools.plan.facts import TableFacts
from tools.plan.kept import key_match, key_name, key_select
from tools.plan.model import Phase, Step, StepCheck
from tools.plan.postgres_column import locked
from tools.plan.shape import with_trigger, without_trigger
from tools.plan.sql import ref
from tools.plan.target import uses_type
from tools.schema.model import Column, Schema, Trigger
from tools.schema.render import column_sql, make_trigger, qualified, quote

LONG_ROWS = 100_000
LONG_BYTES = 1 << 26
"""Tables from one of these on are copied beforehand: a copy of 100,000 rows of 170 bytes took 50 to 110 ms, and 64 MiB
are read from a good disk in as long. What waits for less than that is noticed by nobody."""
READ_COMMITTED = StepCheck(
    "each statement sees what was committed before it (READ COMMITTED): what is set aside would else be out of date",
    "SELECT current_setting('transaction_isolation') AS isolation"
    " WHERE current_setting('transaction_isolation') <> 'read committed'",
)


@dataclass(frozen=True)
class Value:
    """A value to set aside: that of a column, found under the plain name `source`, kept under the quoted `name`."""

    column: Column
    source: str
    name: str


@dataclass(frozen=True)
class Aside:
    """What a step does to set values aside. before: its first statements, its lock among them; under: the next ones,
    under the lock; undo, undo_end: the last ones of its way back, the second behind all that is made again. ahead:
    whether the copy is made by steps before it. state: the schema that it finds, but for what these statements drop."""

    state: Schema
    before: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    undo_end: tuple[str, ...] = ()
    checks: tuple[StepCheck, ...] = ()
    ahead: bool = False


def nothing_aside(draft: Draft, key: str, column: str) -> Aside:
    """For a step that drops a column whose values stand elsewhere, or are computed."""
    return Aside(draft.state, locked(draft.state, key, column))


def set_aside(
    draft: Draft, key: str, column: str, stable: tuple[str, ...], step_id: str, values: Sequence[Value]
) -> Aside:  # fmt: skip
    """Set values of a table aside for the step that is made next and drops its column; adds the steps before it, where
    the table is large. stable: the columns by which its rows are told, none where nothing does."""
    aside, lock = draft.kept(step_id), locked(draft.state, key, column, always=True)
    if not _is_long(draft.facts.get(key)):
        copied = aside.make(_select(draft, key, stable, values))
        return Aside(draft.state, lock, copied, (aside.drop(),))
    if not _noted(draft, key, stable):
        # Readers go on while it is copied; writers would change what was copied already.
        share = f"LOCK TABLE {qualified(key)} IN SHARE MODE"
        copied = aside.make(_select(draft, key, stable, values))
        return Aside(draft.state, (share, *copied, *lock), (), (aside.drop(),))
    return _ahead(draft, _Notes(draft, key, stable, step_id, tuple(values)), column, lock)


def _is_long(found: TableFacts | None) -> bool:
    known = found or TableFacts()
    return known.rows >= LONG_ROWS or known.bytes >= LONG_BYTES


def _noted(draft: Draft, key: str, stable: tuple[str, ...]) -> bool:
    """Whether the rows that change can be noted, and found by an index: by the primary key as it stands. Not where a
    domain may refuse the NULL of a TRUNCATE."""
    table = draft.table(key)
    if table.primary_key is None or sorted(stable) != sorted(table.primary_key.columns):
        return False
    domains = [thing.name for thing in draft.state.objects if thing.kind == "domain"]
    types = [column.type for column in table.columns if column.name in stable]
    return not any(uses_type(type_, name) for type_ in types for name in domains)


def _select(draft: Draft, key: str, stable: Sequence[str], values: Sequence[Value], where: str = "") -> str:
    listed = [key_select([quote(c) for c in stable])] if stable else []
    listed += [f"{draft.aside(v.column, quote(v.source))} AS {v.name}" for v in values]
    return f"SELECT {', '.join(listed)} FROM {qualified(key)}{where}"


def _ahead(draft: Draft, notes: _Notes, column: str, lock: tuple[str, ...]) -> Aside:
    key, aside, subjects = notes.key, notes.aside, (f"{notes.key}#{column}",)
    state = draft.state
    for trigger in notes.triggers:
        state = with_trigger(state, trigger)
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"note_{column}"),
            Phase.CONTRACT,
            "note_changes",
            f"Note which rows of {key} change while the values of {column} are set aside",
            (key,),
            ('CREATE SCHEMA IF NOT EXISTS "oneplan"', *notes.make()),
            notes.drop(),
            depends_on=draft.sign_offs,
            reason="Triggers append the keys of written rows to a table of oneplan's own: no writer waits for another.",
        ),
        state,
        subjects,
    )
    index = ", ".join(notes.names)
    draft.add(
        Step(
            draft.step_id(Phase.CONTRACT, key, f"set_aside_{column}"),
            Phase.CONTRACT,
            "set_aside",
            f"Set the values of {key}.{column} aside, while writers go on",
            (key,),
            (
                aside.make(_select(draft, key, notes.stable, notes.values))[-1],  # its schema is there since the notes
                _told_apart(aside.name),
                f"CREATE UNIQUE INDEX ON {aside.name} ({index})",
                # Else the server may walk over all of it to find the few rows that changed.
                f"ANALYZE {aside.name}",
            ),
            (aside.drop(),),
            depends_on=draft.sign_offs,
            reason="They go to a table of oneplan's own, by key, in one read; what changes meanwhile is noted.",
        ),
        subjects=subjects,
    )
    for trigger in notes.triggers:
        state = without_trigger(state, key, trigger.name)
    # Not logged: it ends with the transaction, and no publication takes part in it.
    taken = (f"CREATE UNLOGGED TABLE {notes.taken} ({notes.columns})", *notes.reread())
    again = (f"DELETE FROM {notes.taken}", *notes.reread())
    return Aside(
        state,
        (*taken, *lock),
        (*again, f"DROP TABLE {notes.taken}", *notes.drop()),
        (),
        (*notes.make(), f"INSERT INTO {notes.changed} {notes.differing()}"),
        (READ_COMMITTED, notes.complete()),
        ahead=True,
    )


class _Notes:
    """The notes of one step: `changed` has the keys of rows that were written, `taken` those that are read again."""

    def __init__(
        self, draft: Draft, key: str, stable: tuple[str, ...], step_id: str, values: tuple[Value, ...]
    ) -> None:  # fmt: skip
        self.key, self.stable, self.values, self.aside = key, stable, values, draft.kept(step_id)
        self.changed, self.taken = draft.own(step_id, "changed").name, draft.own(step_id, "taken").name
        self.names = tuple(key_name(n) for n, _ in enumerate(stable, 1))
        table = draft.table(key)
        self.columns = ", ".join(_bare(found, n) for n, name in enumerate(stable, 1) if (found := table.column(name)))
        self.triggers = self._triggers(draft.short(step_id))
        self._draft = draft

    def make(self) -> tuple[str, ...]:
        """Its writers are many and its readers few: it is never vacuumed, which would hold up its end."""
        made = f"CREATE TABLE {self.changed} ({self.columns}) WITH (autovacuum_enabled = false)"
        triggers = (sql for trigger in self.triggers for sql in make_trigger(trigger))
        return (made, _told_apart(self.changed), self._function(), *triggers)

    def drop(self) -> tuple[str, ...]:
        """The triggers first: once they are gone no writer is on its way to the rest."""
        triggers = (f"DROP TRIGGER {quote(trigger.name)} ON {qualified(self.key)}" for trigger in self.triggers)
        return (*triggers, f"DROP FUNCTION {self.changed}()", f"DROP TABLE {self.changed}")

    def reread(self) -> tuple[str, ...]:
        """Bring the copy up to date with the notes that are there, and take these away."""
        match = key_match([f"k.{name}" for name in self.names], "c")
        mine = key_match([quote(c) for c in self.stable], "c", "t")
        there = key_match([quote(c) for c in self.stable], table_alias="t")
        select = _select(self._draft, self.key, self.stable, self.values, f" AS t WHERE EXISTS ({self._taken(mine)})")
        emptied, still = self._taken(f"c.{self.names[0]} IS NULL"), f"SELECT 1 FROM {qualified(self.key)} AS t"
        return (
            f"WITH gone AS (DELETE FROM {self.changed} RETURNING *)"
            f" INSERT INTO {self.taken} SELECT DISTINCT * FROM gone",
            f"ANALYZE {self.taken}",
            f"DELETE FROM {self.aside.name} AS k WHERE EXISTS ({self._taken(match)})",
            f"DELETE FROM {self.aside.name} AS k WHERE EXISTS ({emptied}) AND NOT EXISTS ({still} WHERE {there})",
            f"INSERT INTO {self.aside.name} {select}",
        )

    def differing(self) -> str:
        """The keys of the rows that are not as they were set aside, are there no more, or were not there. By the image
        of the values: there are types without an equality, and those in which what differs is equal."""
        return f"SELECT {', '.join(self._keys())} {self._compared()}"

    def complete(self) -> StepCheck:
        """Every row that differs from its copy was noted."""
        match = " AND ".join(f"c.{name} = {found}" for name, found in zip(self.names, self._keys(), strict=True))
        noted, emptied = self._changed(match), self._changed(f"c.{self.names[0]} IS NULL")
        listed = ", ".join(f"{found} AS {name}" for name, found in zip(self.names, self._keys(), strict=True))
        return StepCheck(
            f"every row of {self.key} that is not as it was set aside was noted as changed",
            f"SELECT {listed} {self._compared()} AND NOT EXISTS ({noted})"
            f" AND ({ref(self.stable[0], 't')} IS NOT NULL OR NOT EXISTS ({emptied}))",
        )

    def _compared(self) -> str:
        match = key_match([quote(c) for c in self.stable], table_alias="t")
        then = ", ".join(f"k.{v.name}" for v in self.values)
        now = ", ".join(self._draft.aside(v.column, ref(v.source, "t")) for v in self.values)
        missing = f"k.{self.names[0]} IS NULL OR {ref(self.stable[0], 't')} IS NULL"
        return (
            f"FROM {self.aside.name} AS k FULL JOIN {qualified(self.key)} AS t ON {match}"
            f" WHERE ({missing} OR pg_catalog.record_image_ne(ROW({then}), ROW({now})))"
        )

    def _keys(self) -> list[str]:
        pairs = zip(self.stable, self.names, strict=True)
        return [f"COALESCE({ref(column, 't')}, k.{name})" for column, name in pairs]

    def _taken(self, condition: str) -> str:
        return f"SELECT 1 FROM {self.taken} AS c WHERE {condition}"

    def _changed(self, condition: str) -> str:
        return f"SELECT 1 FROM {self.changed} AS c WHERE {condition}"

    def _function(self) -> str:
        """With its owner's rights: whoever writes to the table has none on this schema. It looks nothing up but what
        the server itself has."""
        old, new = (", ".join(ref(c, row) for c in self.stable) for row in ("OLD", "NEW"))
        return (
            f"CREATE FUNCTION {self.changed}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
            " SET search_path TO pg_catalog, pg_temp AS $oneplan$\nBEGIN\n"
            "  IF TG_OP = 'TRUNCATE' THEN\n"
            f"    INSERT INTO {self.changed} DEFAULT VALUES;\n    RETURN NULL;\n  END IF;\n"
            f"  IF TG_OP <> 'INSERT' THEN\n    INSERT INTO {self.changed} VALUES ({old});\n  END IF;\n"
            f"  IF TG_OP <> 'DELETE' THEN\n    INSERT INTO {self.changed} VALUES ({new});\n  END IF;\n"
            "  RETURN NULL;\nEND\n$oneplan$"
        )

    def _triggers(self, short: str) -> tuple[Trigger, ...]:
        """They fire for what a replication applies, too."""
        seen = dict.fromkeys((*self.stable, *(v.source for v in self.values)))
        old, new = (", ".join(ref(c, row) for c in seen) for row in ("OLD", "NEW"))
        events = {
            "rows": "AFTER INSERT OR DELETE ON {0} FOR EACH ROW",
            "values": "AFTER UPDATE ON {0} FOR EACH ROW"
            f" WHEN (pg_catalog.record_image_ne(ROW({old}), ROW({new})))",
            "all": "AFTER TRUNCATE ON {0} FOR EACH STATEMENT",
        }  # fmt: skip
        found: list[Trigger] = []
        for name, event in events.items():
            name = f"zz_oneplan_changed_{short}_{name}"
            on = event.replace("{0}", qualified(self.key), 1)
            made = f"CREATE TRIGGER {quote(name)} {on} EXECUTE FUNCTION {self.changed}()"
            found.append(Trigger(name, self.key, made, firing="ENABLE ALWAYS"))
        return tuple(found)


def _told_apart(table: str) -> str:
    """Else a publication of all tables lets no row of it be deleted."""
    return f"ALTER TABLE {table} REPLICA IDENTITY FULL"


def _bare(column: Column, number: int) -> str:
    """A column for the key's values alone, of the same type and collation."""
    name = key_name(number).strip('"')
    plain = replace(
        column, name=name, nullable=True, default=None, identity=None, serial=False, generated=None, storage=None
    )  # fmt: skip
    return column_sql(plain, "postgres")
