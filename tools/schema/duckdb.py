"""The live DuckDB reader: nine catalog queries over the current database, whatever the number of tables.

Collations and generated expressions stand only in the statement's text, as DuckDB writes it, and are told by tokens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tools.schema.body import TableBody, parse_index, parse_table, slice_of
from tools.schema.entries import entry, plain, type_name
from tools.schema.leftout import OWN_NAMESPACE, is_left_out
from tools.schema.model import (
    Check,
    Column,
    Enum,
    ForeignKey,
    Index,
    NotUnderstood,
    PrimaryKey,
    Schema,
    SchemaObject,
    Sequence,
    Span,
    Table,
    Unique,
    View,
)
from tools.schema.reads import reads_of
from tools.schema.render import qualified, quote
from tools.schema.tokens import tokenize

if TYPE_CHECKING:
    import duckdb

_HERE = "database_name = current_database() AND NOT internal"
_TABLES = f"""
    SELECT schema_name, table_name, sql
    FROM duckdb_tables() WHERE {_HERE} AND NOT temporary ORDER BY table_oid"""
_COLUMNS = f"""
    SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default
    FROM duckdb_columns() WHERE {_HERE} ORDER BY table_oid, column_index"""
_CONSTRAINTS = """
    SELECT schema_name, table_name, constraint_type, constraint_column_names, expression, referenced_table,
           referenced_column_names
    FROM duckdb_constraints()
    WHERE database_name = current_database() AND constraint_type <> 'NOT NULL' ORDER BY table_oid, constraint_index"""
_INDEXES = """
    SELECT schema_name, table_name, index_name, is_unique, sql
    FROM duckdb_indexes() WHERE database_name = current_database() ORDER BY index_oid"""
_VIEWS = f"SELECT schema_name, view_name, sql FROM duckdb_views() WHERE {_HERE} AND NOT temporary ORDER BY view_oid"
_TYPES = f"SELECT schema_name, type_name, logical_type, labels FROM duckdb_types() WHERE {_HERE} ORDER BY type_oid"
_SEQUENCES = """
    SELECT schema_name, sequence_name, start_value, min_value, max_value, increment_by, cycle
    FROM duckdb_sequences() WHERE database_name = current_database() AND NOT temporary ORDER BY sequence_oid"""
_MACROS = f"""
    SELECT DISTINCT schema_name, function_name, function_type, parameters, macro_definition
    FROM duckdb_functions() WHERE {_HERE} AND macro_definition IS NOT NULL ORDER BY ALL"""
_COMMENTS = f"""
    SELECT schema_name, kind, name, part, holder, comment FROM (
        SELECT schema_name, 'TABLE' AS kind, table_name AS name, NULL AS part, table_name AS holder, comment
            FROM duckdb_tables() WHERE {_HERE}
        UNION ALL SELECT schema_name, 'COLUMN', table_name, column_name, table_name, comment
            FROM duckdb_columns() WHERE {_HERE}
        UNION ALL SELECT schema_name, 'VIEW', view_name, NULL, view_name, comment FROM duckdb_views() WHERE {_HERE}
        UNION ALL SELECT schema_name, 'TYPE', type_name, NULL, NULL, comment FROM duckdb_types() WHERE {_HERE}
        UNION ALL SELECT schema_name, 'INDEX', index_name, NULL, table_name, comment FROM duckdb_indexes()
            WHERE database_name = current_database()
        UNION ALL SELECT schema_name, 'SEQUENCE', sequence_name, NULL, NULL, comment FROM duckdb_sequences()
            WHERE database_name = current_database()
    ) WHERE comment IS NOT NULL ORDER BY ALL"""
_INT64_MAX = 9223372036854775807

Row = tuple[Any, ...]
Place = tuple[str, str]


def read_duckdb(connection: duckdb.DuckDBPyConnection, source: str = "") -> Schema:
    """The schema of the connection's current database, as its open transaction sees it. Nothing is written."""
    span = Span(source) if source else None
    enums = tuple(
        Enum(name, tuple(labels), _namespace(schema), span)
        for schema, name, kind, labels in _rows(connection, _TYPES)
        if kind == "ENUM" and schema != OWN_NAMESPACE
    )
    tables = _tables(connection, enums, span)
    return Schema(
        "duckdb", tables, enums, _views(connection, tables, span),
        not_understood=_not_understood(connection, span), sequences=_sequences(connection, span), source=source,
        version=str(_rows(connection, "SELECT version()")[0][0]), objects=_comments(connection, span),
    )  # fmt: skip


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    return connection.execute(sql).fetchall()


def _namespace(schema: str) -> str:
    return "" if schema == "main" else schema


def _by_table(rows: Iterable[Row]) -> dict[Place, list[Row]]:
    found: dict[Place, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[0], row[1]].append(row[2:])
    return found


