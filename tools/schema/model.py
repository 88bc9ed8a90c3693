"""The canonical schema: one set of words for whatever a schema was read from.

Values are frozen and know nothing of databases. A `Span` (where a thing was read) takes no part in equality. Names are
bare, without quotes; a namespace other than the default one (`public`, `main`) stands in `namespace`, and `key` joins
the two. Types, defaults and expressions are SQL text in the schema's own dialect, as that engine prints them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from tools.location import Dialect

FkAction = Literal["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]
Origin = Literal["sql", "parsed", "mysql", "convex", "prisma", "markdown"]
ObjectKind = Literal["function", "domain", "type", "policy", "extension", "comment", "privilege", "partition", "check"]
"""`check` is a rule over several rows: Postgres's exclusion constraint."""
Firing = Literal["DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"]
Aspect = Literal[
    "indexes", "defaults", "nullability", "checks", "primary_keys", "foreign_keys", "uniques", "views", "triggers",
    "enums", "sequences", "function", "domain", "type", "policy", "extension", "comment", "privilege", "partition",
]  # fmt: skip


@dataclass(frozen=True)
class Span:
    """A place in a source: a file (or a masked URL) and a line counted from 1, 0 where there is none."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


def _span() -> Any:
    return field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Column:
    """One column. `default` and `generated` are expressions; `identity` is Postgres's `ALWAYS` or `BY DEFAULT`.

    `collation` is the text after COLLATE. `serial`: the default draws from a sequence that the column owns (Postgres);
    that sequence is then no part of the schema, and its name no difference.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    generated: str | None = None
    stored: bool = True
    identity: Literal["ALWAYS", "BY DEFAULT"] | None = None
    collation: str | None = None
    serial: bool = False
    storage: str | None = None
    """Postgres's STORAGE, where it is not the type's own."""
    counting: str | None = field(default=None, compare=False)
    """How its own counter counts where that is not the usual way (Postgres): `INCREMENT BY 10 START WITH 100`; kept
    where the counter is made anew, and no part of equality."""
    note: str | None = field(default=None, compare=False)
    """What a comment in the source says of it ("deprecated: use goal"); no part of equality."""
    shape: str | None = None
    """The whole type in the source's own words, where it says more than `type` (what is in a document); else None."""
    span: Span | None = _span()


@dataclass(frozen=True)
class PrimaryKey:
    columns: tuple[str, ...]
    name: str | None = None
    span: Span | None = _span()


@dataclass(frozen=True)
class Unique:
    """`options` are what its statement adds to the columns (`NULLS NOT DISTINCT`, `DEFERRABLE`, `ON CONFLICT …`)."""

    columns: tuple[str, ...]
    name: str | None = None
    options: tuple[str, ...] = ()
    span: Span | None = _span()


@dataclass(frozen=True)
class ForeignKey:
    """`ref_table` is a table's `key`."""

    columns: tuple[str, ...]
    ref_table: str
    ref_columns: tuple[str, ...]
    on_delete: FkAction = "NO ACTION"
    on_update: FkAction = "NO ACTION"
    deferrable: bool = False
    initially_deferred: bool = False
    validated: bool = True
    name: str | None = None
    span: Span | None = _span()


@dataclass(frozen=True)
class Check:
    """`columns` are the columns the expression reads, where known."""

    expression: str
    name: str | None = None
    validated: bool = True
    columns: tuple[str, ...] = ()
    span: Span | None = _span()


