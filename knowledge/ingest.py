"""Documents into the store: read, split in sections, indexed for search. It writes only there: no approval needed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from knowledge.clock import to_store, utc_now
from knowledge.documents import LARGEST, Document, read_text, split
from knowledge.events import Events
from knowledge.search import make_index
from tools.errors import SourceError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from knowledge.store import Store

SUFFIXES = (".md", ".markdown", ".txt")
_NOT_DOCUMENTS = {"node_modules", "__pycache__", "site-packages"}


@dataclass(frozen=True)
class Ingested:
    """One file. `sections` is how many it has now; `mended` that its text had been decoded twice."""

    path: str
    status: Literal["new", "changed", "unchanged", "removed"]
    sections: int = 0
    mended: bool = False


@dataclass(frozen=True)
class IngestReport:
    """What became of each file; `problems` are sentences, one for each file that was left out."""

    files: tuple[Ingested, ...]
    problems: tuple[str, ...]

    @property
    def added(self) -> tuple[Ingested, ...]:
        """Files whose sections are new in the store: new files and changed ones."""
        return tuple(file for file in self.files if file.status in ("new", "changed"))

    @property
    def unchanged(self) -> tuple[Ingested, ...]:
        return tuple(file for file in self.files if file.status == "unchanged")


@dataclass
class _Reading:
    known: dict[str, tuple[str, int]]
    files: list[Ingested] = field(default_factory=list[Ingested])
    documents: list[tuple[str, str, Document]] = field(default_factory=list[tuple[str, str, Document]])
    problems: list[str] = field(default_factory=list[str])


def ingest(store: Store, paths: Iterable[Path], *, actor: str = "") -> IngestReport:
    """Take in files (any text) and folders (their Markdown and text files).

    A file that has not changed is left alone; a changed one replaces its sections; one that is gone from a named folder
    is forgotten. What cannot be read is reported, and the rest goes on.
    """
    with store.open() as connection:
        reading = _Reading(_known(connection))
    for path in paths:
        _read_path(reading, path.absolute())
    changed = [file for file in reading.files if file.status != "unchanged"]
    if changed:
        with store.transaction(search=True) as connection:
            for file in changed:
                connection.execute("DELETE FROM section WHERE path = ?", [file.path])
                connection.execute("DELETE FROM document WHERE path = ?", [file.path])
            for path, digest, document in reading.documents:
                _insert(connection, path, digest, document)
            make_index(connection)
            facts = {
                status: [f.path for f in changed if f.status == status] for status in ("new", "changed", "removed")
            }
            Events(store).append(
                "documents.ingested", {key: value for key, value in facts.items() if value}, actor=actor
            )
    return IngestReport(tuple(reading.files), tuple(reading.problems))


def _known(connection: DuckDBPyConnection) -> dict[str, tuple[str, int]]:
    rows = connection.execute(
        "SELECT d.path, d.sha256, count(s.id) FROM document d LEFT JOIN section s ON s.path = d.path GROUP BY ALL"
    ).fetchall()
    return {path: (digest, sections) for path, digest, sections in rows}


def _read_path(reading: _Reading, path: Path) -> None:
    if not path.exists():
        reading.problems.append(f"{path}: no such file or folder")
    elif not path.is_dir():
        _read_file(reading, path)
    else:
        found = list(_documents_in(path))
        for file in found:
            _read_file(reading, file)
        gone = [known for known in reading.known if Path(known).is_relative_to(path) and not Path(known).exists()]
        reading.files.extend(Ingested(known, "removed") for known in gone)
        if not found:
            reading.problems.append(f"{path}: holds no Markdown or text files")


def _documents_in(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _NOT_DOCUMENTS)
        yield from (Path(root, name) for name in sorted(names) if name.lower().endswith(SUFFIXES))


def _read_file(reading: _Reading, path: Path) -> None:
    name = str(path)
    if any(file.path == name for file in reading.files):
        return
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        digest = hashlib.sha256(data).hexdigest()
        known, sections = reading.known.get(name, ("", 0))
        if known == digest:
            reading.files.append(Ingested(name, "unchanged", sections))
            return
        document = split(path, read_text(path, data))
    except (OSError, SourceError) as error:
        reading.problems.append(f"{path}: {error.strerror}" if isinstance(error, OSError) else str(error))
        return
    reading.documents.append((name, digest, document))
    status = "changed" if known else "new"
    reading.files.append(Ingested(name, status, len(document.sections), document.mended))


def _insert(connection: DuckDBPyConnection, path: str, digest: str, document: Document) -> None:
    connection.execute(
        "INSERT INTO document VALUES (?, ?, ?, ?, ?)",
        [path, digest, document.title, document.mended, to_store(utc_now())],
    )
    rows = [[path, section.line, section.heading, section.body] for section in document.sections]
    if rows:
        connection.executemany("INSERT INTO section (path, line, heading, body) VALUES (?, ?, ?, ?)", rows)
