"""Usages in TypeScript and JavaScript: Convex, Prisma, query builders, rows that a file hands on, SQL in strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tools.usages.model import Access, Certainty, Names, Usage
from tools.usages.sql import LOOKS_LIKE_SQL, sql_usages
from tools.usages.typescript_types import (
    BUILDS,
    FUNCTIONS,
    PRISMA_READS,
    PRISMA_WRITES,
    Types,
    arguments,
    is_db,
    pattern_keys,
    table_in,
    word,
)

Node = Any
_WRITES = {"insert", "patch", "replace", "delete"}
_BUILDER_WRITES = {"insert", "update", "upsert", "delete", "del", "truncate", "increment", "decrement"}
_STRINGS = {"string", "template_string"}
_PRISMA_WRITTEN = {"data", "create", "update", "createMany", "upsert"}


def typescript_usages(text: bytes, file: str, names: Names, *, tsx: bool) -> Iterator[Usage]:
    """The usages in one file; a file that names no table has none."""
    if not names.pattern.search(text):
        return
    yield from _Scan(text, file, names, parser(tsx).parse(text).root_node).usages()


@cache
def parser(tsx: bool) -> Any:
    import tree_sitter
    import tree_sitter_typescript

    grammar = tree_sitter_typescript.language_tsx() if tsx else tree_sitter_typescript.language_typescript()
    return tree_sitter.Parser(tree_sitter.Language(grammar))


class _Scan:
    def __init__(self, text: bytes, file: str, names: Names, root: Node) -> None:
        self.text, self.file, self.names, self.root = text, file, names, root
        self.types = Types(names)
        self.seen: set[int] = set()

    def usages(self) -> Iterator[Usage]:
        for match in self.names.pattern.finditer(self.text):
            yield from self._table(self.root.descendant_for_byte_range(*match.span()), match.group().decode())
        for match in self.names.columns.finditer(self.text):
            node = self.root.descendant_for_byte_range(*match.span())
            yield from self._column(node, match.group().decode())

    def _usage(self, table: str, column: str | None, node: Node, access: Access, sure: bool = True) -> Usage:
        certainty: Certainty = "certain" if sure else "likely"
        start = self.text.rfind(b"\n", 0, node.start_byte) + 1
        end = self.text.find(b"\n", node.start_byte)
        line = self.text[start : end if end >= 0 else len(self.text)].decode("utf-8", "replace").strip()
        return Usage(table, column, self.file, node.start_point[0] + 1, access, certainty, line[:100])

    # Tables

    def _table(self, node: Node, said: str) -> Iterator[Usage]:
        literal = _literal(node)
        if literal is not None:
            yield from self._string(literal)
        elif node.type == "property_identifier" and node.parent is not None:
            table = self.types.prisma(node.parent)
            method = node.parent.parent
            if table and method is not None and method.type == "member_expression":
                name = word(method.child_by_field_name("property"))
                if name in PRISMA_READS | PRISMA_WRITES:
                    yield self._usage(table, None, node, "write" if name in PRISMA_WRITES else "read")

    def _string(self, literal: Node) -> Iterator[Usage]:
        if literal.id in self.seen:
            return
        self.seen.add(literal.id)
        table = table_in(literal, self.names)
        if table is None:
            text = re.sub(r"\$\{[^}]*\}", lambda hole: _hole(hole.group()), word(literal)[1:-1])
            if LOOKS_LIKE_SQL.search(text):
                yield from sql_usages(text, self.file, literal.start_point[0] + 1, self.names)
            return
        given = literal.parent
        call = given.parent if given is not None and given.type == "arguments" else None
        function = call.child_by_field_name("function") if call is not None else None
        if call is None or function is None:
            return
        if function.type == "member_expression":
            name = word(function.child_by_field_name("property"))
            if is_db(function.child_by_field_name("object")) and name in _WRITES | {"query", "get"}:
                yield self._usage(table, None, literal, "write" if name in _WRITES else "read")
                return
            if name not in BUILDS:
                return
        elif word(function) not in ("knex", "db", "trx", "table"):
            return
        methods = _chained(call)
        yield self._usage(table, None, literal, "write" if methods & _BUILDER_WRITES else "read")

    # Columns

    def _column(self, node: Node, said: str) -> Iterator[Usage]:
        parent = node.parent
        if parent is None:
            return
        if node.type == "property_identifier" and parent.type == "member_expression":
            yield from self._property(parent, node, said)
        elif node.type in ("shorthand_property_identifier_pattern", "property_identifier") and parent.type in (
            "object_pattern", "pair_pattern", "object_assignment_pattern",
        ):  # fmt: skip
            yield from self._taken_out(node, parent, said)
        elif node.type in ("property_identifier", "shorthand_property_identifier") and parent.type in (
            "pair",
            "object",
        ):
            yield from self._key(node, parent, said)
        else:
            literal = _literal(node)
            if literal is not None:
                yield from self._named_in_string(literal, said)

    def _property(self, member: Node, node: Node, said: str) -> Iterator[Usage]:
        target = member.child_by_field_name("object")
        access = _access(member)
        held = self.types.held(target)
        if held is not None:
            column = self.names.column(held.table, said) if held.kind == "row" else None
            if column:
                yield self._usage(held.table, column, node, access)
            return
        table = self.names.spellings.get(word(target)) if target is not None and target.type == "identifier" else None
        column = self.names.column(table, said) if table else None
        if table and column and self.types.declaration(target) is not None:
            yield self._usage(table, column, node, access, sure=False)

    def _taken_out(self, node: Node, parent: Node, said: str) -> Iterator[Usage]:
        pattern: Node = parent
        while pattern is not None and pattern.type != "object_pattern":
            pattern = pattern.parent
        holder = pattern.parent if pattern is not None else None
        if holder is None or said not in {key for _, key in pattern_keys(pattern)}:
            return
        if holder.type == "variable_declarator":
            held = self.types.held(holder.child_by_field_name("value"))
        elif holder.type in ("required_parameter", "optional_parameter", "formal_parameters"):
            declared: Node = pattern if holder.type == "formal_parameters" else holder
            type_ = declared.child_by_field_name("type")
            held = (self.types.annotated(type_) if type_ is not None else None) or self.types.given(declared)
        elif holder.type == "for_in_statement":
            whole = self.types.held(holder.child_by_field_name("right"))
            held = whole if whole and whole.kind in ("rows", "query") else None
        else:
            return
        column = self.names.column(held.table, said) if held and held.kind in ("row", "rows", "query") else None
        if held and column:
            yield self._usage(held.table, column, node, "read")

    def _key(self, node: Node, parent: Node, said: str) -> Iterator[Usage]:
        """A key of an object: what is inserted or patched, or part of a Prisma call's argument."""
        whole = parent if parent.type == "object" else parent.parent
        if whole is None or whole.type != "object" or (parent.type == "pair" and _is_value(parent, node)):
            return
        found = self._written(whole)
        if found is None and whole.parent is not None and whole.parent.type == "variable_declarator":
            found = self._written_by_name(whole.parent)
        if found:
            table, access = found
            column = self.names.column(table, said)
            if column:
                yield self._usage(table, column, node, access)

    def _written(self, whole: Node) -> tuple[str, Access] | None:
        given = whole.parent
        keys: list[str] = []
        while given is not None and given.type in ("pair", "object", "array"):
            if given.type == "pair":
                keys.append(word(given.child_by_field_name("key")))
            given = given.parent
        call = given.parent if given is not None and given.type == "arguments" else None
        function = call.child_by_field_name("function") if call is not None else None
        if call is None or function is None or function.type != "member_expression":
            return None
        target, name = function.child_by_field_name("object"), word(function.child_by_field_name("property"))
        model = self.types.prisma(target)
        if model and name in PRISMA_READS | PRISMA_WRITES:
            return (model, "write" if set(keys) & _PRISMA_WRITTEN else "read") if keys else None
        if keys:
            return None
        if is_db(target) and name in ("insert", "patch", "replace"):
            table = self._owner(arguments(call))
            return (table, "write") if table else None
        held = self.types.held(target)
        if held and held.kind == "builder":
            return held.table, "write" if name in _BUILDER_WRITES else "read"
        return None

    def _owner(self, given: list[Node]) -> str | None:
        """The table that the first argument of insert, patch or replace speaks of."""
        if not given:
            return None
        held = self.types.held(given[0])
        return table_in(given[0], self.names) or (held.table if held and held.kind == "id" else None)

    def _written_by_name(self, declared: Node) -> tuple[str, Access] | None:
        """An object in a variable, which is then inserted or patched in the same function."""
        name, scope = word(declared.child_by_field_name("name")), declared.parent
        while scope is not None and scope.type not in FUNCTIONS and scope.type != "program":
            scope = scope.parent
        if scope is None or not re.fullmatch(r"[\w$]+", name):
            return None
        pattern = rb"\.(?:insert|patch|replace)\(\s*[^()]{1,80}?,\s*(" + re.escape(name).encode() + rb")\s*[,)]"
        for match in re.finditer(pattern, self.text[scope.start_byte : scope.end_byte]):
            start = scope.start_byte + match.start(1)
            found = self.root.descendant_for_byte_range(start, start + len(name.encode()))
            written = self._written(found) if found is not None else None
            if written:
                return written
        return None

    def _named_in_string(self, literal: Node, said: str) -> Iterator[Usage]:
        """`q.eq("goal", …)`, `q.field("goal")`, `row["goal"]`, `.select("goal, area")`."""
        outer = literal.parent
        if outer is None:
            return
        if outer.type == "subscript_expression":
            held = self.types.held(outer.child_by_field_name("object"))
            column = self.names.column(held.table, said) if held and held.kind == "row" else None
            if held and column and word(literal)[1:-1] == said:
                yield self._usage(held.table, column, literal, _access(outer))
            return
        while outer is not None and outer.type == "array":
            outer = outer.parent
        call = outer.parent if outer is not None and outer.type == "arguments" else None
        function = call.child_by_field_name("function") if call is not None else None
        if call is None or function is None or function.type != "member_expression":
            return
        target, name = function.child_by_field_name("object"), word(function.child_by_field_name("property"))
        held = self.types.held(target)
        table = held.table if held and held.kind == "builder" and name not in BUILDS else None
        table = table or self._queried(call)
        column = self.names.column(table, said) if table else None
        if table and column and (word(literal)[1:-1] == said or (held and held.kind == "builder")):
            yield self._usage(table, column, literal, "write" if name in _BUILDER_WRITES else "read")

    def _queried(self, node: Node) -> str | None:
        """The table of the Convex query in whose `.withIndex(name, q => …)` or `.filter(q => …)` a node stands."""
        while node is not None:
            if node.type in FUNCTIONS and node.parent is not None and node.parent.type == "arguments":
                function = node.parent.parent.child_by_field_name("function")
                if function is not None and function.type == "member_expression":
                    name = word(function.child_by_field_name("property"))
                    held = self.types.held(function.child_by_field_name("object"))
                    if held and held.kind == "query" and name in ("withIndex", "withSearchIndex", "filter"):
                        return held.table
            node = node.parent
        return None


def _literal(node: Node) -> Node | None:
    """The string that a node is, or is part of."""
    if node.type in _STRINGS:
        return node
    if node.type in ("string_fragment", "escape_sequence") and node.parent is not None:
        return node.parent
    return None


def _access(node: Node) -> Access:
    outer = node.parent
    if outer is None:
        return "read"
    assigned = outer.type in ("assignment_expression", "augmented_assignment_expression")
    if assigned and outer.child_by_field_name("left") == node:
        return "write"
    deleted = outer.type == "unary_expression" and word(outer).startswith("delete")
    return "write" if deleted or outer.type == "update_expression" else "read"


def _is_value(pair: Node, node: Node) -> bool:
    return pair.child_by_field_name("value") == node


def _chained(call: Node) -> set[str]:
    """The methods called on a call's result, one after the other."""
    found: set[str] = set()
    node = call
    while node.parent is not None and node.parent.type in ("member_expression", "call_expression", "await_expression"):
        node = node.parent
        if node.type == "member_expression":
            found.add(word(node.child_by_field_name("property")))
    return found


def _hole(text: str) -> str:
    """What stands for a `${…}` in SQL: a value, with the lines that it had."""
    return "NULL" + "\n" * text.count("\n")