def _tables(connection: duckdb.DuckDBPyConnection, enums: tuple[Enum, ...], span: Span | None) -> tuple[Table, ...]:
    columns, constraints, indexes = (_by_table(_rows(connection, sql)) for sql in (_COLUMNS, _CONSTRAINTS, _INDEXES))
    named = {f"ENUM({', '.join(map(_literal, enum.values))})": type_name(enum) for enum in reversed(enums)}
    found: list[Table] = []
    for schema, name, sql in _rows(connection, _TABLES):
        if is_left_out(name, schema):
            continue
        place, namespace = (schema, name), _namespace(schema)
        body = parse_table(tokenize(sql, "duckdb")) or TableBody((name,))
        rules = constraints.get(place, [])
        found.append(Table(
            name, tuple(_column(row, body, sql, named, span) for row in columns[place]), namespace,
            primary_key=next((PrimaryKey(tuple(row[1]), span=span) for row in rules if row[0] == "PRIMARY KEY"), None),
            uniques=tuple(Unique(tuple(row[1]), span=span) for row in rules if row[0] == "UNIQUE"),
            foreign_keys=tuple(_foreign_key(row, namespace, span) for row in rules if row[0] == "FOREIGN KEY"),
            checks=tuple(_check(row, span) for row in rules if row[0] == "CHECK"),
            indexes=tuple(_index(row, namespace, name, span) for row in indexes.get(place, [])), span=span,
        ))  # fmt: skip
    return tuple(found)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _column(row: Row, body: TableBody, sql: str, named: dict[str, str], span: Span | None) -> Column:
    name, type_, nullable, default = row
    part = body.column(name)
    generated = part.clause("GENERATED") if part else None
    collation = part.clause("COLLATE") if part else None
    return Column(
        name, named.get(type_) or type_, nullable=nullable,
        default=None if generated or default == "NULL" else default,
        generated=generated.parenthesised(sql) if generated else None,
        stored=generated is None,
        collation=slice_of(sql, collation.tokens[1:]) if collation else None,
        span=span,
    )  # fmt: skip


def _check(row: Row, span: Span | None) -> Check:
    return Check(row[2], columns=tuple(dict.fromkeys(row[1])), span=span)


def _foreign_key(row: Row, namespace: str, span: Span | None) -> ForeignKey:
    # DuckDB has no foreign keys across schemas, so the parent stands in the child's own.
    _, columns, _, parent, parent_columns = row
    return ForeignKey(
        tuple(columns), f"{namespace}.{parent}" if namespace else parent, tuple(parent_columns), span=span
    )


def _index(row: Row, namespace: str, table: str, span: Span | None) -> Index:
    name, unique, sql = row
    body = parse_index(tokenize(sql, "duckdb"))
    assert body is not None, "the catalog keeps the CREATE INDEX statement of every index"
    entries = tuple(entry(tokens, sql) for tokens in body.entries)
    key = f"{namespace}.{table}" if namespace else table
    where = slice_of(sql, body.where) or None
    return Index(name, key, entries, unique, where, body.method.lower(), definition=sql.rstrip(";"), span=span)


def _views(connection: duckdb.DuckDBPyConnection, tables: tuple[Table, ...], span: Span | None) -> tuple[View, ...]:
    rows = [row for row in _rows(connection, _VIEWS) if not is_left_out(row[1], row[0])]
    keys = [table.key for table in tables] + [_key(schema, name) for schema, name, _ in rows]
    found: list[View] = []
    for schema, name, sql in rows:
        query = _query(sql)
        reads = reads_of(query, [key for key in keys if key != _key(schema, name)], "duckdb")
        found.append(View(name, query, _namespace(schema), depends_on=reads, span=span))
    return tuple(found)


def _query(sql: str) -> str:
    tokens = [token for token in tokenize(sql, "duckdb") if token.text != ";"]
    at = next(i for i, token in enumerate(tokens) if token.is_word("AS"))
    opening = next((i for i in range(at) if tokens[i].text == "("), None)
    return sql[tokens[at + 1 if opening is None else opening].start : tokens[-1].end]


def _sequences(connection: duckdb.DuckDBPyConnection, span: Span | None) -> tuple[Sequence, ...]:
    found: list[Sequence] = []
    for schema, name, start, low, high, step, cycle in _rows(connection, _SEQUENCES):
        if not is_left_out(name, schema):
            up = step > 0
            minimum = None if low == (1 if up else -_INT64_MAX - 1) else low
            maximum = None if high == (_INT64_MAX if up else -1) else high
            found.append(Sequence(name, _namespace(schema), start, step, minimum, maximum, cycle, span))
    return tuple(found)


def _key(schema: str, name: str) -> str:
    return f"{_namespace(schema)}.{name}" if _namespace(schema) else name


def _not_understood(connection: duckdb.DuckDBPyConnection, span: Span | None) -> tuple[NotUnderstood, ...]:
    found = [
        NotUnderstood(f"TYPE {_key(schema, name)} AS {kind}", "an alias of a type", span)
        for schema, name, kind, _ in _rows(connection, _TYPES)
        if kind != "ENUM" and schema != OWN_NAMESPACE
    ]
    for schema, name, kind, parameters, definition in _rows(connection, _MACROS):
        if schema != OWN_NAMESPACE:
            text = f"MACRO {_key(schema, name)}({', '.join(parameters)}) AS {definition}"
            found.append(NotUnderstood(text, f"a {kind.replace('_', ' ')}", span))
    return tuple(found)


def _comments(connection: duckdb.DuckDBPyConnection, span: Span | None) -> tuple[SchemaObject, ...]:
    """What people have written on tables, columns, views, types, indexes and sequences."""
    found: list[SchemaObject] = []
    for schema, kind, name, part, holder, comment in _rows(connection, _COMMENTS):
        if is_left_out(holder or name, schema):
            continue
        key = _key(schema, name)
        said = ".".join(plain(word) for word in (_namespace(schema), name, part) if word)
        on = f"COMMENT ON {kind} {qualified(key)}{f'.{quote(part)}' if part else ''}"
        found.append(SchemaObject(
            "comment", f"{kind} {said}", comment, _namespace(schema), _key(schema, holder) if holder else "",
            f"{on} IS {_literal(comment)}", f"{on} IS NULL",
            depends_on=(key,) if kind == "TYPE" else (), span=span,
        ))  # fmt: skip
    return tuple(found)
