"""The live SQLite reader: five catalog queries, whatever the number of tables.

The pragma functions tell columns, keys and indexes; check constraints, generated expressions, collations and table
options stand only in the CREATE statement's text, which is told apart by tokens.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tools.schema.body import Clause, TableBody, parse_index, parse_table, slice_of
from tools.schema.entries import entry, plain
from tools.schema.leftout import is_left_out
from tools.schema.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    NotUnderstood,
    PrimaryKey,
    Schema,
    Span,
    Table,
    Trigger,
    Unique,
    View,
)
from tools.schema.reads import columns_in, reads_of
from tools.schema.tokens import Token, tokenize

_OBJECTS = "SELECT type, name, tbl_name, sql, rootpage FROM sqlite_schema ORDER BY rowid"
_SHADOWS = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'"
_COLUMNS = """
    SELECT s.name, x.name, x.type, x."notnull", x.dflt_value, x.pk, x.hidden
    FROM sqlite_schema s, pragma_table_xinfo(s.name) x
    WHERE s.type = 'table' AND s.rootpage > 0 ORDER BY s.rowid, x.cid"""
_FOREIGN_KEYS = """
    SELECT s.name, f.id, f."table", f."from", f."to", f.on_update, f.on_delete
    FROM sqlite_schema s, pragma_foreign_key_list(s.name) f
    WHERE s.type = 'table' AND s.rootpage > 0 ORDER BY s.rowid, f.id DESC, f.seq"""
_INDEXES = """
    SELECT s.name, i.name, i."unique", i.origin, x.cid, x.name, x."desc", x.coll
    FROM sqlite_schema s, pragma_index_list(s.name) i, pragma_index_xinfo(i.name) x
    WHERE s.type = 'table' AND s.rootpage > 0 AND x.key ORDER BY s.rowid, i.seq DESC, x.seqno"""

Row = tuple[Any, ...]


@dataclass(frozen=True)
class _Catalog:
    """The five queries' rows, by table."""

    objects: list[Row]
    index_sql: dict[str, str]
    shadows: frozenset[str]
    columns: dict[str, list[Row]]
    foreign_keys: dict[str, list[Row]]
    indexes: dict[str, list[Row]]


def read_sqlite(connection: sqlite3.Connection, source: str = "") -> Schema:
    """The schema of an open SQLite database, as the caller's transaction sees it. Nothing is written or committed."""
    catalog = _catalog(connection)
    span = Span(source) if source else None
    tables: list[Table] = []
    others: list[NotUnderstood] = []
    for kind, name, _, sql, rootpage in catalog.objects:
        if kind != "table" or name in catalog.shadows or _is_internal(name):
            continue
        if not rootpage:
            others.append(NotUnderstood(sql, "a virtual table", span))
        else:
            table, odd = _table(catalog, name, sql, span)
            tables.append(table)
            others += odd
    parents = {table.name.lower(): table for table in tables}
    known = tuple(_resolved(table, parents) for table in tables)
    return Schema(
        "sqlite", known, (), _views(catalog, known, span), _triggers(catalog, span), tuple(others), source=source,
        version=sqlite3.sqlite_version,
    )  # fmt: skip


def _catalog(connection: sqlite3.Connection) -> _Catalog:
    def rows(sql: str) -> list[Row]:
        cursor = connection.cursor()
        cursor.row_factory = None
        return cursor.execute(sql).fetchall()

    def by_table(sql: str) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for row in rows(sql):
            found[row[0]].append(row[1:])
        return found

    shadows = frozenset(name for (name,) in rows(_SHADOWS))
    objects = rows(_OBJECTS)
    index_sql = {name: sql for kind, name, _, sql, _ in objects if kind == "index"}
    return _Catalog(objects, index_sql, shadows, by_table(_COLUMNS), by_table(_FOREIGN_KEYS), by_table(_INDEXES))


def _is_internal(name: str) -> bool:
    return name.lower().startswith("sqlite_") or is_left_out(name)


