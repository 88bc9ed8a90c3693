"""What an expression of TypeScript or JavaScript holds, as far as it comes from a table.

Worked out backwards from the place that is asked about, so that a file costs what its mentions of names cost. Followed:
Convex queries and ids, Prisma calls, query builders, awaits, callbacks of lists, loops, destructuring, parameters with
`Doc<"t">` or `Id<"t">`, arguments declared by `v.id("t")`, and what functions of the same file return.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from tools.usages.model import Names

Node = Any
_DEEPEST = 40
_SAME_ROWS = {"filter", "sort", "slice", "reverse", "concat", "toSorted", "toReversed", "order", "withIndex",
              "withSearchIndex", "fullTableScan"}  # fmt: skip
_ONE = {"first", "unique", "find", "at", "pop", "shift", "findLast"}
_EACH = {"map", "filter", "forEach", "find", "some", "every", "flatMap", "findIndex", "findLast", "sort", "reduce"}
_THROUGH = {"parenthesized_expression", "await_expression", "as_expression", "satisfies_expression",
            "non_null_expression"}  # fmt: skip
PRISMA_READS = {"findMany", "findFirst", "findUnique", "findFirstOrThrow", "findUniqueOrThrow", "count", "aggregate",
                "groupBy"}  # fmt: skip
PRISMA_WRITES = {"create", "createMany", "createManyAndReturn", "update", "updateMany", "upsert", "delete",
                 "deleteMany"}  # fmt: skip
BUILDS = {"from", "table", "into"}


@dataclass(frozen=True)
class Held:
    """row: one row. rows: a list of them. query: what gives rows. page: a page of them. id: a row's id.
    ids: the arguments of a function by name, each the id of a table."""

    kind: Literal["row", "rows", "query", "page", "id", "builder", "ids"]
    table: str = ""
    ids: tuple[tuple[str, str], ...] = ()


class Types:
    def __init__(self, names: Names) -> None:
        self.names = names
        self._known: dict[int, Held | None] = {}
        self._scopes: dict[int, dict[str, Node]] = {}

    def held(self, node: Node | None, depth: int = 0) -> Held | None:
        """What a node's value is; None for what does not come from a table."""
        if node is None or depth > _DEEPEST:
            return None
        if node.id not in self._known:
            self._known[node.id] = None  # what is made out of itself is nothing
            self._known[node.id] = self._held(node, depth + 1)
        return self._known[node.id]

    def _held(self, node: Node, depth: int) -> Held | None:
        kind = node.type
        if kind == "as_expression":
            told = self.annotated(node.named_children[-1])
            if told:
                return told
        if kind in _THROUGH:
            return self.held(node.named_children[0] if node.named_children else None, depth)
        if kind in ("binary_expression", "ternary_expression"):
            sides = [node.child_by_field_name(name) for name in ("left", "right", "consequence", "alternative")]
            return next((found for side in sides if side is not None and (found := self.held(side, depth))), None)
        if kind == "identifier":
            return self.named(node, depth)
        if kind == "call_expression":
            return self._call(node, depth)
        if kind == "member_expression":
            return self._member(node, depth)
        if kind == "subscript_expression":
            whole = self.held(node.child_by_field_name("object"), depth)
            return Held("row", whole.table) if whole and whole.kind == "rows" else None
        return None

    def _member(self, node: Node, depth: int) -> Held | None:
        whole, name = self.held(node.child_by_field_name("object"), depth), word(node.child_by_field_name("property"))
        if whole is None:
            return None
        if whole.kind == "page" and name in ("page", "results", "data"):
            return Held("rows", whole.table)
        if whole.kind == "ids":
            table = dict(whole.ids).get(name)
            return Held("id", table) if table else None
        if whole.kind == "row":
            return self._of_row(whole.table, name)
        return None

    def _of_row(self, table: str, name: str) -> Held | None:
        if name == "_id":
            return Held("id", table)
        column = self.names.column(table, name)
        parent = self.names.keys.get((table, column)) if column else None
        return Held("id", parent) if parent else None

    def _call(self, node: Node, depth: int) -> Held | None:
        function, given = node.child_by_field_name("function"), arguments(node)
        if function is None:
            return None
        if function.type == "identifier":
            return self._result(function, given, depth)
        if function.type != "member_expression":
            return None
        target, name = function.child_by_field_name("object"), word(function.child_by_field_name("property"))
        first = table_in(given[0], self.names) if given else None
        if is_db(target):
            if name == "query" and first:
                return Held("query", first)
            if name == "get" and given:
                owner = self.held(given[0], depth)
                table = first or (owner.table if owner and owner.kind == "id" else "")
                return Held("row", table) if table else None
            if name == "insert" and first:
                return Held("id", first)
        if name in BUILDS and first:
            return Held("builder", first)
        model = self.prisma(target)
        if model and name in PRISMA_READS | PRISMA_WRITES:
            return Held("rows" if name == "findMany" else "row", model)
        if word(target) == "Promise" and name == "all" and given:
            return self._all(given[0], depth)
        whole = self.held(target, depth)
        return self._method(whole, name, node, depth) if whole else None

    def _all(self, given: Node, depth: int) -> Held | None:
        """`Promise.all(list.map(f))`: rows, where f gives a row."""
        return self.held(given, depth)

    def _method(self, whole: Held, name: str, node: Node, depth: int) -> Held | None:
        if whole.kind == "builder":
            return whole
        if whole.kind == "query" and name in ("collect", "take"):
            return Held("rows", whole.table)
        if whole.kind == "query" and name == "paginate":
            return Held("page", whole.table)
        if whole.kind in ("query", "rows") and name in _SAME_ROWS:
            return whole
        if whole.kind in ("query", "rows") and name in _ONE:
            return Held("row", whole.table)
        if whole.kind in ("rows", "query") and name in ("map", "flatMap") and arguments(node):
            result = self._returned(arguments(node)[0], depth)
            return Held("rows", result.table) if result and result.kind == "row" else None
        return None

    def _result(self, function: Node, given: list[Node], depth: int) -> Held | None:
        first = table_in(given[0], self.names) if given else None
        if first and word(function) in ("knex", "db", "trx", "table"):
            return Held("builder", first)
        declared = self.declaration(function)
        if declared is None:
            return None
        value = declared.child_by_field_name("value") if declared.type == "variable_declarator" else declared
        return self._returned(value, depth)

    def _returned(self, function: Node | None, depth: int) -> Held | None:
        """What a function gives back, by its declared type, else by its first return."""
        if function is None or function.type not in FUNCTIONS:
            return None
        declared = function.child_by_field_name("return_type")
        told = self.annotated(declared) if declared is not None else None
        if told:
            return told
        body = function.child_by_field_name("body")
        if body is None or body.type != "statement_block":
            return self.held(body, depth)
        for statement in returns(body):
            found = self.held(statement.named_children[0] if statement.named_children else None, depth)
            if found:
                return found
        return None

    def prisma(self, node: Node | None) -> str | None:
        """The table of `prisma.agent` (or of `tx.agent`, `ctx.prisma.agent`)."""
        if node is None or node.type != "member_expression":
            return None
        owner = word(node.child_by_field_name("object"))
        owner = owner.rpartition(".")[2]
        if owner not in ("prisma", "tx", "db", "client", "prismaClient", "this.prisma"):
            return None
        return self.names.spellings.get(word(node.child_by_field_name("property")))

    def annotated(self, type_: Node) -> Held | None:
        """`Doc<"t">`, `Doc<"t">[]`, `Id<"t">`, also inside Promise<…>, or beside null."""
        text = word(type_)
        found = re.search(r"\b(Doc|Id)<\s*[\"'](\w+)[\"']\s*>(\s*\[\])?", text)
        if not found or found.group(2) not in self.names.tables:
            return None
        if found.group(1) == "Id":
            return Held("id", found.group(2))
        many = found.group(3) or re.search(r"\bArray<\s*Doc<", text)
        return Held("rows" if many else "row", found.group(2))

    def named(self, node: Node, depth: int = 0) -> Held | None:
        """What the variable of this name holds where the node stands."""
        name = word(node)
        declared = self.declaration(node)
        if declared is None:
            return None
        if declared.type == "variable_declarator":
            return self._variable(declared, name, depth)
        if declared.type == "for_in_statement":
            whole = self.held(declared.child_by_field_name("right"), depth)
            return Held("row", whole.table) if whole and whole.kind in ("rows", "query") else None
        if declared.type in ("required_parameter", "optional_parameter", "identifier", "object_pattern"):
            return self.parameter(declared, name, depth)
        return None

    def _variable(self, declared: Node, name: str, depth: int) -> Held | None:
        type_, target = declared.child_by_field_name("type"), declared.child_by_field_name("name")
        told = self.annotated(type_) if type_ is not None else None
        if told:
            return told
        whole = self.held(declared.child_by_field_name("value"), depth)
        if target is None or target.type == "identifier" or whole is None:
            return whole
        if target.type == "array_pattern":
            return Held("row", whole.table) if whole.kind == "rows" else None
        return self._part(whole, target, name)

    def _part(self, whole: Held, pattern: Node, name: str) -> Held | None:
        """What a name taken out of an object holds."""
        key = next((key for local, key in pattern_keys(pattern) if local == name), name)
        if whole.kind == "page" and key in ("page", "results", "data"):
            return Held("rows", whole.table)
        if whole.kind == "row":
            return self._of_row(whole.table, key)
        table = dict(whole.ids).get(key) if whole.kind == "ids" else None
        return Held("id", table) if table else None

    def parameter(self, declared: Node, name: str, depth: int = 0) -> Held | None:
        type_ = declared.child_by_field_name("type")
        told = self.annotated(type_) if type_ is not None else None
        pattern = declared.child_by_field_name("pattern") or declared
        whole = told or self.given(declared, depth)
        if whole is None or pattern.type != "object_pattern":
            return whole
        return self._part(whole, pattern, name)

    def given(self, declared: Node, depth: int = 0) -> Held | None:
        """What a function's parameter is given: by a list's method, or by Convex after `args: { … }`."""
        function = declared.parent
        while function is not None and function.type not in FUNCTIONS:
            function = function.parent
        if function is None or function.parent is None:
            return None
        place = _place(function, declared)
        outer = function.parent
        if outer.type == "arguments" and outer.parent is not None:
            called = outer.parent.child_by_field_name("function")
            if called is None or called.type != "member_expression":
                return None
            name, target = word(called.child_by_field_name("property")), called.child_by_field_name("object")
            whole = self.held(target, depth) if name in _EACH else None
            element = place == (1 if name == "reduce" else 0) or (name == "sort" and place == 1)
            return Held("row", whole.table) if whole and whole.kind in ("rows", "query") and element else None
        if outer.type == "pair" and word(outer.child_by_field_name("key")) == "handler" and place == 1:
            return _handler_arguments(outer.parent, self.names)
        if outer.type == "object" and function.type == "method_definition" and place == 1:
            return _handler_arguments(outer, self.names)
        return None

    def declaration(self, node: Node) -> Node | None:
        """The nearest declaration of a name, looking outwards from where it stands."""
        name, scope = word(node), node.parent
        while scope is not None:
            if scope.type in SCOPES:
                found = self._declared(scope).get(name)
                if found is not None and found.id != node.id:
                    return found
            scope = scope.parent
        return None

    def _declared(self, scope: Node) -> dict[str, Node]:
        if scope.id not in self._scopes:
            self._scopes[scope.id] = dict(_declarations(scope))
        return self._scopes[scope.id]


