"""What a backend cannot hold of a schema that was written for another: told, since nothing is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tools.location import Dialect
from tools.schema.model import ForeignKey, Schema, Table
from tools.schema.normal import fold

_ENGINES: dict[Dialect, str] = {"sqlite": "SQLite", "duckdb": "DuckDB", "postgres": "Postgres"}
_SHOWN = 6
_OBJECTS = {
    "function": ("functions", "keep their work in code"),
    "policy": ("policies", "let code decide who sees which rows"),
    "domain": ("domains", "their columns have the type beneath; write their rules as checks"),
    "type": ("composite types", "make columns of their parts"),
    "extension": ("extensions", "see what used them"),
    "privilege": ("privileges", "whoever opens the file has all rights"),
    "partition": ("partitions", "the table holds all rows itself"),
    "check": ("exclusion constraints", "let code see to it that no two rows are at odds"),
}


def unheld(desired: Schema, held: Schema) -> tuple[str, ...]:
    """Sentences for what `held` (the desired schema as `lower` gives it) lacks: what, and what to do about it."""
    if desired.dialect == held.dialect or desired.origin != "sql":
        return ()
    engine = _ENGINES[held.dialect]
    found = [(f"{engine} has no {what}", names, advice) for what, names, advice in _kinds(desired, held)]
    comments = [thing.name for thing in desired.objects if thing.kind == "comment"]
    found.append((f"{engine} takes no comments from a file of another dialect", comments, "write them there by hand"))
    return tuple(
        f"{said}: {_listed(names)} {'is' if len(names) == 1 else 'are'} left out; {advice}"
        for said, names, advice in found
        if names
    )


def _kinds(desired: Schema, held: Schema) -> Iterator[tuple[str, list[str], str]]:
    pairs = [(table, there) for table in desired.tables if (there := _same(table, held))]
    actions = [name for table, there in pairs for name in _actions(table, there)]
    yield "actions of foreign keys", actions, "let code delete or change the rows that point there"
    conditions = [name for table, there in pairs for name in _conditions(table, there)]
    yield "indexes with a condition", conditions, "the index holds all rows and serves the same queries"
    lost = [name for table, there in pairs for name in _indexes(table, there)]
    yield "indexes of that kind", lost, "see what queries need them, and let code keep what must be unique so"
    stored = [name for table, there in pairs for name in _stored(table, there)]
    yield "stored generated columns", stored, "the value is computed when it is read"
    views = {view.name.lower(): view for view in held.views}
    flat = [view.key for view in desired.views if view.materialized and view.name.lower() in views]
    plain = [f"what is materialized of {key}" for key in flat]
    yield "materialized views", plain, "a plain view stands for it, and asks its query each time"
    gone = [view.key for view in desired.views if view.name.lower() not in views]
    yield "such views", gone, "write their query in its own words"
    triggers = [trigger.name for trigger in desired.triggers] if held.dialect == "duckdb" else []
    yield "triggers", triggers, "let code do their work"
    for kind, (what, advice) in _OBJECTS.items():
        yield what, [thing.key for thing in desired.objects if thing.kind == kind], advice


def _same(table: Table, held: Schema) -> Table | None:
    name = fold(table.name, held.dialect)
    return next((there for there in held.tables if fold(there.name, held.dialect) == name), None)


def _actions(table: Table, there: Table) -> Iterator[str]:
    for key in table.foreign_keys:
        kept = next((k for k in there.foreign_keys if _lowered(k.columns) == _lowered(key.columns)), None)
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
            has = kept and (kept.on_delete if event == "DELETE" else kept.on_update)
            if kept and action not in ("NO ACTION", "RESTRICT") and has != action:
                yield f"ON {event} {action} of {_said(table, key)}"


def _conditions(table: Table, there: Table) -> Iterator[str]:
    plain = {index.name.lower() for index in there.indexes if not index.where}
    yield from (f"the condition of {i.name}" for i in table.indexes if i.where and i.name.lower() in plain)


def _indexes(table: Table, there: Table) -> Iterator[str]:
    names = {index.name.lower() for index in there.indexes}
    yield from (index.name for index in table.indexes if index.name.lower() not in names)


def _stored(table: Table, there: Table) -> Iterator[str]:
    virtual = {column.name.lower() for column in there.columns if column.generated and not column.stored}
    for column in table.columns:
        if column.generated and column.stored and column.name.lower() in virtual:
            yield f"what is stored of {table.key}.{column.name}"


def _said(table: Table, key: ForeignKey) -> str:
    return f"{table.key} ({', '.join(key.columns)})"


def _lowered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(sorted(names)[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
