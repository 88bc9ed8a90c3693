"""Working out what expressions of a schema file come to, without running them.

What is followed: constants, imports of files beside (and of what these export again), objects and lists with their
spreads, calls of `v.…`, of helpers of Convex's packages and of small functions of the project's own, `.map` over a list
that is known. All else becomes an Unknown with its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tools.errors import SourceError
from tools.schema.convex_builtins import builtin, table_index, table_member, validator_member
from tools.schema.convex_values import (
    Entry,
    FunctionValue,
    ListValue,
    Literal_,
    ObjectValue,
    Space,
    TableValue,
    Unknown,
    Validator,
    Value,
)
from tools.schema.model import Span
from tools.schema.typescript import (
    Import,
    Module,
    Node,
    load_module,
    note_of,
    pattern_names,
    resolve,
    statement_of,
    string_value,
    text_of,
    unescaped,
)

_THROUGH = ("parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression",
            "type_assertion", "await_expression")  # fmt: skip
_DEEPEST = 100
_MOST = 2_000_000
"""How deep, and how much, is worked out before it is given up: a function may call itself."""
_USUAL = {"v": "convex/values", "defineTable": "convex/server", "defineSchema": "convex/server"}
Scope = dict[str, Value]


class Evaluator:
    """Values of expressions, each name worked out once. `root` is the folder below which files are shown relative."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root
        self.modules: dict[Path, Module] = {}
        self._known: dict[tuple[int, str], Value] = {}
        self._open: set[tuple[int, str]] = set()
        self._depth = 0
        self._steps = 0

    def exported(self, module: Module, name: str) -> Value | None:
        """What a module exports under a name, or lets through from another; None where there is no such export."""
        found = module.exports.get(name)
        if isinstance(found, Import):
            return self._imported(module, found)
        if isinstance(found, str):
            return self.named(module, found)
        if found is not None:
            return self.value(found, module, {})
        for star in module.stars:
            beyond = self._module(module, star)
            value = self.exported(beyond, name) if beyond is not None and beyond is not module else None
            if value is not None:
                return value
        return None

    def named(self, module: Module, name: str) -> Value:
        """What a name means at the top of a module."""
        key = (id(module), name)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return Unknown(name, "it is made out of itself")
        self._open.add(key)
        try:
            self._known[key] = self._declared(module, name)
        finally:
            self._open.discard(key)
        return self._known[key]

    def value(self, node: Node, module: Module, scope: Scope) -> Value:
        self._steps += 1
        if self._depth >= _DEEPEST or self._steps > _MOST:
            return self._unknown(node, module, "it is nested too deeply")
        self._depth += 1
        try:
            return self._value(node, module, scope)
        finally:
            self._depth -= 1

    def _value(self, node: Node, module: Module, scope: Scope) -> Value:
        kind = node.type
        if kind in _THROUGH:
            inner = [child for child in node.named_children if child.type != "comment"]
            place = -1 if kind == "type_assertion" else 0
            return self.value(inner[place], module, scope) if inner else self._unknown(node, module, "it is empty")
        if kind in ("identifier", "shorthand_property_identifier"):
            name = text_of(node)
            return scope[name] if name in scope else self.named(module, name)
        if kind == "object":
            return self._object(node, module, scope)
        if kind == "array":
            return self._list(node, module, scope)
        if kind == "template_string" and any(child.type == "template_substitution" for child in node.named_children):
            return self._template(node, module, scope)
        if kind == "call_expression":
            return self._call(node, module, scope)
        if kind in ("member_expression", "subscript_expression"):
            return self._member(node, module, scope)
        if kind in ("arrow_function", "function_expression", "function_declaration"):
            return FunctionValue(lambda given: self._apply(node, module, scope, given))
        return self._literal(node, module)

    def _literal(self, node: Node, module: Module) -> Value:
        kind, text = node.type, text_of(node)
        if kind == "string" or (kind == "template_string" and "${" not in text):
            return Literal_(string_value(node))
        if kind in ("number", "unary_expression"):
            digits = text.replace("_", "").removesuffix("n")
            try:
                return Literal_(float(int(digits, 0)) if not text.endswith("n") else int(digits, 0))
            except ValueError:
                return self._number(node, module, digits)
        if kind in ("true", "false"):
            return Literal_(kind == "true")
        if kind in ("null", "undefined"):
            return Literal_(None)
        return self._unknown(node, module, "it is not an expression that can be worked out without running it")

    def _number(self, node: Node, module: Module, digits: str) -> Value:
        try:
            return Literal_(float(digits))
        except ValueError:
            return self._unknown(node, module, "it is not a number that is known")

    def _declared(self, module: Module, name: str) -> Value:
        node = module.names.get(name)
        if node is None:
            found = module.imports.get(name)
            if found is None and name in _USUAL:  # a block of a document does not import what everybody knows
                found = Import(_USUAL[name], name)
            return self._imported(module, found) if found else Unknown(name, "it is declared nowhere in this file")
        if node.type != "variable_declarator":
            return self._enum(node, module) if node.type == "enum_declaration" else self.value(node, module, {})
        value, target = node.child_by_field_name("value"), node.child_by_field_name("name")
        if value is None:
            return self._unknown(node, module, "it has no value")
        whole = self.value(value, module, {})
        if target is not None and target.type == "object_pattern":
            wanted = next((key for local, key in pattern_names(target) if local == name), name)
            return self._of(whole, wanted, value, module)
        if isinstance(whole, TableValue) and whole.note is None:
            return replace(whole, note=note_of(statement_of(node)))
        return whole

    def _enum(self, node: Node, module: Module) -> Value:
        body = node.child_by_field_name("body")
        entries: list[Entry] = []
        for child in body.named_children if body is not None else ():
            if child.type == "enum_assignment":
                name, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                entries.append(Entry(text_of(name).strip("'\""), self.value(value, module, {})))
            elif child.type in ("property_identifier", "string"):
                entries.append(Entry(text_of(child).strip("'\""), Literal_(float(len(entries)))))
        return ObjectValue(tuple(entries))

    def _imported(self, module: Module, found: Import) -> Value:
        known = builtin(found.module, found.name)
        if known is not None:
            return known
        beyond = self._module(module, found.module)
        if beyond is None:
            why = "that file is not there" if found.module.startswith(".") else "packages are not read"
            return Unknown(found.name, f"it comes from {found.module!r}, and {why}")
        if found.name == "*":
            return Space(lambda name: self._export_or_unknown(beyond, name))
        return self._export_or_unknown(beyond, found.name)

    def _export_or_unknown(self, module: Module, name: str) -> Value:
        found = self.exported(module, name)
        return found if found is not None else Unknown(name, f"{module.source} exports nothing of that name")

    def _module(self, module: Module, name: str) -> Module | None:
        path = resolve(module, name)
        if path is None:
            return None
        path = path.resolve()
        if path not in self.modules:
            try:
                self.modules[path] = load_module(path, self._shown(path))
            except SourceError:
                return None
        return self.modules[path]

    def _shown(self, path: Path) -> str:
        if self.root is not None and path.is_relative_to(self.root.resolve()):
            return str(self.root / path.relative_to(self.root.resolve()))
        return str(path)

    def _object(self, node: Node, module: Module, scope: Scope) -> Value:
        entries: list[Entry] = []
        unknown: list[Unknown] = []
        for child in node.named_children:
            if child.type == "spread_element":
                spread = self.value(child.named_children[0], module, scope)
                if isinstance(spread, ObjectValue):
                    entries += spread.entries
                    unknown += spread.unknown
                else:
                    unknown.append(self._why(spread, child, module))
                continue
            named = self._entry(child, module, scope)
            if named is not None:
                entries.append(named)
        return ObjectValue(tuple(entries), tuple(unknown))

    def _entry(self, child: Node, module: Module, scope: Scope) -> Entry | None:
        if child.type == "shorthand_property_identifier":
            name, value = text_of(child), child
        elif child.type == "pair":
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            name = self._key(key, module, scope)
        elif child.type == "method_definition":
            name, value = text_of(child.child_by_field_name("name")), None
        else:
            return None
        worth = self.value(value, module, scope) if value is not None else Unknown(name, "it is a method")
        if isinstance(worth, Unknown) and worth.span is None:
            worth = self._why(worth, child, module)
        return Entry(name, worth, Span(module.source, module.line(child)), note_of(child))

    def _key(self, key: Node, module: Module, scope: Scope) -> str:
        if key.type == "string":
            return string_value(key)
        if key.type == "computed_property_name":
            told = self.value(key.named_children[0], module, scope)
            return str(told.value) if isinstance(told, Literal_) else text_of(key)
        return text_of(key)

    def _list(self, node: Node, module: Module, scope: Scope) -> ListValue:
        items: list[Value] = []
        unknown: list[Unknown] = []
        for worth in self._items(node, module, scope):
            (unknown if isinstance(worth, Unknown) else items).append(worth)  # type: ignore[arg-type]
        return ListValue(tuple(items), tuple(unknown))

    def _items(self, node: Node, module: Module, scope: Scope) -> Iterator[Value]:
        for child in node.named_children:
            if child.type == "comment":
                continue
            if child.type != "spread_element":
                yield self.value(child, module, scope)
                continue
            spread = self.value(child.named_children[0], module, scope)
            if isinstance(spread, ListValue):
                yield from spread.items
                yield from spread.unknown
            else:
                yield self._why(spread, child, module)

    def _call(self, node: Node, module: Module, scope: Scope) -> Value:
        function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if function is None or arguments is None:
            return self._unknown(node, module, "it is not a call that is known")
        listed = self._of_list(function, arguments, module, scope)
        if listed is not None:
            return listed
        called = self.value(function, module, scope)
        if not isinstance(called, FunctionValue):
            return self._why(called, node, module)
        given = tuple(self._items(arguments, module, scope))
        result = called.call(given)
        if isinstance(result, TableValue):
            return self._placed(result, node, module)
        return self._why(result, node, module) if isinstance(result, Unknown) else result

    def _of_list(self, function: Node, arguments: Node, module: Module, scope: Scope) -> Value | None:
        """`list.map(f)`, `Object.keys(o)` and `Object.values(o)`."""
        if function.type != "member_expression":
            return None
        target, name = function.child_by_field_name("object"), text_of(function.child_by_field_name("property"))
        if text_of(target) == "Object" and name in ("keys", "values", "entries", "freeze", "fromEntries"):
            inner = next(iter(self._items(arguments, module, scope)), None)
            if name == "fromEntries":
                return self._from_entries(inner, arguments, module)
            if name == "freeze" or not isinstance(inner, ObjectValue):
                return inner
            if name == "entries":
                return ListValue(tuple(ListValue((Literal_(e.name), e.value)) for e in inner.entries))
            return ListValue(tuple(Literal_(e.name) if name == "keys" else e.value for e in inner.entries))
        if name not in ("map", "concat"):
            return None
        whole = self.value(target, module, scope)
        if not isinstance(whole, ListValue):
            return None
        given = tuple(self._items(arguments, module, scope))
        if name == "concat":
            more = [item for value in given for item in (value.items if isinstance(value, ListValue) else (value,))]
            return ListValue((*whole.items, *more), whole.unknown)
        if not given or not isinstance(given[0], FunctionValue):
            return None
        made = tuple(given[0].call((item,)) for item in whole.items)
        return ListValue(made, whole.unknown)

    def _from_entries(self, pairs: Value | None, node: Node, module: Module) -> Value:
        """`Object.fromEntries(list of [name, value])`."""
        if not isinstance(pairs, ListValue):
            return self._unknown(node, module, "its entries cannot be worked out")
        entries: list[Entry] = []
        for pair in pairs.items:
            told = pair.items if isinstance(pair, ListValue) and not pair.unknown else ()
            if len(told) != 2 or not isinstance(told[0], Literal_):
                return self._unknown(node, module, "one of its entries cannot be worked out")
            entries.append(Entry(str(told[0].value), told[1], Span(module.source, module.line(node))))
        return ObjectValue(tuple(entries), pairs.unknown)  # type: ignore[arg-type]

    def _template(self, node: Node, module: Module, scope: Scope) -> Value:
        """A template string whose holes are all known."""
        said = ""
        for child in node.named_children:
            if child.type != "template_substitution":
                said += unescaped(text_of(child))
                continue
            hole = self.value(child.named_children[0], module, scope) if child.named_children else None
            if not isinstance(hole, Literal_):
                return self._unknown(node, module, "what stands in one of its holes cannot be worked out")
            said += _said(hole.value)
        return Literal_(said)

    def _placed(self, table: TableValue, node: Node, module: Module) -> TableValue:
        span = Span(module.source, module.line(node))
        if any(each.span is None for each in table.unknown):
            table = replace(table, unknown=tuple(replace(each, span=each.span or span) for each in table.unknown))
        last = table.indexes[-1] if table.indexes else None
        if last is not None and last.span is None:
            method = node.child_by_field_name("function").child_by_field_name("property") or node
            told = replace(last, span=Span(module.source, module.line(method)))
            return replace(table, indexes=(*table.indexes[:-1], told))
        return table if table.span else replace(table, span=span)

    def _apply(self, node: Node, module: Module, outer: Scope, given: tuple[Value, ...]) -> Value:
        """A function of the project's own, when it only returns: its parameters are bound, and its body worked out."""
        scope = dict(outer)
        single = node.child_by_field_name("parameter")
        listed = node.child_by_field_name("parameters")
        names = [single] if single is not None else list(listed.named_children) if listed is not None else []
        for place, parameter in enumerate(names):
            target = parameter.child_by_field_name("pattern") or parameter
            if target.type == "rest_pattern":
                scope[text_of(target.named_children[0])] = ListValue(given[place:])
            elif target.type == "identifier":
                fallback = parameter.child_by_field_name("value")
                if place < len(given):
                    scope[text_of(target)] = given[place]
                elif fallback is not None:
                    scope[text_of(target)] = self.value(fallback, module, scope)
                else:
                    scope[text_of(target)] = Unknown(text_of(target), "it is not given")
            elif target.type == "object_pattern" and place < len(given):
                for local, key in pattern_names(target):
                    scope[local] = self._of(given[place], key, target, module)
        body = node.child_by_field_name("body")
        if body is None:
            return self._unknown(node, module, "it is a function without a body")
        return self._body(body, module, scope) if body.type == "statement_block" else self.value(body, module, scope)

    def _body(self, body: Node, module: Module, scope: Scope) -> Value:
        for statement in body.named_children:
            if statement.type == "return_statement":
                inner = [child for child in statement.named_children if child.type != "comment"]
                return self.value(inner[0], module, scope) if inner else Literal_(None)
            if statement.type in ("lexical_declaration", "variable_declaration"):
                for child in statement.named_children:
                    target, value = child.child_by_field_name("name"), child.child_by_field_name("value")
                    if target is not None and value is not None and target.type == "identifier":
                        scope[text_of(target)] = self.value(value, module, scope)
            elif statement.type != "comment":
                return self._unknown(statement, module, "it does more than return a value")
        return self._unknown(body, module, "it returns nothing")

    def _member(self, node: Node, module: Module, scope: Scope) -> Value:
        target = node.child_by_field_name("object")
        named = node.child_by_field_name("property") or node.child_by_field_name("index")
        if target is None or named is None:
            return self._unknown(node, module, "it is not a property that is known")
        whole = self.value(target, module, scope)
        if node.type == "subscript_expression":
            told = self.value(named, module, scope)
            if isinstance(whole, ListValue) and text_of(named) == "number":
                return whole
            if not isinstance(told, Literal_):
                return self._why(told, node, module)
            return self._of(whole, str(told.value), node, module)
        return self._of(whole, text_of(named), node, module)

    def _of(self, whole: Value, name: str, node: Node, module: Module) -> Value:
        found: Value | None = None
        if isinstance(whole, ObjectValue):
            found = whole.get(name)
        elif isinstance(whole, Space):
            found = whole.member(name)
        elif isinstance(whole, Validator):
            found = validator_member(whole, name)
        elif isinstance(whole, TableValue):
            found = table_member(whole, name, table_index)
        elif isinstance(whole, Unknown):
            return whole
        if found is None:
            return self._unknown(node, module, f"nothing is known of its {name!r}")
        return self._why(found, node, module) if isinstance(found, Unknown) else found

    def _why(self, value: Value, node: Node, module: Module) -> Unknown:
        reason = value.reason if isinstance(value, Unknown) else "it is not of the kind that is wanted here"
        return Unknown(_short(text_of(node)), reason, Span(module.source, module.line(node)))

    def _unknown(self, node: Node, module: Module, reason: str) -> Unknown:
        return Unknown(_short(text_of(node)), reason, Span(module.source, module.line(node)))


def _said(value: str | float | bool | None) -> str:
    """A value as JavaScript puts it into a string."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "null" if value is None else str(value)


def _short(text: str) -> str:
    one = " ".join(text.split())
    return one if len(one) <= 120 else one[:117] + "…"
