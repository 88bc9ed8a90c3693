"""Answers about renames and about values for old rows, as files: YAML or JSON, in any of the forms people write.

    renames:
      - {table: agents, from: goal, to: objective}      a column
      - {from: agent_personas, to: personas}            a table
    not_renames:
      - {table: agents, from: industry, to: sector}
    fills:
      agents.slug: lower(name)
    merges:
      - {table: agents, from: [goal, style], to: prompt, as: "concat_ws(' ', goal, style)"}
    values:
      - {enum: mood, from: sad, to: blue}               a value of an enum
    indexes:
      - {table: agents, from: by_goal, to: by_objective}

`renames` and `not_renames` may also be mappings (`agents.goal: objective`, `agents.goal: agents.objective`,
`agents: {goal: objective}`, `old_table: new_table`), the file may be such a list or mapping by itself, `tables:` and
`columns:` may stand in place of `renames:`, and `none: true` says that nothing is a rename.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tools.errors import SourceError, UsageError
from tools.files import write_atomically
from tools.schema.merges import merges_from, merges_to, not_renames_of
from tools.schema.model import Answers, Schema
from tools.schema.normal import fold

_KEYS = frozenset({
    "renames", "rename", "not_renames", "none", "fills", "fill", "tables", "columns", "merges", "splits", "values",
    "indexes", "version",
})  # fmt: skip
Pair = tuple[str, str, str]


def read_answers(path: str | Path) -> Answers:
    """The answers in a file. Raises SourceError that names the entry (and the line, for text that is no YAML)."""
    import yaml

    source = str(path)
    try:
        data: object = yaml.safe_load(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise SourceError("no such file", source=source) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot be read: {error}", source=source) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise SourceError(f"is no YAML or JSON: {error.problem}", source=source, line=line) from error
    except yaml.YAMLError as error:
        raise SourceError(f"is no YAML or JSON: {error}", source=source) from error
    return answers_from(data, source)


def answers_from(data: object, source: str = "answers") -> Answers:
    """Answers from plain data, as read from a file or given by a model. Raises SourceError that names the entry."""
    return _Reader(source).answers(data)


def answers_to(answers: Answers) -> dict[str, Any]:
    """Answers as plain data, in the form that `write_answers` writes."""
    data: dict[str, Any] = {}
    if answers.none:
        data["none"] = True
    renames = [("", old, new) for old, new in answers.tables] + list(answers.columns)
    for name, pairs in (("renames", renames), ("not_renames", list(answers.not_renames))):
        if pairs:
            data[name] = [{**({"table": table} if table else {}), "from": old, "to": new} for table, old, new in pairs]
    for name, owner, pairs in (("values", "enum", answers.values), ("indexes", "table", answers.indexes)):
        if pairs:
            data[name] = [{owner: of, "from": old, "to": new} for of, old, new in pairs]
    if answers.fills:
        data["fills"] = {f"{table}.{column}": sql for table, column, sql in answers.fills}
    if answers.merges:
        data["merges"] = merges_to(answers.merges)
    return data


def write_answers(answers: Answers, path: str | Path) -> None:
    """Write answers as YAML; `read_answers` gives the same back."""
    import yaml

    text = yaml.safe_dump(answers_to(answers), sort_keys=False, allow_unicode=True)
    write_atomically(Path(path), "# What is a rename and what is not, and values for old rows.\n" + text)


def check_answers(answers: Answers, current: Schema, desired: Schema) -> None:
    """Raise UsageError for an answer that names a table or column which its side does not have."""
    dialect = current.dialect
    old_tables = {fold(table.key, dialect): table for table in current.tables}
    new_tables = {fold(table.key, dialect): table for table in desired.tables}
    renamed = {fold(old, dialect): new for old, new in answers.tables}
    for old, new in answers.tables:
        _expect(
            fold(old, dialect) in old_tables, f"{old} -> {new}", f"the current schema has no table {old!r}", old_tables
        )
        _expect(
            fold(new, dialect) in new_tables, f"{old} -> {new}", f"the desired schema has no table {new!r}", new_tables
        )
    for table, old, new in answers.columns:
        what = f"{table}.{old} -> {new}"
        here = old_tables.get(fold(table, dialect))
        _expect(here is not None, what, f"the current schema has no table {table!r}", old_tables)
        there = new_tables.get(fold(renamed.get(fold(table, dialect), table), dialect))
        _expect(there is not None, what, f"the desired schema has no table {table!r}", new_tables)
        for side, found, name in (("current", here, old), ("desired", there, new)):
            names = {fold(column, dialect): column for column in found.column_names} if found else {}
            _expect(fold(name, dialect) in names, what, f"the {side} table has no column {name!r}", names)
    for enum, old, new in answers.values:
        for side, schema, value in (("current", current, old), ("desired", desired, new)):
            there = schema.enum(enum)
            known = there.values if there else ()
            _expect(value in known, f"{enum}: {old} -> {new}", f"the {side} schema has no such value", known)
    for table, old, new in answers.indexes:
        for side, found, name in (("current", old_tables, old), ("desired", new_tables, new)):
            owner = found.get(fold(table, dialect))
            known = [index.name for index in owner.indexes] if owner else []
            _expect(name in known, f"{table}: {old} -> {new}", f"the {side} table has no index {name!r}", known)
    old_keys = {new: old for old, new in answers.tables}
    for merge in answers.merges:
        here = old_tables.get(fold(old_keys.get(merge.table, merge.table), dialect))
        names = {fold(column, dialect): column for column in here.column_names} if here else {}
        for name in merge.sources:
            what = f"{merge.table}.{merge.column} of {name}"
            _expect(fold(name, dialect) in names, what, f"the current table has no column {name!r}", names)
    filled = [(table, column) for table, column, _ in answers.fills]
    for table, column in (*filled, *((merge.table, merge.column) for merge in answers.merges)):
        found = new_tables.get(fold(table, dialect))
        names = {fold(name, dialect): name for name in found.column_names} if found else {}
        _expect(
            fold(column, dialect) in names,
            f"the value for {table}.{column}",
            "the desired schema has no such column",
            names,
        )


def _expect(holds: bool, what: str, problem: str, known: Iterable[str]) -> None:
    if not holds:
        names = ", ".join(sorted(known)[:12]) or "none"
        raise UsageError(f"{what}: {problem} (it has: {names})")


@dataclass
class _Reader:
    source: str
    tables: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    columns: list[Pair] = field(default_factory=list[Pair])

    def fail(self, entry: str, problem: str) -> SourceError:
        return SourceError(f"{entry}: {problem}", source=self.source)

    def answers(self, data: object) -> Answers:
        if data is None:
            return Answers()
        if not isinstance(data, (list, dict)):
            raise self.fail("the file", "must hold a list of renames, or a mapping with the key renames")
        bare = isinstance(data, list) or not _KEYS & set(cast(dict[object, object], data))
        entries: dict[object, object] = {"renames": data} if bare else cast(dict[object, object], data)
        unknown = [str(key) for key in entries if key not in _KEYS]
        if unknown:
            raise self.fail(repr(unknown[0]), f"is no known key: use {', '.join(sorted(_KEYS - {'version'}))}")
        renames = [
            pair for key in ("renames", "rename", "tables", "columns") for pair in self.pairs(entries.get(key), key)
        ]
        none = entries.get("none", False)
        if not isinstance(none, bool):
            raise self.fail("'none'", "must be true or false")
        self.once(renames)
        merges = merges_from(entries.get("merges"), entries.get("splits"), self.source)
        apart = [*self.pairs(entries.get("not_renames"), "not_renames"), *not_renames_of(merges)]
        return Answers(
            tables=tuple((old, new) for table, old, new in renames if not table),
            columns=tuple(pair for pair in renames if pair[0]),
            not_renames=tuple(dict.fromkeys(apart)),
            none=none,
            fills=tuple(self.fills(entries.get("fills", entries.get("fill")))),
            merges=merges,
            values=tuple(self.owned(entries.get("values"), "values", "enum")),
            indexes=tuple(self.owned(entries.get("indexes"), "indexes", "table")),
        )

    def owned(self, data: object, key: str, owner: str) -> list[Pair]:
        """A list of {enum or table, from, to}."""
        if data is None:
            return []
        items = cast(list[object], data) if isinstance(data, list) else None
        if items is None:
            raise self.fail(repr(key), f"must be a list of mappings such as {{{owner}: …, from: …, to: …}}")
        found: list[Pair] = []
        for at, item in enumerate(items):
            entry = f"{key}[{at + 1}]"
            values = cast(dict[object, object], item) if isinstance(item, dict) else {}
            if set(values) != {owner, "from", "to"}:
                raise self.fail(entry, f"must be a mapping of {owner}, from and to")
            found.append(tuple(self.text(values[name], entry) for name in (owner, "from", "to")))  # pyright: ignore
        return found

    def once(self, renames: list[Pair]) -> None:
        for at, side in ((1, "renamed twice"), (2, "the new name of two")):
            seen: set[tuple[str, str]] = set()
            for pair in renames:
                named = (pair[0], pair[at])
                if named in seen:
                    raise self.fail(".".join(part for part in named if part), f"is {side}")
                seen.add(named)

    def pairs(self, data: object, key: str) -> list[Pair]:
        if data is None:
            return []
        if isinstance(data, list):
            items = cast(list[object], data)
            return [self.listed(item, f"{key}[{i + 1}]") for i, item in enumerate(items)]
        if isinstance(data, dict):
            found: list[Pair] = []
            for old, new in cast(dict[object, object], data).items():
                found += self.mapped(self.text(old, key), new, f"{key}.{old}")
            return found
        raise self.fail(repr(key), "must be a list or a mapping of renames")

    def listed(self, item: object, entry: str) -> Pair:
        if not isinstance(item, dict):
            raise self.fail(entry, "must be a mapping such as {table: agents, from: goal, to: objective}")
        values = cast(dict[object, object], item)
        unknown = [
            str(key) for key in values if key not in ("table", "from", "to", "kind", "column", "before", "after")
        ]
        if unknown:
            raise self.fail(entry, f"{unknown[0]!r} is no known key: use table, from, to")
        old = values.get("from", values.get("before", values.get("column")))
        new = values.get("to", values.get("after"))
        if old is None or new is None:
            raise self.fail(entry, f"{'from' if old is None else 'to'!r} is missing")
        table = values.get("table")
        if table is None:
            return self.pair(self.text(old, entry), self.text(new, entry))
        return self.text(table, entry), _last(self.text(old, entry)), _last(self.text(new, entry))

    def mapped(self, old: str, new: object, entry: str) -> list[Pair]:
        if isinstance(new, dict):
            return [
                (old, self.text(a, entry), _last(self.text(b, entry)))
                for a, b in cast(dict[object, object], new).items()
            ]
        if isinstance(new, list):
            raise self.fail(repr(old), f"is no known key: use {', '.join(sorted(_KEYS - {'version'}))}")
        return [self.pair(old, self.text(new, entry), by_columns=entry.startswith("columns"))]

    def pair(self, old: str, new: str, by_columns: bool = False) -> Pair:
        """`a.b -> c` and `a.b -> a.c` are a column's; `a -> b` a table's, as is `x.a -> y.b` between two namespaces."""
        table, _, column = old.rpartition(".")
        if not table:
            return "", old, new
        new_table, _, new_column = new.rpartition(".")
        if new_table and new_table != table and not by_columns:
            return "", old, new
        return table, column, new_column

    def fills(self, data: object) -> list[Pair]:
        if data is None:
            return []
        if not isinstance(data, dict):
            raise self.fail("'fills'", "must be a mapping such as {agents.slug: lower(name)}")
        found: list[Pair] = []
        for key, value in cast(dict[object, object], data).items():
            if isinstance(value, dict):
                columns = cast(dict[object, object], value)
                found += [
                    (str(key), str(column), self.expression(sql, f"fills.{key}.{column}"))
                    for column, sql in columns.items()
                ]
                continue
            table, _, column = str(key).rpartition(".")
            if not table:
                raise self.fail(f"fills.{key}", "must be written as table.column")
            found.append((table, column, self.expression(value, f"fills.{key}")))
        return found

    def expression(self, value: object, entry: str) -> str:
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, (int, float)):
            return str(value)
        return self.text(value, entry)

    def text(self, value: object, entry: str) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.fail(entry, f"{value!r} is no name")
        return value.strip()


def _last(name: str) -> str:
    return name.rpartition(".")[2]
