"""The live Postgres reader: a fixed number of catalog queries, whatever the number of tables.

Expressions and types are printed by the server under the search path `public`, so that what the connection's own search
path is makes no difference. Objects of extensions are the extension's, not the schema's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from tools.schema import postgres_catalog as catalog
from tools.schema import postgres_objects as objects
from tools.schema.body import parse_index, slice_of
from tools.schema.entries import entry
from tools.schema.leftout import is_left_out
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
    Span,
    Table,
    Trigger,
    Unique,
    View,
)
from tools.schema.model import Sequence as SequenceOf
from tools.schema.parens import encloses
from tools.schema.tokens import tokenize

if TYPE_CHECKING:
    import psycopg

_BOUNDS = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_ACTIONS: dict[str, Any] = {
    "a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT",
}  # fmt: skip
_NAMED_WHOLE = ("comment", "policy", "extension", "privilege", "partition", "check")
"""Their names, or the tables that they are on, already tell the namespace."""

_COLUMN_FIELDS = (
    "name",
    "type",
    "notnull",
    "default",
    "generated",
    "identity",
    "collation",
    "serial",
    "storage",
    "counting",
)
_SIMPLE_INDEX = re.compile(
    r"CREATE (?:UNIQUE )?INDEX [a-z_][a-z0-9_]* ON (?:[a-z_][a-z0-9_]*\.)?[a-z_][a-z0-9_]* USING (?P<method>[a-z]+)"
    r" \((?P<columns>[a-z_][a-z0-9_]*(?: DESC)?(?:, [a-z_][a-z0-9_]*(?: DESC)?)*)\)(?: WHERE (?P<where>[^';]+))?"
)
"""Most indexes, as pg_get_indexdef writes them: plain columns and an order. Tokens would take ten times as long."""

Row = dict[str, Any]


def read_postgres(connection: psycopg.Connection[Any], source: str = "", namespaces: Sequence[str] = ()) -> Schema:
    """The schema of a Postgres database as the caller's transaction sees it; `namespaces` empty: all but the system's.

    Outside a transaction it opens one of its own, so that all queries see one state. Nothing is written.
    """
    with connection.transaction(), connection.cursor(row_factory=_dicts()) as cursor:
        before = _one(cursor, "SELECT current_setting('search_path') AS path")["path"]
        _one(cursor, "SELECT set_config('search_path', 'public', true) AS path")
        try:
            wanted = [row["name"] for row in _rows(cursor, catalog.NAMESPACES)]
            read = _Reader(cursor, [name for name in wanted if not namespaces or name in namespaces], source)
            return read.schema()
        finally:
            # In a transaction that has failed nothing can be set, nor need it be: the setting goes with it.
            if connection.info.transaction_status.name != "INERROR":
                _one(cursor, "SELECT set_config('search_path', %s, true) AS path", (before,))


def _dicts() -> Any:
    from psycopg.rows import dict_row

    return dict_row


def _rows(cursor: Any, sql: str, parameters: object = None) -> list[Row]:
    return cursor.execute(sql, parameters).fetchall()


def _one(cursor: Any, sql: str, parameters: object = None) -> Row:
    return _rows(cursor, sql, parameters)[0]


def _space(name: str) -> str:
    return "" if name == "public" else name


def _key(row: Row, table: str = "table") -> str:
    space = _space(row["namespace"])
    return f"{space}.{row[table]}" if space else row[table]


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[_key(row)].append(row)
    return found


@dataclass
class _Reader:
    cursor: Any
    namespaces: list[str]
    source: str

    def __post_init__(self) -> None:
        self.span = Span(self.source) if self.source else None
        self.numbered: dict[str, dict[int, str]] = {}
        self.known: dict[tuple[Any, ...], Column] = {}

    def all_rows(self, sql: str) -> list[Row]:
        return _rows(self.cursor, sql, {"namespaces": self.namespaces})

    def rows(self, sql: str) -> list[Row]:
        found = self.all_rows(sql)
        return [row for row in found if not is_left_out(str(row.get("table", "")), row["namespace"])]

    def schema(self) -> Schema:
        version = _one(self.cursor, "SELECT current_setting('server_version') AS version")["version"]
        return Schema(
            "postgres", self.tables(), self.enums(), self.views(), self.triggers(), self.not_understood(),
            self.sequences(), self.source, version.split()[0], self.objects(), owners=self.owners(),
        )  # fmt: skip

    def tables(self) -> tuple[Table, ...]:
        columns, rules = _grouped(self.all_rows(catalog.COLUMNS)), _grouped(self.rows(catalog.CONSTRAINTS))
        self.numbered = {key: {row["number"]: row["name"] for row in rows} for key, rows in columns.items()}
        indexes = _grouped(self.rows(catalog.INDEXES))
        found: list[Table] = []
        for row in self.rows(catalog.TABLES):
            key = _key(row)
            own = rules.get(key, [])
            found.append(Table(
                row["table"], tuple(self._column(column) for column in columns.get(key, [])), _space(row["namespace"]),
                primary_key=next((self._primary_key(rule) for rule in own if rule["kind"] == "p"), None),
                uniques=tuple(self._unique(rule) for rule in own if rule["kind"] == "u"),
                foreign_keys=tuple(self._foreign_key(rule) for rule in own if rule["kind"] == "f"),
                checks=tuple(self._check(rule) for rule in own if rule["kind"] == "c"),
                indexes=tuple(self._index(index) for index in indexes.get(key, [])),
                options=_options(row), span=self.span,
            ))  # fmt: skip
        return tuple(found)

    def _column(self, row: Row) -> Column:
        """Many tables have columns alike: one value serves them all."""
        told = tuple(row[field] for field in _COLUMN_FIELDS)
        found = self.known.get(told)
        if found is None:
            found = self.known[told] = self._new_column(row)
        return found

    def _new_column(self, row: Row) -> Column:
        return Column(
            row["name"], row["type"], not row["notnull"],
            default=None if row["generated"] else row["default"],
            generated=_bare(row["default"]) if row["generated"] else None,
            stored=row["generated"] != "v",
            identity={"a": "ALWAYS", "d": "BY DEFAULT"}.get(row["identity"]),  # pyright: ignore[reportArgumentType]
            collation=row["collation"], serial=row["serial"], storage=row["storage"],
            counting=row["counting"], span=self.span,
        )  # fmt: skip

    def _names(self, table: str, numbers: list[int] | None) -> tuple[str, ...]:
        return tuple(self.numbered[table][number] for number in numbers or ())

    def _own(self, row: Row) -> tuple[str, ...]:
        return self._names(_key(row), row["columns"])

    def _primary_key(self, row: Row) -> PrimaryKey:
        return PrimaryKey(self._own(row), row["name"], self.span)

    def _unique(self, row: Row) -> Unique:
        # The definition is `UNIQUE [NULLS NOT DISTINCT] (a, b) [INCLUDE (c)] [DEFERRABLE …]`.
        tokens = tokenize(row["definition"], "postgres")
        opening = next(i for i, token in enumerate(tokens) if token.text == "(")
        closing = next(i for i, token in enumerate(tokens) if token.text == ")")
        options = [slice_of(row["definition"], part) for part in (tokens[1:opening], tokens[closing + 1 :]) if part]
        return Unique(self._own(row), row["name"], tuple(options), self.span)

    def _foreign_key(self, row: Row) -> ForeignKey:
        space = _space(row["parent_namespace"])
        parent = f"{space}.{row['parent']}" if space else row["parent"]
        names = row["parent_names"] or self._names(parent, row["parent_columns"])
        return ForeignKey(
            self._own(row), parent, tuple(names),
            _ACTIONS[row["on_delete"]], _ACTIONS[row["on_update"]], row["deferrable"], row["deferred"],
            row["validated"], row["name"], self.span,
        )  # fmt: skip

    def _check(self, row: Row) -> Check:
        return Check(_bare(row["expression"]), row["name"], row["validated"], self._own(row), self.span)

    def _index(self, row: Row) -> Index:
        sql = row["definition"]
        simple = _SIMPLE_INDEX.fullmatch(sql)
        if simple:
            where = simple["where"]
            return Index(
                row["name"], _key(row), tuple(simple["columns"].split(", ")), row["unique"],
                _bare(where) if where else None, simple["method"], valid=row["valid"], definition=sql, span=self.span,
            )  # fmt: skip
        body = parse_index(tokenize(sql, "postgres"))
        assert body is not None, "pg_get_indexdef gives a CREATE INDEX statement"
        return Index(
            row["name"], _key(row), tuple(entry(tokens, sql) for tokens in body.entries), row["unique"],
            _bare(slice_of(sql, body.where)) or None, body.method, body.include, row["valid"],
            tuple(slice_of(sql, option) for option in body.options), sql, self.span,
        )  # fmt: skip

    def enums(self) -> tuple[Enum, ...]:
        return tuple(
            Enum(row["name"], tuple(row["labels"]), _space(row["namespace"]), self.span)
            for row in self.rows(catalog.ENUMS)
        )

    def views(self) -> tuple[View, ...]:
        return tuple(
            View(
                row["table"], row["sql"].strip().rstrip(";"), _space(row["namespace"]), row["kind"] == "m",
                tuple(need for need in _needs(row) if not need.startswith(f"{_key(row)}#")), self.span,
                tuple(row["indexes"] or ()), tuple(sorted(row["options"] or ())),
            )
            for row in self.rows(catalog.VIEWS)
        )  # fmt: skip

    def triggers(self) -> tuple[Trigger, ...]:
        return tuple(
            Trigger(row["name"], _key(row), row["definition"], self.span, _needs(row), row["firing"])
            for row in self.rows(catalog.TRIGGERS)
        )

    def sequences(self) -> tuple[SequenceOf, ...]:
        return tuple(self._sequence(row) for row in self.rows(catalog.SEQUENCES))

    def _sequence(self, row: Row) -> SequenceOf:
        up, bound = row["increment"] > 0, _BOUNDS[row["type"]]
        lowest, highest = (1, bound) if up else (-bound - 1, -1)
        return SequenceOf(
            row["table"], _space(row["namespace"]), row["start"], row["increment"],
            None if row["minimum"] == lowest else row["minimum"], None if row["maximum"] == highest else row["maximum"],
            row["cycle"], self.span,
        )  # fmt: skip

    def objects(self) -> tuple[SchemaObject, ...]:
        return tuple(
            SchemaObject(
                row["kind"], row["name"], row["form"],
                "" if row["kind"] in _NAMED_WHOLE else _space(row["namespace"]),
                _key(row) if row["table"] else "", row["create"], row["drop"], _needs(row), self.span,
                row.get("rule") or "",
            )
            for sql in objects.QUERIES
            for row in self.rows(sql)
        )  # fmt: skip

    def owners(self) -> tuple[tuple[str, str], ...]:
        """Those that are not the role which reads; partitions have owners of their own."""
        return tuple((f"{row['kind']} {_key(row, 'name')}", row["owner"]) for row in self.all_rows(catalog.OWNERS))

    def not_understood(self) -> tuple[NotUnderstood, ...]:
        return tuple(
            NotUnderstood(row["text"], row["reason"], self.span)
            for sql in catalog.left_overs(self.cursor.connection.info.server_version // 10_000)
            for row in self.rows(sql)
        )


def _options(row: Row) -> tuple[str, ...]:
    options = ["UNLOGGED"] if row["unlogged"] else []
    options += [f"PARTITION BY {row['partitioned_by']}"] if row["partitioned_by"] else []
    return tuple(options + ([f"WITH ({', '.join(sorted(row['options']))})"] if row["options"] else []))


def _needs(row: Row) -> tuple[str, ...]:
    """What a thing holds on to, each column with its table; the table that it is on goes without saying."""
    found = {name for said in row.get("needs") or () for name in (said, said.partition("#")[0])}
    return tuple(sorted(found - {_key(row)}))


@lru_cache(maxsize=4096)
def _bare(expression: str) -> str:
    """An expression without the parentheses that enclose the whole of it."""
    tokens = tokenize(expression, "postgres")
    while len(tokens) > 2 and tokens[0].text == "(" and encloses(tokens):
        expression = expression[tokens[0].end : tokens[-1].start].strip()
        tokens = tokenize(expression, "postgres")
    return expression
