"""What no plan can do: taken out of what is wanted, and told with its reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tools.location import Dialect
from tools.plan import partition_limits
from tools.plan.casts import castable
from tools.plan.partition_limits import with_partitions_that_stay
from tools.plan.partitions import is_partitioned, key_columns, key_of, root
from tools.plan.shape import rename_column, with_column, with_table, without_column
from tools.plan.target import with_held
from tools.plan.type_limits import why_it_stays, with_types_that_stay
from tools.schema.model import Answers, Gap, Schema, SchemaObject, Table
from tools.schema.normal import normal_type
from tools.schema.reads import columns_in
from tools.schema.renaming import renamed

_MOVES_ROWS = "rows would have to move: make a new table, copy the rows, and let it take the name"


_TYPES = ("domain", "type")


def within_limits(current: Schema, target: Schema, answers: Answers) -> Schema:
    """The target with the columns by which a table is divided as they are today, with those whose values nobody can
    turn into the wanted type, and with the types that stay what they are."""
    wanted = target
    for table in current.tables if current.dialect == "postgres" else ():
        after = target.table(dict(answers.tables).get(table.key, table.key))
        if after is not None and is_partitioned(table):
            target = with_table(target, _with_key(table, after, answers))
    if current.dialect != "postgres":
        return target
    target = with_partitions_that_stay(current, target, wanted)
    return with_types_that_stay(current, _with_types(current, target, answers))


def _with_types(current: Schema, target: Schema, answers: Answers) -> Schema:
    now = renamed(current, answers)
    for after in target.tables:
        before = now.table(after.key)
        for column in after.columns if before else ():
            was = before.column(column.name) if before else None
            if before is None or was is None or answers.fill(after.key, column.name) is not None:
                continue
            computed = was.generated is not None or column.generated is not None
            if computed or castable(was.type, column.type, current.dialect):
                continue
            without = without_column(target.table(after.key) or after, column.name, current.dialect)
            target = with_table(target, with_held(before, without, column.name, now))
    return target


def unturned(gaps: Iterable[Gap], dialect: Dialect) -> dict[str, frozenset[str]]:
    """The columns of each table that stay as they are, since no cast leads to the type that they shall have."""
    found: dict[str, frozenset[str]] = {}
    for gap in gaps:
        typed = gap.kind == "type_changed" and gap.from_ and gap.to
        if typed and gap.column and not castable(gap.from_ or "", gap.to or "", dialect):
            found[gap.table] = found.get(gap.table, frozenset()) | {gap.column}
    return found


def no_cast(gap: Gap, columns: frozenset[str], dialect: Dialect) -> str | None:
    """Why this gap stays open, where it is one of columns that no cast turns into what they shall be."""
    listed = {name for side in (gap.before, gap.after) for name in getattr(side, "columns", ())}
    named = {gap.column} & columns or listed & columns
    named = named or set(columns_in(f"{gap.from_ or ''} {gap.to or ''}", sorted(columns), dialect))
    if not named:
        return None
    name = f"{gap.table}.{min(map(str, named))}"
    say = f"say in the answers file what becomes of its values, under `fills:`, as `{name}: <SQL expression>`"
    if gap.kind == "type_changed":
        return f"Postgres has no cast from {gap.from_} to {gap.to}: {say}"
    return f"it waits for the type of {name}: {say}"


def _with_key(before: Table, after: Table, answers: Answers) -> Table:
    renamed = {old: new for table, old, new in answers.columns if table == before.key}
    for name in key_columns(before):
        column, new = before.column(name), renamed.get(name, name)
        wanted = after.column(new)
        if column is None or (wanted and new == name and _same_type(wanted.type, column.type)):
            continue
        after = with_column(rename_column(after, new, name), column)
    return replace(after, options=before.options)


def _same_type(one: str, other: str) -> bool:
    return normal_type(one, "postgres") == normal_type(other, "postgres")


def reason(gap: Gap, current: Schema, wanted: Schema) -> str | None:
    """Why no plan closes this gap; None where only this one does not."""
    if isinstance(gap.before, SchemaObject) and gap.before.kind == "partition":
        after = gap.after if isinstance(gap.after, SchemaObject) else None
        divided = current.table(root(current, gap.before))
        return partition_limits.reason(gap.before, after, key_columns(divided) if divided else (), wanted)
    if gap.kind == "table_added" and gap.table in {key_of(o) for o in current.objects if o.kind == "partition"}:
        return "a partition has that name today: detach it first, by hand"
    if gap.kind == "comment_added":
        return "what it is on is not there under that name: give the rule that name first (ALTER … RENAME CONSTRAINT)"
    if gap.kind == "sequence_changed":
        return (
            "DuckDB changes no sequence, and one made anew would count over numbers that are used: ask for a sequence "
            "of another name that starts above them, and let the defaults draw from it"
        )
    if gap.kind == "not_understood" and current.dialect == "duckdb":
        return _by_hand(gap)
    if isinstance(gap.before, SchemaObject) and isinstance(gap.after, SchemaObject) and gap.before.kind in _TYPES:
        return why_it_stays(gap.before, gap.after, current)
    table = current.table(gap.table)
    if table is None or current.dialect != "postgres" or not (is_partitioned(table) or _divides(gap)):
        return None
    if gap.column in key_columns(table):
        return "Postgres neither changes nor drops a column by which a table is divided"
    return f"Postgres divides no table anew: {_MOVES_ROWS}" if _divides(gap) else None


def _by_hand(gap: Gap) -> str | None:
    """What oneplan neither makes nor drops on DuckDB, whose catalog does not tell what uses it."""
    text = gap.to or gap.from_ or ""
    if text.startswith("TYPE "):
        return f"DuckDB's catalog does not tell what uses it: run {'CREATE' if gap.to else 'DROP'} TYPE by hand"
    if text.startswith("MACRO "):
        how = "CREATE OR REPLACE MACRO by hand" if gap.to else "DROP MACRO by hand, unless one of its name is to come"
        return f"DuckDB's catalog does not tell what uses it: run {how}"
    return None


def _divides(gap: Gap) -> bool:
    return gap.kind == "not_understood" and "PARTITION BY" in f"{gap.from_} {gap.to}"
