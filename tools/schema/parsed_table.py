"""A table in the making out of sqlglot's trees: columns, keys, checks, indexes, and what ALTER TABLE does to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sqlglot import exp

from tools.schema.entries import plain
from tools.schema.model import (
    Check,
    Column,
    Enum,
    FkAction,
    ForeignKey,
    Index,
    NotUnderstood,
    PrimaryKey,
    Span,
    Table,
    Unique,
    View,
)
from tools.schema.model import Sequence as SequenceOf
from tools.schema.parsed_types import postgres_type
from tools.schema.render import literal

_ACTIONS: tuple[FkAction, ...] = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
_SERIALS = ("SERIAL", "BIGSERIAL", "SMALLSERIAL")


def key_of(table: Any) -> str:
    """A table's key: `public` and, for MySQL, nothing else is left out."""
    space = table.args.get("db")
    name = table.name
    return name if space is None or space.name == "public" else f"{space.name}.{name}"


@dataclass
class Making:
    """All that the statements have made so far."""

    mysql: bool
    source: str
    tables: dict[str, Table] = field(default_factory=dict[str, Table])
    enums: list[Enum] = field(default_factory=list[Enum])
    views: list[View] = field(default_factory=list[View])
    sequences: list[SequenceOf] = field(default_factory=list[SequenceOf])
    listed: list[NotUnderstood] = field(default_factory=list[NotUnderstood])
    values: dict[tuple[str, str], Enum] = field(default_factory=dict[tuple[str, str], Enum])

    @property
    def written(self) -> str:
        return "mysql" if self.mysql else "postgres"

    def inline_enums(self) -> tuple[Enum, ...]:
        """The enums that MySQL's columns have of their own, of the columns that are still there."""
        there = {(t.key, c.name) for t in self.tables.values() for c in t.columns}
        return tuple(enum for place, enum in self.values.items() if place in there)

    def finished(self) -> tuple[Table, ...]:
        """The tables; a foreign key that names no columns points to its parent's key."""
        return tuple(
            _spelled(replace(table, foreign_keys=tuple(self._pointed(key) for key in table.foreign_keys)))
            for table in self.tables.values()
        )

    def _pointed(self, key: ForeignKey) -> ForeignKey:
        parent = self.tables.get(key.ref_table)
        if key.ref_columns or parent is None or parent.primary_key is None:
            return key
        return replace(key, ref_columns=parent.primary_key.columns)

    def draw(self, table: str, column: str, **edit: Any) -> bool:
        """Say of a column where its numbers come from; False where it is not there."""
        found = self.tables.get(table)
        if found is None or found.column(column) is None:
            return False
        self.tables[table] = _edited(found, column, nullable=False, **edit)
        return True

    def create_table(self, tree: exp.Create, span: Span | None) -> None:
        table = tree.this.this
        space = key_of(table).rpartition(".")[0]
        made = Table(table.name, (), space, span=self.span(table, span))
        if made.key in self.tables and tree.args.get("exists"):
            return
        for part in tree.this.expressions:
            made = self.with_part(made, part)
        comment = tree.find(exp.SchemaCommentProperty)
        self.tables[made.key] = replace(made, note=comment.name if comment else None)

    def with_part(self, table: Table, part: Any, *, valid: bool = True) -> Table:
        """The table with a column or a constraint more."""
        name: str | None = None
        if isinstance(part, exp.Constraint):
            name, part = part.name, part.expressions[0]
        span = self.span(part, table.span)
        if isinstance(part, exp.ColumnDef):
            return self.with_column(table, part)
        if isinstance(part, (exp.PrimaryKey, exp.PrimaryKeyColumnConstraint)):
            return replace(table, primary_key=PrimaryKey(_names(part.expressions), None if self.mysql else name, span))
        if isinstance(part, exp.UniqueColumnConstraint) and isinstance(part.this, exp.Schema):
            own = part.this.this.name if part.this.this else name
            return replace(table, uniques=(*table.uniques, Unique(_names(part.this.expressions), own, span=span)))
        if isinstance(part, exp.CheckColumnConstraint):
            return replace(table, checks=(*table.checks, _check(part, name, span, valid=valid)))
        if isinstance(part, exp.ForeignKey):
            key = _foreign_key(_names(part.expressions), part.args["reference"], name, span, valid=valid)
            return replace(table, foreign_keys=(*table.foreign_keys, key))
        if isinstance(part, exp.IndexColumnConstraint) and not part.args.get("kind"):
            entries = tuple(self.entry(e) for e in part.expressions)
            return replace(table, indexes=(*table.indexes, Index(part.this.name, table.key, entries, span=span)))
        self.listed.append(NotUnderstood(part.sql(self.written), f"of table {table.key}", span, compared=False))
        return table

    def with_column(self, table: Table, part: exp.ColumnDef) -> Table:
        column = Column(part.name, self.type_of(table, part), span=self.span(part, table.span))
        kind = part.args.get("kind")
        if isinstance(kind, exp.DataType) and kind.this is exp.DType.SERIAL and self.mysql:
            column = replace(column, type="numeric(20,0)", nullable=False, identity="BY DEFAULT")
        elif isinstance(kind, exp.DataType) and getattr(kind.this, "name", "") in _SERIALS:
            column = replace(column, nullable=False, serial=True, default="serial")
        table = replace(table, columns=(*(c for c in table.columns if c.name != column.name), column))
        for constraint in part.args.get("constraints") or ():
            name = constraint.args["this"].name if constraint.args.get("this") else None
            table = self.constrained(table, part.name, constraint.args["kind"], name)
        return table

    def type_of(self, table: Table, part: exp.ColumnDef) -> str:
        kind = part.args.get("kind")
        if not isinstance(kind, exp.DataType):
            return "text"
        if kind.this is exp.DType.ENUM:
            enum = Enum(f"{table.name}_{part.name}", tuple(value.name for value in kind.expressions), table.namespace,
                        self.span(part, table.span))  # fmt: skip
            self.values[(table.key, part.name)] = enum
            return plain(enum.name)
        return postgres_type(kind, mysql=self.mysql)

    def constrained(self, table: Table, column: str, kind: Any, name: str | None) -> Table:
        """What stands behind one column: most of it the column's own, keys and checks the table's."""
        span = table.span
        edit: dict[str, Any] | None = None
        if isinstance(kind, exp.NotNullColumnConstraint):
            edit = {"nullable": bool(kind.args.get("allow_null"))}
        elif isinstance(kind, exp.DefaultColumnConstraint):
            edit = {"default": self.default(table, column, kind.this)}
        elif isinstance(kind, (exp.AutoIncrementColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)):
            always = isinstance(kind, exp.GeneratedAsIdentityColumnConstraint) and kind.this is True
            edit = {"identity": "ALWAYS" if always else "BY DEFAULT", "nullable": False, "default": None}
        elif isinstance(kind, exp.ComputedColumnConstraint):
            edit = {
                "generated": kind.this.sql("postgres"),
                "stored": bool(kind.args.get("persisted")) or not self.mysql,
            }
        elif isinstance(kind, exp.CommentColumnConstraint):
            edit = {"note": kind.this.name}
        elif isinstance(kind, exp.CollateColumnConstraint):
            edit = {} if self.mysql else {"collation": kind.this.sql("postgres")}
        if edit is not None:
            return _edited(table, column, **edit)
        if isinstance(kind, exp.PrimaryKeyColumnConstraint):
            return replace(table, primary_key=PrimaryKey((column,), None if self.mysql else name, span))
        if isinstance(kind, exp.UniqueColumnConstraint):
            return replace(table, uniques=(*table.uniques, Unique((column,), name, span=span)))
        if isinstance(kind, exp.CheckColumnConstraint):
            return replace(table, checks=(*table.checks, _check(kind, name, span)))
        if isinstance(kind, exp.Reference):
            key = _foreign_key((column,), kind, name, span)
            return replace(table, foreign_keys=(*table.foreign_keys, key))
        text = f"{table.key}.{column}: {kind.sql(self.written)}"
        self.listed.append(NotUnderstood(text, "of a column", span, compared=False))
        return table

    def default(self, table: Table, column: str, value: Any) -> str | None:
        known = table.column(column)
        if isinstance(value, exp.Null):
            return None
        if isinstance(value, exp.Literal) and known is not None and known.type == "boolean":
            return "true" if value.name in ("1", "t", "true") else "false"
        if isinstance(value, exp.Literal) and value.is_string:
            number = known is not None and known.type.split("(")[0] in ("integer", "bigint", "smallint", "numeric")
            return value.name if number else literal(value.name)
        return "now()" if isinstance(value, exp.CurrentTimestamp) else value.sql("postgres")

    def create_index(self, tree: exp.Create, span: Span | None) -> bool:
        index, table = tree.this, self.tables.get(key_of(tree.this.args["table"]))
        if table is None or tree.args.get("properties"):
            return False
        facts = index.args.get("params") or exp.IndexParameters()
        where = facts.args.get("where")
        entries = tuple(self.entry(e) for e in facts.args.get("columns") or ())
        using = facts.args.get("using")
        name = index.name or f"{table.name}_{'_'.join(e.split()[0].strip('()') for e in entries)}_idx"
        made = Index(
            name, table.key, entries, bool(tree.args.get("unique")), where.this.sql("postgres") if where else None,
            using.name.lower() if using else "btree", _names(facts.args.get("include") or ()), span=span,
        )  # fmt: skip
        if self.mysql and made.unique:
            unique = Unique(tuple(e.strip('"') for e in entries), made.name, span=span)
            self.tables[table.key] = replace(table, uniques=(*table.uniques, unique))
        else:
            self.tables[table.key] = replace(table, indexes=(*table.indexes, made))
        return True

    def entry(self, part: Any) -> str:
        order = ""
        if isinstance(part, exp.Ordered):
            order, part = " DESC" if part.args.get("desc") else "", part.this
        if isinstance(part, exp.ColumnPrefix):
            return f"(left({plain(part.this.name)}, {part.expression.name})){order}"
        if isinstance(part, (exp.Column, exp.Identifier)):
            return plain(part.name) + order
        text = part.sql("postgres")
        return (text if isinstance(part, exp.Paren) else f"({text})") + order

    def alter(self, table: Table, action: Any, not_valid: bool) -> bool:
        """One action of ALTER TABLE; False for what is not understood."""
        changed: Table | None = None
        if isinstance(action, exp.ColumnDef):
            changed = self.with_part(table, action)
        elif isinstance(action, exp.ModifyColumn):
            old = table.columns
            changed = self.with_part(table, action.this)
            order = [c.name for c in old]
            changed = replace(changed, columns=tuple(sorted(
                changed.columns, key=lambda c: order.index(c.name) if c.name in order else len(order))))  # fmt: skip
        elif isinstance(action, exp.AddConstraint):
            changed = table
            for part in action.expressions:
                changed = self.with_part(changed, part, valid=not not_valid)
        elif isinstance(action, exp.Drop) and action.args.get("kind") == "COLUMN":
            gone = _names(action.args.get("tables") or ())
            changed = replace(table, columns=tuple(c for c in table.columns if c.name not in gone))
        elif isinstance(action, exp.AlterColumn):
            changed = self.alter_column(table, action)
        elif isinstance(action, exp.AlterRename):
            del self.tables[table.key]
            changed = replace(table, name=action.this.name)
        elif isinstance(action, exp.RenameColumn):
            old, new = action.this.name, action.args["to"].name
            changed = replace(table, columns=tuple(replace(c, name=new) if c.name == old else c for c in table.columns))
        if changed is None:
            return False
        self.tables[changed.key] = changed
        return True

    def alter_column(self, table: Table, action: exp.AlterColumn) -> Table | None:
        name, facts = action.this.name, action.args
        if table.column(name) is None:
            return None
        if facts.get("dtype"):
            return _edited(table, name, type=postgres_type(facts["dtype"], mysql=self.mysql))
        if facts.get("default") is not None:
            return _edited(table, name, default=self.default(table, name, facts["default"]))
        if facts.get("allow_null") is not None:
            return _edited(table, name, nullable=bool(facts["allow_null"]))
        return _edited(table, name, default=None) if facts.get("drop") else None

    def note(self, kind: str, thing: Any, text: str) -> bool:
        """COMMENT ON TABLE and COLUMN."""
        if kind == "TABLE":
            table = self.tables.get(key_of(thing))
            if table:
                self.tables[table.key] = replace(table, note=text)
            return table is not None
        space = thing.args.get("db")
        owner = thing.args.get("table")
        name = owner.name if owner is not None else ""
        table = self.tables.get(name if space is None or space.name == "public" else f"{space.name}.{name}")
        if table is None or table.column(thing.name) is None:
            return False
        self.tables[table.key] = _edited(table, thing.name, note=text)
        return True

    def span(self, part: Any, fallback: Span | None) -> Span | None:
        if not self.source:
            return None
        name = part.find(exp.Identifier)
        line = name.meta.get("line") if name is not None else None
        return Span(self.source, line) if line else fallback


