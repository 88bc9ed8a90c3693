"""The model as DDL of a dialect. Every name is quoted; types and expressions are the schema's own text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from tools.location import Dialect
from tools.schema.entries import split_entry
from tools.schema.model import (
    Check,
    Column,
    Enum,
    ForeignKey,
    Index,
    PrimaryKey,
    Schema,
    Sequence,
    Table,
    Trigger,
    Unique,
    View,
)
from tools.schema.tokens import tokenize

_SERIALS = {"integer": "serial", "bigint": "bigserial", "smallint": "smallserial"}
T = TypeVar("T")


def quote(name: str) -> str:
    """A name in double quotes, as all three dialects take it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def qualified(key: str) -> str:
    """A key as quoted SQL: `a.b` is table b of namespace a."""
    return ".".join(quote(part) for part in key.split(".", 1))


def name_of(thing: Table | View | Enum | Sequence) -> str:
    """The quoted name of a table, view, enum or sequence with its namespace."""
    return f"{quote(thing.namespace)}.{quote(thing.name)}" if thing.namespace else quote(thing.name)


def names(columns: Iterable[str]) -> str:
    """Quoted names between commas."""
    return ", ".join(quote(column) for column in columns)


def column_sql(column: Column, dialect: Dialect) -> str:
    """One column as it stands in CREATE TABLE, or after ADD COLUMN; its keys and checks stand elsewhere."""
    parts = [quote(column.name), _SERIALS.get(column.type, column.type) if column.serial else column.type]
    if column.storage:
        parts.append(f"STORAGE {column.storage}")  # from Postgres 16 on
    if column.collation:
        parts.append(f"COLLATE {quote(column.collation) if dialect == 'sqlite' else column.collation}")
    if column.generated is not None:
        stored = {True: " STORED", False: " VIRTUAL"}[column.stored]
        parts.append(f"GENERATED ALWAYS AS ({column.generated}){stored}")
    elif column.identity:
        parts.append(identity_sql(column))
    elif column.default is not None and not column.serial:
        parts.append(f"DEFAULT {default_sql(column.default, dialect)}")
    if not column.nullable:
        parts.append("NOT NULL")
    return " ".join(part for part in parts if part)


def identity_sql(column: Column) -> str:
    """An identity as it stands in a column, or after ADD."""
    return f"GENERATED {column.identity} AS IDENTITY" + (f" ({column.counting})" if column.counting else "")


def default_sql(default: str, dialect: Dialect) -> str:
    """A default as it stands after DEFAULT.

    In parentheses where it is an expression; without where it is a literal, since SQLite adds no column whose default
    stands in parentheses.
    """
    tokens = tokenize(default, dialect)
    bare = len(tokens) == 1 or (len(tokens) == 2 and tokens[0].text in "+-" and tokens[1].kind == "number")
    return default if bare or dialect == "postgres" else f"({default})"


def primary_key_sql(key: PrimaryKey) -> str:
    return f"{_named(key.name)}PRIMARY KEY ({names(key.columns)})"


def unique_sql(unique: Unique) -> str:
    before = [option for option in unique.options if option.startswith("NULLS")]
    after = [option for option in unique.options if option not in before]
    return " ".join([f"{_named(unique.name)}UNIQUE", *before, f"({names(unique.columns)})", *after])


def check_sql(check: Check) -> str:
    unvalidated = "" if check.validated else " NOT VALID"
    return f"{_named(check.name)}CHECK ({check.expression}){unvalidated}"


def foreign_key_sql(key: ForeignKey) -> str:
    """A foreign key as a table constraint."""
    parts = [f"{_named(key.name)}FOREIGN KEY ({names(key.columns)}) REFERENCES {qualified(key.ref_table)}"]
    parts += [f"({names(key.ref_columns)})"] if key.ref_columns else []
    parts += [f"ON DELETE {key.on_delete}"] if key.on_delete != "NO ACTION" else []
    parts += [f"ON UPDATE {key.on_update}"] if key.on_update != "NO ACTION" else []
    parts += ["DEFERRABLE"] if key.deferrable else []
    parts += ["INITIALLY DEFERRED"] if key.initially_deferred else []
    return " ".join(parts + ([] if key.validated else ["NOT VALID"]))