def _table(catalog: _Catalog, name: str, sql: str, span: Span | None) -> tuple[Table, list[NotUnderstood]]:
    tokens = tokenize(sql, "sqlite")
    body = parse_table(tokens) or TableBody((name,))
    key = [row[0] for row in sorted(catalog.columns[name], key=lambda row: row[4]) if row[4]]
    indexes = _indexes_of(catalog, name)
    columns = tuple(_column(row, body, sql, key, span) for row in catalog.columns[name])
    table = Table(
        name, columns,
        primary_key=_primary_key(key, body, span),
        uniques=tuple(_unique(columns, body, span) for _, origin, columns in indexes if origin == "u"),
        foreign_keys=_foreign_keys(catalog.foreign_keys.get(name, []), body, span),
        checks=_checks(body, sql, columns, span),
        indexes=tuple(_index(catalog, name, columns, index, span) for index, origin, _ in indexes if origin == "c"),
        options=_options(body, tokens), span=span,
    )  # fmt: skip
    return table, _oddities(name, body, sql, span)


def _column(row: Row, body: TableBody, sql: str, key: list[str], span: Span | None) -> Column:
    name, type_, notnull, default, _, hidden = row
    part = body.column(name)
    generated = part.clause("GENERATED", "AS") if part and hidden in (2, 3) else None
    collation = part.clause("COLLATE") if part else None
    # A rowid alias is never NULL, and WITHOUT ROWID keys neither: for the former the pragma does not say so.
    alias = key == [name] and type_.upper() == "INTEGER"
    return Column(
        name, type_.removesuffix("GENERATED ALWAYS").strip() if hidden else type_,
        nullable=not notnull and not alias,
        default=None if hidden else default,
        generated=generated.parenthesised(sql) if generated else None,
        stored=hidden != 2,
        collation=collation.tokens[1].name if collation else None,
        span=span,
    )  # fmt: skip


def _primary_key(key: list[str], body: TableBody, span: Span | None) -> PrimaryKey | None:
    clause = next((clause for _, clause in body.clauses() if clause.keyword == "PRIMARY"), None)
    return PrimaryKey(tuple(key), clause.name if clause else None, span) if key else None


def _unique(columns: tuple[str, ...], body: TableBody, span: Span | None) -> Unique:
    for part, clause in body.clauses():
        named = (part.name.name,) if part else clause.columns()
        if clause.keyword == "UNIQUE" and _folded(named) == _folded(columns):
            return Unique(columns, clause.name, _conflict(clause), span)
    return Unique(columns, span=span)


def _conflict(clause: Clause) -> tuple[str, ...]:
    words = [token.value for token in clause.tokens]
    if "CONFLICT" not in words:
        return ()
    action = words[words.index("CONFLICT") + 1]
    return () if action == "ABORT" else (f"ON CONFLICT {action}",)


def _foreign_keys(rows: list[Row], body: TableBody, span: Span | None) -> tuple[ForeignKey, ...]:
    grouped: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    # The pragma numbers foreign keys from the last one written to the first.
    clauses = [(p, c) for p, c in body.clauses() if c.keyword in ("FOREIGN", "REFERENCES")]
    found: list[ForeignKey] = []
    for rows in grouped.values():
        columns = tuple(row[2] for row in rows)
        match = next((c for p, c in clauses if _folded((p.name.name,) if p else c.columns()) == _folded(columns)), None)
        deferrable = match is not None and match.has("DEFERRABLE") and not match.has("NOT", "DEFERRABLE")
        found.append(ForeignKey(
            columns, rows[0][1], () if rows[0][3] is None else tuple(row[3] for row in rows), rows[0][5], rows[0][4],
            deferrable=deferrable, initially_deferred=bool(deferrable and match and match.has("INITIALLY", "DEFERRED")),
            name=match.name if match else None, span=span,
        ))  # fmt: skip
    return tuple(found)


def _checks(body: TableBody, sql: str, columns: tuple[Column, ...], span: Span | None) -> tuple[Check, ...]:
    names = tuple(column.name for column in columns)
    found: list[Check] = []
    for _, clause in body.clauses():
        if clause.keyword == "CHECK":
            expression = clause.parenthesised(sql) or ""
            found.append(Check(expression, clause.name, True, columns_in(expression, names, "sqlite"), span))
    return tuple(found)


