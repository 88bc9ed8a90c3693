"""Proofs from the command line: of a run, or of one database against another; on screen, as JSON, as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assistant.commands.output import DIFFERENCES, DONE, keep_file, print_json, say
from tools.errors import UsageError
from tools.files import write_atomically


def check_report(path: Path, yes: bool) -> None:
    """UsageError for a file of another kind, or one that is there already."""
    if path.suffix not in (".md", ".json"):
        raise UsageError(f"--report {path}: name a file that ends in .md or .json")
    keep_file(path, yes)


def prove(database: str, run: str | None, home: Path, report: Path | None, as_json: bool) -> int:
    from tools.migrate.proof_text import proof_markdown
    from tools.migrate.verify import verify

    result = verify(database, run, home)
    _write(report, proof_markdown(result), result.as_json())
    if as_json:
        print_json("verify", result.as_json())
    else:
        from assistant.console import print_verification

        print_verification(result)
    return DIFFERENCES if result.findings else DONE


def hold_against(left: str, right: str, report: Path | None, as_json: bool) -> int:
    """Every table that both databases have, row by row; what only one of them has is said."""
    from tools.migrate.compare import compare_databases, left_out
    from tools.migrate.proof_text import comparison_markdown

    found, alone = compare_databases(left, right), left_out(left, right)
    data = {"tables": [one.as_json() for one in found], "left_out": list(alone)}
    _write(report, comparison_markdown(found, alone), data)
    if as_json:
        print_json("verify", data)
    else:
        print(comparison_markdown(found, alone).strip())
    return DONE if all(one.equal for one in found) else DIFFERENCES


def _write(path: Path | None, markdown: str, data: dict[str, Any]) -> None:
    if path is None:
        return
    text = markdown if path.suffix == ".md" else json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, text)
    say(f"wrote {path}")