def create_table(table: Table, dialect: Dialect, *, foreign_keys: bool = True) -> str:
    """CREATE TABLE with all of its constraints, without its indexes; `foreign_keys` False leaves those out."""
    autoincrement = dialect == "sqlite" and "AUTOINCREMENT" in table.options
    lines = [
        column_sql(column, dialect) + (" PRIMARY KEY AUTOINCREMENT" if autoincrement and _is_key(column, table) else "")
        for column in table.columns
    ]
    lines += [primary_key_sql(table.primary_key)] if table.primary_key and not autoincrement else []
    lines += map(unique_sql, table.uniques)
    # NOT VALID has a meaning only for a table that holds rows already.
    lines += [check_sql(check) for check in table.checks if check.validated or dialect != "postgres"]
    lines += map(foreign_key_sql, table.foreign_keys) if foreign_keys else []
    kind = "UNLOGGED TABLE" if "UNLOGGED" in table.options else "TABLE"
    tail = [option for option in table.options if option not in ("UNLOGGED", "AUTOINCREMENT")]
    suffix = " " + (" " if dialect == "postgres" else ", ").join(tail) if tail else ""
    return f"CREATE {kind} {name_of(table)} (\n  " + ",\n  ".join(lines) + f"\n){suffix}"


def add_constraint(table: Table, constraint: str) -> str:
    """ALTER TABLE … ADD of a constraint's text (Postgres)."""
    return f"ALTER TABLE {name_of(table)} ADD {constraint}"


def create_index(index: Index, dialect: Dialect, *, concurrently: bool = False) -> str:
    unique = "UNIQUE " if index.unique else ""
    concurrent = "CONCURRENTLY " if concurrently else ""
    name = quote(index.name)
    if dialect == "sqlite" and "." in index.table:  # SQLite's namespace is an attached database: it is the index's
        name = f"{quote(index.table.split('.', 1)[0])}.{name}"
    using = f" USING {index.method}" if index.method not in ("btree", "art") else ""
    parts = [f"CREATE {unique}INDEX {concurrent}{name} ON {qualified(index.table)}{using} ({_entries(index)})"]
    parts += [f"INCLUDE ({names(index.include)})"] if index.include else []
    parts += sorted(index.options)  # NULLS NOT DISTINCT stands before WITH, which stands before TABLESPACE
    return " ".join(parts + ([f"WHERE {index.where}"] if index.where else []))


def create_view(view: View, dialect: Dialect) -> str:
    kind = "MATERIALIZED VIEW" if view.materialized else "VIEW"
    listed = view.sql.startswith("(") and _has_column_list(view, dialect)
    options = f"WITH ({', '.join(view.options)}) " if view.options else ""
    return f"CREATE {kind} {name_of(view)} {options}{view.sql if listed else f'AS {view.sql}'}"


def make_view(view: View, dialect: Dialect) -> tuple[str, ...]:
    """CREATE VIEW, and the indexes that it then takes to be the same view again."""
    return (create_view(view, dialect), *view.indexes)


def create_enum(enum: Enum) -> str:
    return f"CREATE TYPE {name_of(enum)} AS ENUM ({', '.join(map(literal, enum.values))})"


def create_sequence(sequence: Sequence) -> str:
    parts = [f"CREATE SEQUENCE {name_of(sequence)}"]
    parts += [f"INCREMENT BY {sequence.increment}"] if sequence.increment != 1 else []
    parts += [f"MINVALUE {sequence.minimum}"] if sequence.minimum is not None else []
    parts += [f"MAXVALUE {sequence.maximum}"] if sequence.maximum is not None else []
    parts += [f"START WITH {sequence.start}"]
    return " ".join(parts + (["CYCLE"] if sequence.cycle else []))


def create_namespace(name: str) -> str:
    return f"CREATE SCHEMA IF NOT EXISTS {quote(name)}"


