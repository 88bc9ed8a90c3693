"""The classes of a Python project that stand for tables: SQLAlchemy, SQLModel, Django."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tools.usages.model import Names, singular

Node = Any
DECLARES = re.compile(rb"__tablename__|models\.Model|table\s*=\s*True|db_table")


@dataclass(frozen=True)
class Model:
    """A class, the table that it stands for, and its attributes -> columns where they differ from the name."""

    name: str
    table: str
    columns: dict[str, str] = field(default_factory=dict[str, str])

    def column(self, names: Names, attribute: str) -> str | None:
        said = self.columns.get(attribute, attribute)
        columns = names.tables.get(self.table, frozenset())
        return said if said in columns else None


@cache
def parser() -> Any:
    import tree_sitter
    import tree_sitter_python

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))


def models_in(text: bytes, names: Names) -> Iterator[Model]:
    """The models that a file declares."""
    if not DECLARES.search(text):
        return
    waiting = [parser().parse(text).root_node]
    while waiting:
        node = waiting.pop()
        if node.type == "class_definition":
            found = _model(node, names)
            if found:
                yield found
        waiting.extend(child for child in reversed(node.named_children) if child.type in _HOLDS)


_HOLDS = ("module", "class_definition", "decorated_definition", "block", "if_statement")


def _model(node: Node, names: Names) -> Model | None:
    name = _word(node.child_by_field_name("name"))
    bases = _word(node.child_by_field_name("superclasses"))
    assigned = dict(_assigned(node))
    told = assigned.get("__tablename__")
    if told is not None:
        table = _string(told)
    elif re.search(r"table\s*=\s*True", bases):
        table = name.lower()
    elif re.search(r"\bmodels\.Model\b", bases):
        table = _django_table(node, name, names)
    else:
        return None
    if table not in names.tables:
        return None
    columns = {attribute: column for attribute, value in assigned.items() if (column := _column(value, attribute))}
    return Model(name, table, columns)


def _django_table(node: Node, name: str, names: Names) -> str | None:
    said = re.search(r"\bdb_table\s*=\s*[\"']([^\"']+)[\"']", _word(node))
    if said:
        return said.group(1)
    lower = name.lower()
    return next((t for t in names.tables if t.endswith(f"_{lower}") or lower in (t, singular(t))), None)


def _assigned(node: Node) -> Iterator[tuple[str, Node]]:
    body = node.child_by_field_name("body")
    for statement in body.named_children if body is not None else ():
        inner = statement.named_children[0] if statement.type == "expression_statement" else None
        if inner is not None and inner.type == "assignment":
            left, right = inner.child_by_field_name("left"), inner.child_by_field_name("right")
            if left is not None and right is not None and left.type == "identifier":
                yield _word(left), right


def _column(value: Node, attribute: str) -> str | None:
    """Another name than the attribute's, where the declaration gives one."""
    if value.type != "call":
        return None
    function, given = _word(value.child_by_field_name("function")), value.child_by_field_name("arguments")
    text = _word(given)
    named = re.search(r"\bdb_column\s*=\s*[\"']([^\"']+)[\"']", text)
    if named:
        return named.group(1)
    if function.endswith(("Column", "mapped_column")):
        first = given.named_children[0] if given is not None and given.named_children else None
        return _string(first) if first is not None and first.type == "string" else None
    if re.search(r"\b(?:ForeignKey|OneToOneField)$", function) and "models." in function:
        return f"{attribute}_id"
    return None


def _string(node: Node) -> str | None:
    text = _word(node)
    found = re.fullmatch(r"[rbuRBU]*([\"'])(.*)\1", text, re.DOTALL)
    return found.group(2) if found else None


def _word(node: Node | None) -> str:
    return "" if node is None else node.text.decode("utf-8", "replace")