@dataclass(frozen=True)
class Index:
    """`columns` are column names or expressions, each with its order (`name DESC`) where it is not the default.

    An expression stands in parentheses (`(lower(name))`), an odd name in double quotes (`"Mixed Case" DESC`);
    tools.schema.entries takes an entry apart. `options` are what else the statement says (`NULLS NOT DISTINCT`).
    `definition` is the engine's whole statement; it serves to make the index again and takes no part in equality.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    unique: bool = False
    where: str | None = None
    method: str = "btree"
    include: tuple[str, ...] = ()
    valid: bool = True
    options: tuple[str, ...] = ()
    definition: str | None = field(default=None, compare=False, repr=False)
    span: Span | None = _span()


@dataclass(frozen=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    namespace: str = ""
    primary_key: PrimaryKey | None = None
    uniques: tuple[Unique, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    options: tuple[str, ...] = ()
    note: str | None = field(default=None, compare=False)
    span: Span | None = _span()
    unsaid: tuple[Aspect, ...] = field(default=(), compare=False, repr=False)
    """What the description of this table says nothing of, besides what its schema says nothing of."""

    @property
    def key(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class Enum:
    name: str
    values: tuple[str, ...]
    namespace: str = ""
    span: Span | None = _span()

    @property
    def key(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Sequence:
    """A sequence that no column owns. None stands for the engine's default bound."""

    name: str
    namespace: str = ""
    start: int = 1
    increment: int = 1
    minimum: int | None = None
    maximum: int | None = None
    cycle: bool = False
    span: Span | None = _span()

    @property
    def key(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class View:
    """`sql` is the query alone (no CREATE VIEW), after `(a, b) AS` where the statement names the view's columns.

    `depends_on` are the keys of the tables and views that it reads; where the catalog tells (Postgres), also columns
    (`agents#goal`), and the names of functions and types. `indexes` are those of a materialized view, each as the whole
    CREATE INDEX statement that the engine gives; `options` what stands in its WITH (`security_invoker=true`).
    """

    name: str
    sql: str
    namespace: str = ""
    materialized: bool = False
    depends_on: tuple[str, ...] = field(default=(), compare=False)
    span: Span | None = _span()
    indexes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Trigger:
    """`definition` is the whole CREATE TRIGGER statement as the engine keeps it; `depends_on` as a View has it.

    firing: by which words of ALTER TABLE it fires otherwise than a new one (Postgres), None where it does not.
    """

    name: str
    table: str
    definition: str
    span: Span | None = _span()
    depends_on: tuple[str, ...] = field(default=(), compare=False, repr=False)
    firing: Firing | None = None


@dataclass(frozen=True)
class SchemaObject:
    """What is made by one statement and known by a name: a function, a domain, a policy, a comment, …

    name: what tells it from others of its kind (a function with the types of its arguments, `slug(text)`; what a
    comment is on, `COLUMN agents.goal`). form: the text by which two are compared, never empty. table: the key of the
    table it belongs to, "" for none. create and drop: the statements that make it and remove it, each alone and whole.
    depends_on: as a View has it, where the catalog tells. rule: the condition that a partition's rows meet.
    """

    kind: ObjectKind
    name: str
    form: str
    namespace: str = ""
    table: str = ""
    create: str = field(default="", compare=False)
    drop: str = field(default="", compare=False)
    depends_on: tuple[str, ...] = field(default=(), compare=False)
    span: Span | None = _span()
    rule: str = field(default="", compare=False, repr=False)

    @property
    def key(self) -> str:
        return f"{self.namespace}.{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class NotUnderstood:
    """Something in the source that no part of this model holds: kept as text, listed, never dropped in silence.

    compared: whether it counts as a difference where the other side has no such text. It does not for what is no part
    of a schema (rows, owners, grants, settings of a session).
    """

    text: str
    reason: str = ""
    span: Span | None = _span()
    compared: bool = True


@dataclass(frozen=True)
class Schema:
    """A whole schema. `source` is the masked location; `version` the server's, where there is one.

    What is read from no SQL (Convex, Prisma, Markdown) or from MySQL is told in Postgres's words: `dialect` is then
    postgres, and `origin` says where it comes from. unsaid: what the source says nothing of: its silence is no wish.
    owners: (kind and key, role) of what belongs to another role than the one that read it; no part of the schema, but
    what is made again must go to its owner.
    """

    dialect: Dialect
    tables: tuple[Table, ...] = ()
    enums: tuple[Enum, ...] = ()
    views: tuple[View, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    not_understood: tuple[NotUnderstood, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    source: str = field(default="", compare=False)
    version: str = field(default="", compare=False)
    objects: tuple[SchemaObject, ...] = ()
    origin: Origin = field(default="sql", compare=False)
    unsaid: tuple[Aspect, ...] = field(default=(), compare=False)
    owners: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    @cached_property
    def _by_key(self) -> dict[str, Table]:
        return {table.key: table for table in reversed(self.tables)}

    def table(self, key: str) -> Table | None:
        return self._by_key.get(key)

    def exchanged(self, before: Table, after: Table) -> Schema:
        """The schema with one of its tables in another shape."""
        tables = [after if table is before else table for table in self.tables]
        new = replace(self, tables=tuple(tables))
        if after.key == before.key:  # as it would be worked out, for a fraction of the time
            new.__dict__["_by_key"] = self._by_key | {after.key: after}
        return new

    def with_triggers(self, triggers: tuple[Trigger, ...]) -> Schema:
        """The schema with these in place of its triggers; what is known of its tables stays known."""
        new = replace(self, triggers=triggers)
        new.__dict__["_by_key"] = self._by_key
        return new

    @cached_property
    def _owners(self) -> dict[str, str]:
        return dict(self.owners)

    def owner(self, kind: str, key: str) -> str:
        """The role that owns a `table`, `view`, `function`, `sequence`, or a `type` of any kind; "" where it is the one
        that read the schema."""
        return self._owners.get(f"{kind} {key}", "")

    def view(self, key: str) -> View | None:
        return next((view for view in self.views if view.key == key), None)

    def enum(self, key: str) -> Enum | None:
        return next((enum for enum in self.enums if enum.key == key), None)


@dataclass(frozen=True)
class Gap:
    """One difference: `added` means that the desired schema has it and the current has not.

    kind is one of CLI.md's. `before` and `after` hold the model's own values (a Column, an Index, …) for those who act
    on the gap; `from_` and `to` are their text for those who read it; `source` is the span of the side that shows it.
    """

    kind: str
    table: str
    column: str | None = None
    name: str | None = None
    from_: str | None = None
    to: str | None = None
    sentence: str = ""
    source: str | None = None
    before: object = field(default=None, repr=False)
    after: object = field(default=None, repr=False)


@dataclass(frozen=True)
class Question:
    """A rename that may be one: `table.before -> table.after`, with what speaks for it. Never answered by guessing.

    `table` is None for a rename of a table, the enum's key for one of its values. A merge has several columns `before`
    (`a, b`), a split several `after`; `value` is the expression that a yes to a merge stands for. `likeness` in 0..1
    orders the candidates.
    """

    kind: Literal["table", "column", "enum_value", "index", "merge", "split"]
    table: str | None
    before: str
    after: str
    evidence: tuple[str, ...] = ()
    likeness: float = 0.0
    value: str = ""


@dataclass(frozen=True)
class Merge:
    """A new column with its value of old ones: several into one, or one of those that one is split into. table: key in
    the desired schema; sources: columns of the current table; sql: an expression over them."""

    table: str
    sources: tuple[str, ...]
    column: str
    sql: str


@dataclass(frozen=True)
class Answers:
    """What a person has said about renames and about values for old rows.

    tables: (old, new). columns: (table key in the current schema, old, new). not_renames: pairs declared unrelated, in
    the same form (("", old, new) for tables). none: nothing is a rename. fills: (table key in the desired schema,
    column, SQL expression in the current or new columns) for rows that have no value. merges: columns made of others.
    values: (enum's key, old, new). indexes: (table's key, old, new).
    """

    tables: tuple[tuple[str, str], ...] = ()
    columns: tuple[tuple[str, str, str], ...] = ()
    not_renames: tuple[tuple[str, str, str], ...] = ()
    none: bool = False
    fills: tuple[tuple[str, str, str], ...] = ()
    merges: tuple[Merge, ...] = ()
    values: tuple[tuple[str, str, str], ...] = ()
    indexes: tuple[tuple[str, str, str], ...] = ()

    def merge(self, table: str, column: str) -> Merge | None:
        return next((m for m in self.merges if (m.table, m.column) == (table, column)), None)

    def fill(self, table: str, column: str) -> str | None:
        """The expression for rows that have no value: a fill's, else a merge's."""
        said = next((sql for t, c, sql in self.fills if (t, c) == (table, column)), None)
        merge = self.merge(table, column) if said is None else None
        return merge.sql if merge else said
