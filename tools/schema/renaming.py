"""A schema under other names: what the current schema looks like once the answered renames have been made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tools.location import Dialect
from tools.schema.entries import plain, split_entry
from tools.schema.model import Answers, Check, Column, ForeignKey, Index, Schema, Table
from tools.schema.normal import fold
from tools.schema.reserved import may_name
from tools.schema.tokens import tokenize

Names = Mapping[str, str]
"""Old names, folded, to new ones."""


def renamed(schema: Schema, answers: Answers) -> Schema:
    """The schema with the answered renames made in tables, columns, keys, checks, indexes and triggers.

    A rename of something that is not there is left aside. Views keep their text: their columns keep their names too.
    """
    dialect = schema.dialect
    tables = _names(answers.tables, dialect)
    columns: dict[str, dict[str, str]] = {}
    for table, old, new in answers.columns:
        columns.setdefault(fold(table, dialect), {})[fold(old, dialect)] = new
    if not tables and not columns and not answers.indexes:
        return schema
    change = _Change(dialect, tables, columns, {(table, old): new for table, old, new in answers.indexes})
    return replace(
        schema,
        tables=tuple(change.table(table) for table in schema.tables),
        triggers=tuple(replace(trigger, table=change.key(trigger.table)) for trigger in schema.triggers),
        objects=tuple(replace(o, table=change.key(o.table)) if o.table else o for o in schema.objects),
    )


def renamed_expression(text: str, names: Names, dialect: Dialect) -> str:
    """An expression with columns under their new names; functions and strings of the same name stay, and so do the rows
    of a trigger (`NEW.goal`)."""
    tokens = tokenize(text, dialect)
    parts: list[str] = []
    end = 0
    for i, token in enumerate(tokens):
        following = tokens[i + 1].text if i + 1 < len(tokens) else ""
        other = following == "(" or (following == "." and token.is_word("NEW", "OLD"))
        new = names.get(fold(token.name, dialect)) if may_name(token) and not other else None
        if new is not None:
            parts += [text[end : token.start], _spelled(new, dialect)]
            end = token.end
    return "".join([*parts, text[end:]])


def _names(pairs: Iterable[tuple[str, str]], dialect: Dialect) -> dict[str, str]:
    return {fold(old, dialect): new for old, new in pairs}


def _spelled(name: str, dialect: Dialect) -> str:
    odd = dialect == "postgres" and name != name.lower()
    return '"' + name.replace('"', '""') + '"' if odd else plain(name)


class _Change:
    def __init__(
        self, dialect: Dialect, tables: Names, columns: Mapping[str, Names], indexes: Mapping[tuple[str, str], str]
    ) -> None:
        self.dialect: Dialect = dialect
        self.tables, self.columns, self.indexes = tables, columns, indexes

    def key(self, key: str) -> str:
        return self.tables.get(fold(key, self.dialect), key)

    def table(self, table: Table) -> Table:
        names = self.columns.get(fold(table.key, self.dialect), {})
        namespace, _, name = self.key(table.key).rpartition(".")
        if fold(self.key(table.key), self.dialect) == fold(table.key, self.dialect):
            namespace, name = table.namespace, table.name
        key = f"{namespace}.{name}" if namespace else name
        return replace(
            table, name=name, namespace=namespace,
            columns=tuple(self._column(column, names) for column in table.columns),
            primary_key=table.primary_key and replace(
                table.primary_key, columns=self._all(table.primary_key.columns, names)),
            uniques=tuple(replace(unique, columns=self._all(unique.columns, names)) for unique in table.uniques),
            foreign_keys=tuple(self._foreign_key(foreign, names) for foreign in table.foreign_keys),
            checks=tuple(self._check(check, names) for check in table.checks),
            indexes=tuple(self._index(index, key, names) for index in table.indexes),
        )  # fmt: skip

    def _all(self, columns: Iterable[str], names: Names) -> tuple[str, ...]:
        return tuple(names.get(fold(column, self.dialect), column) for column in columns)

    def _column(self, column: Column, names: Names) -> Column:
        generated = column.generated and renamed_expression(column.generated, names, self.dialect)
        return replace(column, name=names.get(fold(column.name, self.dialect), column.name), generated=generated)

    def _foreign_key(self, key: ForeignKey, names: Names) -> ForeignKey:
        parents = self.columns.get(fold(key.ref_table, self.dialect), {})
        return replace(
            key, columns=self._all(key.columns, names), ref_table=self.key(key.ref_table),
            ref_columns=self._all(key.ref_columns, parents),
        )  # fmt: skip

    def _check(self, check: Check, names: Names) -> Check:
        expression = renamed_expression(check.expression, names, self.dialect)
        return replace(check, expression=expression, columns=self._all(check.columns, names))

    def _index(self, index: Index, table: str, names: Names) -> Index:
        where = index.where and renamed_expression(index.where, names, self.dialect)
        return replace(
            index, table=table, name=self.indexes.get((table, index.name), index.name),
            columns=tuple(self._entry(text, names) for text in index.columns), where=where,
            include=self._all(index.include, names),
        )  # fmt: skip

    def _entry(self, text: str, names: Names) -> str:
        name, expression, suffix = split_entry(text)
        core = renamed_expression(expression, names, self.dialect)
        if name is not None:
            core = plain(names.get(fold(name, self.dialect), name))
        return f"{core} {suffix}".strip()