FUNCTIONS = {"arrow_function", "function_expression", "function_declaration", "method_definition",
             "generator_function_declaration"}  # fmt: skip
SCOPES = FUNCTIONS | {"program", "statement_block", "for_in_statement", "for_statement"}


def word(node: Node | None) -> str:
    return "" if node is None else node.text.decode("utf-8", "replace")


def arguments(call: Node) -> list[Node]:
    given = call.child_by_field_name("arguments")
    return [] if given is None else [child for child in given.named_children if child.type != "comment"]


def is_db(node: Node | None) -> bool:
    """Convex's database: `ctx.db`, or a `db` taken out of it."""
    return word(node).rpartition(".")[2] == "db"


def table_in(node: Node, names: Names) -> str | None:
    """The table that a string literal names whole."""
    if node.type not in ("string", "template_string"):
        return None
    text = word(node)[1:-1]
    return text if text in names.tables else None


def pattern_keys(pattern: Node) -> list[tuple[str, str]]:
    """`{ a, b: c, d = 1 }`: each local name with the key that it is taken from."""
    found: list[tuple[str, str]] = []
    for child in pattern.named_children:
        if child.type == "shorthand_property_identifier_pattern":
            found.append((word(child), word(child)))
        elif child.type == "pair_pattern":
            found.append((word(child.child_by_field_name("value")), word(child.child_by_field_name("key"))))
        elif child.type == "object_assignment_pattern":
            left = child.child_by_field_name("left")
            found.append((word(left), word(left)))
    return found


