"""The arrows between the rooms, read from the imports; and what no room below `assistant` may do."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("assistant", "tools", "prompts", "knowledge")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # A room, and the rooms of ours that it may import. The longest prefix speaks.
    "tools.errors": (),
    "tools.location": ("tools.errors",),
    "tools.embedded": ("tools.errors",),
    "tools.files": ("tools.errors",),
    "knowledge": ("knowledge", "tools.errors"),
    "prompts": ("prompts", "tools.errors"),
    "tools.schema": ("tools.schema", "tools.errors", "tools.location", "tools.embedded", "tools.files"),
    "tools.usages": ("tools.usages", "tools.schema", "tools.errors", "tools.location", "tools.files"),
    "tools.plan": ("tools.plan", "tools.schema", "tools.errors", "tools.location", "tools.files"),
    "tools.migrate": (
        "tools.migrate", "tools.plan", "tools.schema", "tools.errors", "tools.location", "tools.embedded",
        "tools.files", "knowledge",
    ),
    "tools.tasks": (
        "tools.tasks", "tools.plan", "tools.usages", "tools.schema", "tools.errors", "tools.location", "tools.files",
        "knowledge",
    ),
    "tools": ("tools", "knowledge"),
    "assistant": ("assistant", "tools", "prompts", "knowledge"),
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """(module of ours, whether it is imported at run time and not only for the type checker)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        yield from ((name, id(node) not in typing_only) for name in names if name.split(".")[0] in PACKAGES)


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


@pytest.mark.parametrize(
    ("module", "path"), list(modules()), ids=lambda value: str(value) if "/" not in str(value) else ""
)
def test_arrows_run_one_way(module: str, path: Path) -> None:
    room = max((room for room in MAY_IMPORT if within(module, room)), key=len)
    wrong = [name for name, _ in imports(path) if not any(within(name, allowed) for allowed in MAY_IMPORT[room])]
    assert not wrong, f"{module} may not import {wrong}"


def test_no_circles() -> None:
    graph = {module: {name for name, runs in imports(path) if runs} for module, path in modules()}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module in done:
            return
        for name in graph.get(module, ()):
            if name != module:
                walk(name, (*trail, module))
        done.add(module)

    for module in graph:
        walk(module, ())


def test_the_domain_neither_prints_nor_prompts() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for module, path in modules()
        if within(module, "tools") or within(module, "knowledge")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    ]
    assert not found
