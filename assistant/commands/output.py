"""What every command says, and where: the answer to stdout, the talk to stderr, JSON in one envelope."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tools.errors import UsageError

SCHEMA_VERSION = 1
DONE, ERROR, DIFFERENCES, APPROVAL_NEEDED, REFUSED = 0, 1, 2, 3, 4

_quiet = False


def quiet_progress(quiet: bool) -> None:
    global _quiet
    _quiet = quiet


def say(text: str) -> None:
    """Talk: to stderr, unless --quiet."""
    if not _quiet:
        print(_fitted(text), file=sys.stderr)


def is_quiet() -> bool:
    return _quiet


def print_json(kind: str, data: Any) -> None:
    print(json.dumps({"schema_version": SCHEMA_VERSION, "kind": kind, "data": data}, indent=2, ensure_ascii=False))


def fail(message: str, code: int, kind: str, as_json: bool, proposal: str = "") -> int:
    """Say what went wrong on stderr (an error is never quiet); with --json also as the one document on stdout."""
    sentence = " ".join(message.split())
    print(_fitted(f"oneplan: {sentence}"), file=sys.stderr)
    if as_json:
        error: dict[str, Any] = {"type": kind, "message": sentence, "exit_code": code}
        if proposal:
            error["proposal"] = proposal
        document = {"schema_version": SCHEMA_VERSION, "kind": "error", "data": None, "error": error}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    return code


def _fitted(text: str) -> str:
    """For stderr: broken at words where that is a terminal."""
    if not sys.stderr.isatty():
        return text
    from assistant.wrap import wrapped

    return wrapped(text, sys.stderr)


def keep_file(path: Path | None, yes: bool) -> None:
    """Refuse a file to write that is there already, unless `--yes` said so."""
    if path and path.exists() and not yes:
        raise UsageError(f"{path} is there already: pass --yes to overwrite it")


def interactive() -> bool:
    """Whether a person can be asked: both ends are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()