def _spelled(table: Table) -> Table:
    """Keys with their columns as these are declared: neither engine takes notice of the case of a bare name."""
    declared = {name.lower(): name for name in table.column_names}

    def said(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(declared.get(name.lower(), name) for name in names)

    key = table.primary_key
    return replace(
        table, primary_key=replace(key, columns=said(key.columns)) if key else None,
        uniques=tuple(replace(unique, columns=said(unique.columns)) for unique in table.uniques),
        foreign_keys=tuple(replace(foreign, columns=said(foreign.columns)) for foreign in table.foreign_keys),
    )  # fmt: skip


def _names(parts: Iterable[Any]) -> tuple[str, ...]:
    return tuple((part.this if isinstance(part, exp.Ordered) else part).name for part in parts)


def _edited(table: Table, column: str, **edit: Any) -> Table:
    return replace(table, columns=tuple(replace(c, **edit) if c.name == column else c for c in table.columns))


def _check(part: exp.CheckColumnConstraint, name: str | None, span: Span | None, *, valid: bool = True) -> Check:
    columns = tuple(dict.fromkeys(column.name for column in part.this.find_all(exp.Column)))
    return Check(part.this.sql("postgres"), name, valid, columns, span)


def _foreign_key(
    columns: tuple[str, ...], reference: Any, name: str | None, span: Span | None, *, valid: bool = True
) -> ForeignKey:
    parent = reference.this
    listed = _names(parent.expressions) if isinstance(parent, exp.Schema) else ()
    said = [str(option) for option in reference.args.get("options") or ()]

    def action(what: str) -> FkAction:
        for one in _ACTIONS:
            if f"ON {what} {one}" in said:
                return one
        return "NO ACTION"

    return ForeignKey(
        columns, key_of(parent.this if isinstance(parent, exp.Schema) else parent), listed, action("DELETE"),
        action("UPDATE"), "DEFERRABLE" in said, "INITIALLY DEFERRED" in said, valid, name, span,
    )  # fmt: skip
