"""Who in the code reads or writes a table or a column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from tools.schema.model import Schema

Access = Literal["read", "write"]
Certainty = Literal["certain", "likely"]


@dataclass(frozen=True, order=True)
class Usage:
    """One place. column: None where the table as a whole is meant. file: relative to the folder that was scanned.

    certain: what the value is was followed from where it comes from. likely: the name fits, and nothing speaks against.
    """

    table: str
    column: str | None
    file: str
    line: int
    access: Access
    certainty: Certainty
    text: str = ""

    @property
    def sort_key(self) -> tuple[str, str, str, int, str]:
        return self.table, self.column or "", self.file, self.line, self.access


@dataclass(frozen=True)
class Names:
    """The tables whose usages are wanted, with their columns, and where a column's values point to.

    tables: name -> columns. keys: (table, column) -> the table that the column's values are ids of.
    """

    tables: dict[str, frozenset[str]]
    keys: dict[tuple[str, str], str]

    @classmethod
    def of(cls, schemas: Iterable[Schema]) -> Names:
        tables: dict[str, frozenset[str]] = {}
        keys: dict[tuple[str, str], str] = {}
        for schema in schemas:
            for table in schema.tables:
                tables[table.name] = tables.get(table.name, frozenset()) | frozenset(table.column_names)
                for key in table.foreign_keys:
                    if len(key.columns) == 1:
                        keys[table.name, key.columns[0]] = key.ref_table.rpartition(".")[2]
        return cls(tables, keys)

    @cached_property
    def pattern(self) -> re.Pattern[bytes]:
        """Matches whatever names a table, in any of the spellings that code has for it."""
        return _words(self.spellings)

    @cached_property
    def columns(self) -> re.Pattern[bytes]:
        """Matches every column's name, as it is and in camelCase."""
        names = {name for columns in self.tables.values() for name in columns}
        return _words(names | {camel(name) for name in names})

    @cached_property
    def spellings(self) -> dict[str, str]:
        """What code calls a table: its name, its singular, and both in camelCase and PascalCase -> the table."""
        found: dict[str, str] = {}
        for table in self.tables:
            for name in (table, singular(table)):
                for said in (name, camel(name), camel(name)[:1].upper() + camel(name)[1:]):
                    found.setdefault(said, table)
        return found | {table: table for table in self.tables}

    def column(self, table: str, name: str) -> str | None:
        """The column that a name in the code means: as it is, or the snake_case of its camelCase."""
        columns = self.tables.get(table, frozenset())
        if name in columns:
            return name
        plain = snake(name)
        return plain if plain in columns else None


def by_name(usages: Iterable[Usage]) -> dict[str, tuple[str, ...]]:
    """The places of each table (`agents`) and column (`agents.goal`), each once, as `file:line`."""
    found: dict[str, dict[str, None]] = {}
    for usage in usages:
        name = f"{usage.table}.{usage.column}" if usage.column else usage.table
        found.setdefault(name, {})[f"{usage.file}:{usage.line}"] = None
    return {name: tuple(places) for name, places in found.items()}


def usage_to_json(usage: Usage) -> dict[str, object]:
    """A usage as scripts see it; `column` is null where the table as a whole is meant."""
    return {
        "table": usage.table, "column": usage.column, "file": usage.file, "line": usage.line, "access": usage.access,
        "certainty": usage.certainty, "text": usage.text,
    }  # fmt: skip


def camel(name: str) -> str:
    first, *rest = re.split(r"[_\s-]+", name)
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def singular(name: str) -> str:
    """The usual English singular of a table's name; the name itself where it is none."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if name.endswith(ending) and not name.endswith(("ss", "us", "is")) and len(name) > len(ending) + 1:
            return name[: -len(ending)] + instead
    return name


def _words(names: Iterable[str]) -> re.Pattern[bytes]:
    listed = sorted({name.encode() for name in names}, key=lambda name: (-len(name), name))
    return re.compile(rb"(?<![\w$])(?:" + b"|".join(map(re.escape, listed)) + rb")(?![\w$])" if listed else rb"(?!)")
