"""The source files of a folder: what git would not ignore, of the languages that are read, of a sensible size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pathspec

from tools.errors import SourceError

LANGUAGES = {
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx", ".js": "tsx", ".jsx": "tsx",
    ".mjs": "tsx", ".cjs": "tsx", ".py": "python", ".sql": "sql",
}  # fmt: skip
LARGEST = 2_000_000
"""Bytes: what is larger is a bundle or data, and nobody's source."""
_NEVER = {"node_modules", "__pycache__", "site-packages", ".git", ".hg", ".svn", ".oneplan", ".venv", "venv"}


def source_files(folder: Path) -> Iterator[Path]:
    """The files, sorted. Every folder's .gitignore speaks of what is below it, the nearer one last."""
    if not folder.is_dir():
        raise SourceError("is not a folder of code", source=str(folder))
    yield from _below(folder, [])


def _below(folder: Path, rules: list[tuple[Path, pathspec.GitIgnoreSpec]]) -> Iterator[Path]:
    ignore = folder / ".gitignore"
    if ignore.is_file():
        lines = ignore.read_text(encoding="utf-8", errors="replace").splitlines()
        rules = [*rules, (folder, pathspec.GitIgnoreSpec.from_lines(lines))]
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(folder)) from error
    for entry in entries:
        path = Path(entry.path)
        if entry.is_symlink():
            continue  # what it points to is read where it is, or is not of this folder
        if entry.is_dir():
            if entry.name not in _NEVER and not _ignored(path, rules, folder=True):
                yield from _below(path, rules)
        elif _readable(entry) and not _ignored(path, rules, folder=False):
            yield path


def _readable(entry: os.DirEntry[str]) -> bool:
    known = Path(entry.name).suffix.lower() in LANGUAGES and not entry.name.endswith((".min.js", ".d.ts"))
    return known and entry.stat().st_size <= LARGEST


def _ignored(path: Path, rules: list[tuple[Path, pathspec.GitIgnoreSpec]], *, folder: bool) -> bool:
    for base, spec in reversed(rules):
        said = spec.check_file(path.relative_to(base).as_posix() + ("/" if folder else "")).include
        if said is not None:
            return said
    return False
