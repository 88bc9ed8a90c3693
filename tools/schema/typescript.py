"""TypeScript files as scopes: what each declares, imports and exports. Nothing is run, and nothing outside is read.

Relative imports are followed to `x.ts`, `x.tsx`, `x.js`, `x.mts`, `x/index.ts`; packages are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tools.errors import SourceError

Node = Any
"""A tree_sitter.Node."""
_ENDINGS = (".ts", ".tsx", ".mts", ".js", ".mjs", ".jsx")
_LARGEST = 20_000_000


@dataclass(frozen=True)
class Import:
    """A name that comes from elsewhere: `name` is `*` for the whole module, `default` for its default export."""

    module: str
    name: str


@dataclass
class Module:
    """One parsed file. `names` maps what is declared at the top to its node; `stars` are `export * from`."""

    source: str
    path: Path | None
    root: Node
    first_line: int = 1
    names: dict[str, Node] = field(default_factory=dict[str, Any])
    imports: dict[str, Import] = field(default_factory=dict[str, Import])
    exports: dict[str, str | Import | Node] = field(default_factory=dict[str, Any])
    stars: list[str] = field(default_factory=list[str])

    def line(self, node: Node) -> int:
        return int(node.start_point[0]) + self.first_line


def parse_module(text: str, source: str, path: Path | None = None, first_line: int = 1) -> Module:
    """The scope of one file. A text that is no TypeScript gives a scope of what could be made out of it."""
    tsx = source.endswith((".tsx", ".jsx"))
    if len(text) > _LARGEST:
        raise SourceError(f"is larger than {_LARGEST // 1_000_000} MB: no schema is", source=source)
    module = Module(source, path, _parser(tsx).parse(text.encode()).root_node, first_line)
    for statement in module.root.named_children:
        _declare(module, statement)
    return module


def load_module(path: Path, shown: str | None = None) -> Module:
    """Raises SourceError for a file that cannot be read as text."""
    source = shown or str(path)
    try:
        return parse_module(path.read_text(encoding="utf-8-sig"), source, path)
    except UnicodeDecodeError as error:
        raise SourceError("is not a text file in UTF-8", source=source) from error
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=source) from error


def resolve(module: Module, name: str) -> Path | None:
    """The file that a relative import names; None for a package, or where there is none."""
    if module.path is None or not name.startswith("."):
        return None
    base = module.path.parent / name
    stem = Path(re.sub(r"\.(js|mjs|jsx)$", "", str(base)))
    candidates = [base, *(Path(f"{stem}{ending}") for ending in _ENDINGS), *(base / f"index{e}" for e in _ENDINGS)]
    return next((path for path in candidates if path.is_file()), None)


def text_of(node: Node) -> str:
    return str(node.text.decode("utf-8", "replace"))


def errors(module: Module) -> Iterator[Node]:
    """The places where the text is no TypeScript, outermost first."""
    waiting = [module.root] if module.root.has_error else []
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR" or node.is_missing:
            yield node
            continue
        waiting.extend(child for child in reversed(node.children) if child.has_error or child.is_missing)


def unclosed(module: Module) -> Node | None:
    """The bracket that is not closed, or closed by one of another kind, where the text is broken for that reason."""
    closing = {"(": ")", "[": "]", "{": "}", "${": "}"}
    open_: list[Node] = []
    waiting = [module.root]
    while waiting:
        node = waiting.pop()
        if node.child_count:
            waiting.extend(reversed(node.children))
        elif node.is_missing:
            continue
        elif node.type in closing:
            open_.append(node)
        elif node.type in (")", "]", "}"):
            if open_ and closing[open_[-1].type] != node.type:
                return open_[-1]
            open_ = open_[:-1]
    return open_[-1] if open_ else None


def string_value(node: Node) -> str:
    """What a string literal, or a template without holes, says."""
    return unescaped(text_of(node)[1:-1])


def unescaped(inner: str) -> str:
    """The inside of a string with its escapes undone."""
    return re.sub(r"\\(u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", _unescaped, inner, flags=re.DOTALL)


def note_of(node: Node) -> str | None:
    """The comment right above an entry, or after it on its line."""
    lines: list[str] = []
    above, row = node.prev_sibling, node.start_point[0]
    while above is not None and above.type == "comment" and above.end_point[0] >= row - 1:
        before = above.prev_sibling
        if before is not None and _beside(before, above):
            break  # it stands after the entry before
        lines.insert(0, _comment(text_of(above)))
        row, above = above.start_point[0], before
    after = node.next_sibling
    if after is not None and after.type == ",":
        after = after.next_sibling
    if after is not None and after.type == "comment" and after.start_point[0] == node.end_point[0]:
        lines.append(_comment(text_of(after)))
    return " ".join(line for line in lines if line) or None


def _beside(before: Node, comment: Node) -> bool:
    same_line = before.end_point[0] == comment.start_point[0]
    return same_line and before.type != "comment" and (before.type == "," or before.is_named)


def statement_of(node: Node) -> Node:
    """The whole statement that a declarator stands in, with its `export`."""
    while node.parent is not None and node.parent.type != "program":
        node = node.parent
    return node


def _comment(text: str) -> str:
    inner = text.removeprefix("//") if text.startswith("//") else text.removeprefix("/*").removesuffix("*/")
    return " ".join(line.strip().strip("*").strip() for line in inner.splitlines()).strip()


def _unescaped(match: re.Match[str]) -> str:
    said = match.group(1)
    if said[0] in "ux" and len(said) > 1:
        number = int(said[1:].strip("{}"), 16)
        return chr(number) if number < 0x110000 else match.group(0)
    return {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f", "v": "\v", "\n": ""}.get(said, said)


def _declare(module: Module, statement: Node) -> None:
    if statement.type == "import_statement":
        _import(module, statement)
    elif statement.type == "export_statement":
        _export(module, statement)
    elif statement.type == "expression_statement" and statement.named_children:
        module.exports.setdefault("default", statement.named_children[0])  # as a block of a document may stand
    else:
        for name, node in _declared(statement):
            module.names[name] = node


def _declared(statement: Node) -> Iterator[tuple[str, Node]]:
    """The names that a declaration makes. A name taken out of an object keeps its whole declarator."""
    if statement.type in ("lexical_declaration", "variable_declaration"):
        for child in statement.named_children:
            target = child.child_by_field_name("name") if child.type == "variable_declarator" else None
            if target is None:
                continue
            if target.type == "identifier":
                yield text_of(target), child
            elif target.type == "object_pattern":
                for name, _ in pattern_names(target):
                    yield name, child
    elif statement.type in ("function_declaration", "enum_declaration"):
        target = statement.child_by_field_name("name")
        if target is not None:
            yield text_of(target), statement
    elif statement.type == "ambient_declaration":
        for child in statement.named_children:
            yield from _declared(child)


def pattern_names(pattern: Node) -> Iterator[tuple[str, str]]:
    """`{ a, b: c }`: each local name with the property that it holds."""
    for child in pattern.named_children:
        if child.type == "shorthand_property_identifier_pattern":
            yield text_of(child), text_of(child)
        elif child.type == "pair_pattern":
            value, key = child.child_by_field_name("value"), child.child_by_field_name("key")
            if value is not None and key is not None and value.type == "identifier":
                yield text_of(value), text_of(key)


def _import(module: Module, statement: Node) -> None:
    source = statement.child_by_field_name("source")
    clause = next((child for child in statement.named_children if child.type == "import_clause"), None)
    if source is None or clause is None:
        return
    where = string_value(source)
    for child in clause.named_children:
        if child.type == "identifier":
            module.imports[text_of(child)] = Import(where, "default")
        elif child.type == "namespace_import":
            module.imports[text_of(child.named_children[0])] = Import(where, "*")
        elif child.type == "named_imports":
            for name, alias in _specifiers(child):
                module.imports[alias] = Import(where, name)


def _specifiers(clause: Node) -> Iterator[tuple[str, str]]:
    for child in clause.named_children:
        name, alias = child.child_by_field_name("name"), child.child_by_field_name("alias")
        if name is not None:
            yield text_of(name).strip("'\""), text_of(alias or name).strip("'\"")


def _export(module: Module, statement: Node) -> None:
    declaration, source = statement.child_by_field_name("declaration"), statement.child_by_field_name("source")
    value = statement.child_by_field_name("value")
    where = string_value(source) if source is not None else None
    if declaration is not None:
        for name, node in _declared(declaration):
            module.names[name] = node
            module.exports[name] = name
        return
    if value is not None:
        module.exports["default"] = value
        return
    clause = next((child for child in statement.named_children if child.type == "export_clause"), None)
    space = next((child for child in statement.named_children if child.type == "namespace_export"), None)
    if clause is not None:
        for name, alias in _specifiers(clause):
            module.exports[alias] = name if where is None else Import(where, name)
    elif space is not None and where is not None:
        module.exports[text_of(space.named_children[0])] = Import(where, "*")
    elif where is not None:
        module.stars.append(where)


@cache
def _parser(tsx: bool) -> Any:
    import tree_sitter
    import tree_sitter_typescript

    grammar = tree_sitter_typescript.language_tsx() if tsx else tree_sitter_typescript.language_typescript()
    return tree_sitter.Parser(tree_sitter.Language(grammar))
