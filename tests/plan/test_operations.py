"""Every operation has a folder of fixtures on every backend on which it is made, and the registry knows them all."""

from __future__ import annotations

import ast
from pathlib import Path

import yaml

from tests.plan.test_cases import CASES
from tools.plan import steps
from tools.plan.operations import NEED_NO_UNDO, NEED_USAGES, OPERATIONS


def _shown() -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for folder in CASES:
        expected = yaml.safe_load((folder / "expected.yaml").read_text(encoding="utf-8"))
        for dialect, listed in expected["steps"].items():
            found |= {(said.split()[0], dialect) for step in listed for said in step.values()}
    return found


def _named_in_the_code() -> set[str]:
    """The operations that are written out where a Step is made."""
    found: set[str] = set()
    for path in Path(steps.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Step", "_ask"):
                third = node.args[2] if len(node.args) > 2 else None
                found |= {third.value} if isinstance(third, ast.Constant) and isinstance(third.value, str) else set()
    return found


def test_every_operation_has_its_folder_on_every_backend() -> None:
    wanted = {(operation, dialect) for operation, dialects in OPERATIONS.items() for dialect in dialects}
    assert wanted - _shown() == set()


def test_no_operation_is_unknown_to_the_registry() -> None:
    irreversible = {(operation, dialect) for operation, dialects in NEED_NO_UNDO.items() for dialect in dialects}
    known = {(operation, dialect) for operation, dialects in OPERATIONS.items() for dialect in dialects}
    assert _shown() - known - irreversible == set()
    assert _named_in_the_code() - set(OPERATIONS) - set(NEED_USAGES) == set()
    assert len(_named_in_the_code()) > 30