def _indexes_of(catalog: _Catalog, table: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """(index, origin, plain columns) of each of the table's indexes, in the order of their making."""
    found: dict[str, tuple[str, list[str]]] = {}
    for name, _, origin, _, column, _, _ in catalog.indexes.get(table, []):
        found.setdefault(name, (origin, []))[1].append(column or "")
    return [(name, origin, tuple(columns)) for name, (origin, columns) in found.items()]


def _index(catalog: _Catalog, table: str, columns: tuple[Column, ...], name: str, span: Span | None) -> Index:
    sql = catalog.index_sql[name]
    body = parse_index(tokenize(sql, "sqlite"))
    assert body is not None, "the catalog keeps the CREATE INDEX statement of every index made by one"
    rows = [row for row in catalog.indexes[table] if row[0] == name]
    collations = {column.name: column.collation or "BINARY" for column in columns}
    entries = tuple(_entry(row, tokens, sql, collations) for row, tokens in zip(rows, body.entries, strict=True))
    where = slice_of(sql, body.where) or None
    return Index(name, table, entries, bool(rows[0][1]), where, definition=sql, span=span)


def _entry(row: Row, tokens: tuple[Token, ...], sql: str, collations: dict[str, str]) -> str:
    _, _, _, _, column, descending, collation = row
    if column is None:
        return entry(tokens, sql)
    odd = collation.upper() != collations.get(column, "BINARY").upper()
    suffix = f" COLLATE {collation}" if odd else ""
    return plain(column) + suffix + (" DESC" if descending else "")


def _options(body: TableBody, tokens: tuple[Token, ...]) -> tuple[str, ...]:
    tail = [token.value for token in body.tail]
    options = ["AUTOINCREMENT"] if any(token.is_word("AUTOINCREMENT") for token in tokens) else []
    options += ["STRICT"] if "STRICT" in tail else []
    return tuple(options + (["WITHOUT ROWID"] if "WITHOUT" in tail else []))


def _oddities(name: str, body: TableBody, sql: str, span: Span | None) -> list[NotUnderstood]:
    return [
        NotUnderstood(f"{name}: {slice_of(sql, clause.tokens)}", "a conflict clause", span)
        for _, clause in body.clauses()
        if clause.keyword != "UNIQUE" and _conflict(clause)
    ]


def _resolved(table: Table, parents: Mapping[str, Table]) -> Table:
    """The foreign keys with the parent's name as the parent spells it, and its primary key where no column is named."""

    def resolve(key: ForeignKey) -> ForeignKey:
        parent = parents.get(key.ref_table.lower())
        if parent is None:
            return key
        named = key.ref_columns or (parent.primary_key.columns if parent.primary_key else ())
        spelled = {column.lower(): column for column in parent.column_names}
        return replace(key, ref_table=parent.name, ref_columns=tuple(spelled.get(c.lower(), c) for c in named))

    return replace(table, foreign_keys=tuple(map(resolve, table.foreign_keys)))


def _views(catalog: _Catalog, tables: tuple[Table, ...], span: Span | None) -> tuple[View, ...]:
    rows = [(name, sql) for kind, name, _, sql, _ in catalog.objects if kind == "view" and not _is_internal(name)]
    keys = [table.key for table in tables] + [name for name, _ in rows]
    return tuple(
        View(
            name,
            _query(sql),
            depends_on=reads_of(_query(sql), [key for key in keys if key != name], "sqlite"),
            span=span,
        )
        for name, sql in rows
    )


def _query(sql: str) -> str:
    """The query of a CREATE VIEW; the view's own column list, where it has one, is kept in front as `(a, b) AS`."""
    tokens = tokenize(sql, "sqlite")
    at = next(i for i, token in enumerate(tokens) if token.is_word("AS"))
    opening = next((i for i in range(at) if tokens[i].text == "("), None)
    start = tokens[at + 1] if opening is None else tokens[opening]
    return sql[start.start : tokens[-1].end]


def _triggers(catalog: _Catalog, span: Span | None) -> tuple[Trigger, ...]:
    """Each on its table as that spells its name: the catalog has it as the trigger's own text does."""
    spelled = {name.lower(): name for kind, name, _, _, _ in catalog.objects if kind in ("table", "view")}
    return tuple(
        Trigger(name, spelled.get(table.lower(), table), sql, span)
        for kind, name, table, sql, _ in catalog.objects
        if kind == "trigger" and not _is_internal(table) and not _is_internal(name)
    )


def _folded(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)
