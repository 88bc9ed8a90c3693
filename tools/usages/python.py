"""Usages in Python: models of SQLAlchemy, SQLModel and Django, tables of SQLAlchemy's core, SQL in strings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tools.usages.model import Access, Certainty, Names, Usage
from tools.usages.python_models import Model, parser
from tools.usages.sql import LOOKS_LIKE_SQL, sql_usages

Node = Any
_WRITES = {"insert", "update", "delete", "create", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
_SELECTS = {"select", "query", "get", "get_one", "insert", "update", "delete", "scalars", "exists", "join", "outerjoin"}
_MENTIONS = re.compile(rb"(?<=\.)[^\W\d]\w*|(?<=[\[(,{\s][\"'])[^\W\d]\w*(?=[\"'])|[^\W\d]\w*(?=\s*=[^=])")
"""Attributes, short strings and keywords: where a column may be named."""
_CREATES = {"create", "values", "update", "get_or_create", "update_or_create", "bulk_update_mappings"}
_READ_BY_NAME = {"values", "values_list", "only", "defer", "order_by", "load_only", "distinct"}


def python_usages(text: bytes, file: str, names: Names, models: Mapping[str, Model]) -> Iterator[Usage]:
    """The usages in one file. models: the project's models by class name, whichever file declares them."""
    classes = re.compile(rb"(?<!\w)(?:" + b"|".join(re.escape(name.encode()) for name in sorted(models)) + rb")(?!\w)")
    mentions = bool(models) and classes.search(text) is not None
    if mentions or names.pattern.search(text):
        yield from _Scan(text, file, names, models, parser().parse(text).root_node).usages(
            classes if mentions else None
        )


_HOLDS = (
    (r"\b(\w+)\s*:\s*(?:[\"'])?(?:Optional\[)?CLASS\b", True),
    (r"\b(\w+)\s*=\s*(?:await\s+)?CLASS\(", True),
    (r"\b(\w+)\s*(?::[^=\n]+)?=\s*(?:await\s+)?[\w.]+\.get(?:_one)?\(\s*CLASS\b", True),
    (r"\b(\w+)\s*=\s*(?:await\s+)?CLASS\.objects\.(?:\w+\([^()]*\)\.)*(?:get|first|last|create)\(", True),
    (r"\bfor\s+(\w+)\s+in\s+CLASS\.objects\b", True),
    (r"\bfor\s+(\w+)\s+in\s+[^\n:]*\b(?:select|query)\(\s*CLASS\s*\)", True),
    (r"\b(\w+)\s*=\s*(?:await\s+)?[^\n=]*\b(?:select|query)\(\s*CLASS\s*\)", False),
)  # fmt: skip
"""How a variable comes to hold a row of a model, and whether that is certain."""