_BEFORE_TABLES = ("extension", "domain", "type", "function")


def statements(schema: Schema) -> tuple[str, ...]:
    """The whole schema as statements, in an order in which each can run.

    Postgres's foreign keys come after all tables, so that cycles are no matter; DuckDB's parents come before their
    children; views come after what they read.
    """
    dialect, late = schema.dialect, schema.dialect == "postgres"
    things = [*schema.tables, *schema.views, *schema.enums, *schema.sequences]
    found = [create_namespace(name) for name in sorted({thing.namespace for thing in things if thing.namespace})]
    found += map(create_enum, schema.enums)
    found += [thing.create for thing in schema.objects if thing.kind in _BEFORE_TABLES]
    found += map(create_sequence, schema.sequences)
    found += [create_table(table, dialect, foreign_keys=not late) for table in parents_first(schema.tables)]
    found += [thing.create for thing in schema.objects if thing.kind == "partition"]
    for table in schema.tables if late else ():
        found += [add_constraint(table, check_sql(check)) for check in table.checks if not check.validated]
        found += [add_constraint(table, foreign_key_sql(key)) for key in table.foreign_keys]
    found += [create_index(index, dialect) for table in schema.tables for index in table.indexes]
    found += [sql for view in in_reading_order(schema.views) for sql in make_view(view, dialect)]
    found += [sql for trigger in schema.triggers for sql in make_trigger(trigger)]
    return tuple(found + [thing.create for thing in schema.objects if thing.kind not in (*_BEFORE_TABLES, "partition")])


def make_trigger(trigger: Trigger) -> tuple[str, ...]:
    """The statements that make a trigger, and have it fire when it did."""
    return (trigger.definition, *((firing_sql(trigger),) if trigger.firing else ()))


def firing_sql(trigger: Trigger) -> str:
    """What has a trigger that is there fire when this one does."""
    return f"ALTER TABLE {qualified(trigger.table)} {trigger.firing or 'ENABLE'} TRIGGER {quote(trigger.name)}"


def script(schema: Schema) -> str:
    """The whole schema as a file's text, its dialect in the first line."""
    return f"-- dialect: {schema.dialect}\n\n" + "".join(f"{sql};\n\n" for sql in statements(schema))


def parents_first(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Tables in an order in which each stands after those that its foreign keys name; a cycle stays as it is."""
    return _ordered(tables, lambda table: [key.ref_table for key in table.foreign_keys], lambda table: table.key)


def in_reading_order(views: tuple[View, ...]) -> tuple[View, ...]:
    """Views in an order in which each stands after those that it reads."""
    return _ordered(views, lambda view: view.depends_on, lambda view: view.key)


def _ordered(values: tuple[T, ...], needs: Callable[[T], Iterable[str]], key: Callable[[T], str]) -> tuple[T, ...]:
    by_key = {key(value): value for value in values}
    done: dict[str, T] = {}

    def visit(name: str, path: frozenset[str]) -> None:
        if name in done or name in path or name not in by_key:
            return
        for need in needs(by_key[name]):
            visit(need, path | {name})
        done[name] = by_key[name]

    for name in by_key:
        visit(name, frozenset())
    return tuple(done.values())


def _named(name: str | None) -> str:
    return f"CONSTRAINT {quote(name)} " if name else ""


def _is_key(column: Column, table: Table) -> bool:
    return table.primary_key is not None and table.primary_key.columns == (column.name,)


def _entries(index: Index) -> str:
    parts: list[str] = []
    for name, expression, suffix in map(split_entry, index.columns):
        parts.append(" ".join(part for part in (expression if name is None else quote(name), suffix) if part))
    return ", ".join(parts)


def _has_column_list(view: View, dialect: Dialect) -> bool:
    """Whether the text begins with the view's column list: a parenthesis that AS follows."""
    depth = 0
    for i, token in enumerate(tokens := tokenize(view.sql, dialect)):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if not depth:
            return i + 1 < len(tokens) and tokens[i + 1].is_word("AS")
    return False