def returns(body: Node) -> list[Node]:
    """The return statements of a function's own body, not those of functions in it."""
    found: list[Node] = []
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if node.type == "return_statement":
            found.append(node)
        elif node.type not in FUNCTIONS:
            waiting.extend(reversed(node.named_children))
    return found


def _place(function: Node, declared: Node) -> int:
    listed = function.child_by_field_name("parameters")
    if listed is None:
        return 0
    children = [child for child in listed.named_children if child.type != "comment"]
    return next((place for place, child in enumerate(children) if child.id == declared.id), -1)


def _handler_arguments(whole: Node | None, names: Names) -> Held | None:
    """The ids among the `args: { id: v.id("t") }` of a Convex function."""
    for pair in whole.named_children if whole is not None else ():
        if pair.type == "pair" and word(pair.child_by_field_name("key")) == "args":
            text = word(pair.child_by_field_name("value"))
            found = re.findall(r"(\w+)\s*:\s*(?:\w+\.optional\(\s*)?\w+\.id\(\s*[\"'](\w+)[\"']", text)
            return Held("ids", ids=tuple((name, table) for name, table in found if table in names.tables))
    return None


def _declarations(scope: Node) -> list[tuple[str, Node]]:
    found: list[tuple[str, Node]] = []
    if scope.type == "for_in_statement":
        left = scope.child_by_field_name("left")
        return [(word(left), scope)] if left is not None else []
    if scope.type in FUNCTIONS:
        single = scope.child_by_field_name("parameter")
        listed = scope.child_by_field_name("parameters")
        for parameter in [single] if single is not None else listed.named_children if listed is not None else []:
            target = parameter.child_by_field_name("pattern") or parameter
            if target.type == "object_pattern":
                found += [(local, parameter) for local, _ in pattern_keys(target)]
            else:
                found.append((word(target), parameter))
        return found
    for child in scope.named_children:
        statement = child.child_by_field_name("declaration") or child if child.type == "export_statement" else child
        if statement.type in ("lexical_declaration", "variable_declaration"):
            for declarator in statement.named_children:
                found += _declared_names(declarator)
        elif statement.type == "function_declaration":
            found.append((word(statement.child_by_field_name("name")), statement))
    return found


def _declared_names(declarator: Node) -> list[tuple[str, Node]]:
    target = declarator.child_by_field_name("name")
    if target is None:
        return []
    if target.type == "object_pattern":
        return [(local, declarator) for local, _ in pattern_keys(target)]
    if target.type == "array_pattern":
        return [(word(child), declarator) for child in target.named_children[:1]]
    return [(word(target), declarator)]