class _Scan:
    def __init__(self, text: bytes, file: str, names: Names, models: Mapping[str, Model], root: Node) -> None:
        self.text, self.file, self.names, self.models, self.root = text, file, names, models, root
        self.strings: set[int] = set()
        self.rows: dict[int, dict[str, tuple[Model, bool]]] = {}
        self.core = dict(self._core_tables())

    def usages(self, classes: re.Pattern[bytes] | None) -> Iterator[Usage]:
        for match in classes.finditer(self.text) if classes else ():
            node = self.root.descendant_for_byte_range(*match.span())
            if node.type == "identifier":
                yield from self._class(node, self.models[match.group().decode()])
        for match in self.names.pattern.finditer(self.text):
            yield from self._string(self.root.descendant_for_byte_range(*match.span()))
        for match in _MENTIONS.finditer(self.text):
            yield from self._attribute(self.root.descendant_for_byte_range(*match.span()), match.group().decode())

    def _usage(self, table: str, column: str | None, node: Node, access: Access, sure: bool = True) -> Usage:
        certainty: Certainty = "certain" if sure else "likely"
        start = self.text.rfind(b"\n", 0, node.start_byte) + 1
        end = self.text.find(b"\n", node.start_byte)
        line = self.text[start : end if end >= 0 else len(self.text)].decode("utf-8", "replace").strip()
        return Usage(table, column, self.file, node.start_point[0] + 1, access, certainty, line[:100])

    def _class(self, node: Node, model: Model) -> Iterator[Usage]:
        parent = node.parent
        if parent is None or parent.type in ("class_definition", "import_from_statement", "dotted_name", "type"):
            return
        if parent.type == "attribute" and parent.child_by_field_name("object") == node:
            name = _word(parent.child_by_field_name("attribute"))
            if name in ("objects", "query"):
                called = parent.parent.child_by_field_name("attribute") if parent.parent is not None else None
                yield self._usage(model.table, None, node, "write" if _word(called) in _WRITES else "read")
            return
        if parent.type == "call" and parent.child_by_field_name("function") == node:
            yield self._usage(model.table, None, node, "write")
        elif parent.type == "argument_list" and parent.parent is not None:
            called = _word(parent.parent.child_by_field_name("function")).rpartition(".")[2]
            if called in _SELECTS:
                yield self._usage(model.table, None, node, "write" if called in _WRITES else "read")

    def _string(self, node: Node) -> Iterator[Usage]:
        while node is not None and node.type not in ("string", "concatenated_string", "module"):
            node = node.parent
        if node is None or node.type == "module":
            return
        if node.parent is not None and node.parent.type == "concatenated_string":
            node = node.parent
        if node.id in self.strings:
            return
        self.strings.add(node.id)
        text = re.sub(r"\{[^{}]*\}", "NULL", _inner(node)) if _word(node)[:2].lower().find("f") >= 0 else _inner(node)
        if LOOKS_LIKE_SQL.search(text):
            cleaned = re.sub(r"%\(\w+\)s|%s|(?<!:):\w+", "NULL", text)
            yield from sql_usages(cleaned, self.file, node.start_point[0] + 1, self.names)

    def _attribute(self, node: Node, said: str) -> Iterator[Usage]:
        parent = node.parent
        if parent is None or node.type not in ("identifier", "string_content", "string"):
            return
        if node.type != "identifier":
            yield from self._by_string(node, said)
        elif parent.type == "attribute" and parent.child_by_field_name("attribute") == node:
            yield from self._of_value(parent, node, said)
        elif parent.type == "keyword_argument" and parent.child_by_field_name("name") == node:
            yield from self._keyword(parent, node, said)

    def _of_value(self, member: Node, node: Node, said: str) -> Iterator[Usage]:
        target = member.child_by_field_name("object")
        access: Access = "write" if _is_assigned(member) else "read"
        name = _word(target)
        if target.type == "identifier" and name in self.models:
            column = self.models[name].column(self.names, said)
            if column:
                yield self._usage(self.models[name].table, column, node, "read")
        elif target.type == "attribute" and name.endswith((".c", ".columns")) and name.rpartition(".")[0] in self.core:
            table = self.core[name.rpartition(".")[0]]
            if said in self.names.tables[table]:
                yield self._usage(table, said, node, "read")
        elif target.type == "identifier":
            held = self._row(target)
            column = held[0].column(self.names, said) if held else None
            if held and column:
                yield self._usage(held[0].table, column, node, access, sure=held[1])

    def _keyword(self, keyword: Node, node: Node, said: str) -> Iterator[Usage]:
        call = keyword.parent.parent if keyword.parent is not None else None
        if call is None or call.type != "call":
            return
        function = call.child_by_field_name("function")
        name = _word(function)
        model = self.models.get(name)
        access: Access = "write"
        if model is None:
            model = next((self.models[word] for word in re.findall(r"[^\W\d]\w*", name) if word in self.models), None)
            access = "write" if name.rpartition(".")[2] in _CREATES else "read"
        column = model.column(self.names, said.partition("__")[0]) if model else None
        if model and column:
            yield self._usage(model.table, column, node, access)

    def _by_string(self, node: Node, said: str) -> Iterator[Usage]:
        """`row["goal"]` of a query in the same function, and `Model.objects.values("goal")`."""
        string = node if node.type == "string" else node.parent
        outer = string.parent if string is not None else None
        if outer is None:
            return
        if outer.type == "argument_list" and outer.parent is not None:
            name = _word(outer.parent.child_by_field_name("function"))
            model = next((self.models[word] for word in re.findall(r"[^\W\d]\w*", name) if word in self.models), None)
            column = model.column(self.names, said.lstrip("-")) if model else None
            if model and column and name.rpartition(".")[2] in _READ_BY_NAME:
                yield self._usage(model.table, column, node, "read")
        elif outer.type == "subscript":
            for table in self._queried(outer):
                if said in self.names.tables[table]:
                    yield self._usage(table, said, node, "write" if _is_assigned(outer) else "read", sure=False)

    def _queried(self, node: Node) -> list[str]:
        """The tables that SQL in the function around a node names."""
        while node.parent is not None and node.type != "function_definition":
            node = node.parent
        text = self.text[node.start_byte : node.end_byte]
        if not LOOKS_LIKE_SQL.search(text.decode("utf-8", "replace")):
            return []
        found = (match.decode() for match in re.findall(rb"(?i)(?:from|join)\s+\"?(\w+)", text))
        return list(dict.fromkeys(name for name in found if name in self.names.tables))

    def _row(self, node: Node) -> tuple[Model, bool] | None:
        """The model that a variable holds a row of, and whether that is certain, by the function that it stands in."""
        name, scope = _word(node), node.parent
        while scope is not None:
            if scope.type in ("function_definition", "module", "list_comprehension", "generator_expression"):
                if scope.id not in self.rows:
                    self.rows[scope.id] = dict(self._held(scope))
                if name in self.rows[scope.id]:
                    return self.rows[scope.id][name]
            scope = scope.parent
        return None

    def _held(self, scope: Node) -> Iterator[tuple[str, tuple[Model, bool]]]:
        text = self.text[scope.start_byte : scope.end_byte].decode("utf-8", "replace")
        for model in self.models.values():
            if model.name not in text:
                continue
            for pattern, sure in _HOLDS:
                for match in re.finditer(pattern.replace("CLASS", re.escape(model.name)), text):
                    yield match.group(1), (model, sure)

    def _core_tables(self) -> Iterator[tuple[str, str]]:
        for match in re.finditer(rb"(?m)^(\w+)\s*=\s*(?:\w+\.)?Table\(\s*[\"'](\w+)[\"']", self.text):
            if match.group(2).decode() in self.names.tables:
                yield match.group(1).decode(), match.group(2).decode()


def _is_assigned(node: Node) -> bool:
    outer = node.parent
    if outer is None or outer.type not in ("assignment", "augmented_assignment"):
        return False
    return outer.child_by_field_name("left") == node


def _inner(node: Node) -> str:
    """What a string says, or several written beside each other."""
    if node.type == "concatenated_string":
        parts: list[str] = []
        row = node.start_point[0]
        for child in node.named_children:
            parts.append("\n" * (child.start_point[0] - row) + _inner(child))
            row = child.end_point[0]
        return "".join(parts)
    return re.sub(r"^[rbuftRBUFT]*(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$", "", _word(node))


def _word(node: Node | None) -> str:
    return "" if node is None else node.text.decode("utf-8", "replace")
