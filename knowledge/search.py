"""Full-text search over the ingested sections: BM25 by DuckDB's full-text extension."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from knowledge.store import Store

_LONGEST_QUERY = 1000
_EXCERPT = 240


@dataclass(frozen=True)
class Hit:
    """A section that matches. line: the line in it that matches best. score: BM25, higher is better."""

    path: str
    line: int
    heading: str
    excerpt: str
    score: float

    @property
    def citation(self) -> str:
        """`path:line`, the path as seen from the working folder where it lies below it."""
        path = Path(self.path)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}"


def search(store: Store, text: str, limit: int = 8) -> tuple[Hit, ...]:
    """The best sections for the words of `text`, whatever else it holds. Nothing ingested or found: no hits."""
    words = _words(text[:_LONGEST_QUERY])
    if not words:
        return ()
    with store.open(search=True) as connection:
        if not _indexed(connection):
            return ()
        rows = connection.execute(
            """SELECT path, line, heading, body, score FROM
               (SELECT *, fts_main_section.match_bm25(id, ?) AS score FROM section) WHERE score IS NOT NULL
               ORDER BY score DESC, path, line LIMIT ?""",
            [" ".join(words), limit],
        ).fetchall()
    return tuple(_hit(path, line, heading, body, score, words) for path, line, heading, body, score in rows)


def make_index(connection: DuckDBPyConnection) -> None:
    """Index all sections anew, within the caller's transaction; the connection was opened for search.

    No stop words: their list holds words that mean something here ("hello", "changes"), and BM25 weighs common words
    down by itself. Digits and letters of every script count: `01_create_agents` is found by each of its parts.
    """
    connection.execute(
        r"""PRAGMA create_fts_index('section', 'id', 'heading', 'body',
            stemmer = 'porter', stopwords = 'none', ignore = '[^\p{L}\p{N}]+', strip_accents = 1, lower = 1,
            overwrite = 1)"""
    )


def _indexed(connection: DuckDBPyConnection) -> bool:
    found = connection.execute("SELECT 1 FROM duckdb_schemas() WHERE schema_name = 'fts_main_section'").fetchone()
    return found is not None


def _words(text: str) -> list[str]:
    """Lower case, without accents, as the index has them."""
    plain = unicodedata.normalize("NFD", text.lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return re.findall(r"[^\W_]+", plain)


def _hit(path: str, line: int, heading: str, body: str, score: float, words: list[str]) -> Hit:
    lines = body.split("\n")
    best = max(range(len(lines)), key=lambda index: (_matches(lines[index], words), -index))
    excerpt = re.sub(r"\s+", " ", " ".join(lines[best : best + 4])).strip()
    shown = excerpt if len(excerpt) <= _EXCERPT else excerpt[: _EXCERPT - 1].rstrip() + "…"
    return Hit(path, line + best, heading, shown, float(score))


def _matches(line: str, words: list[str]) -> int:
    """How many of the words a line has, by their beginnings: the index compares stems."""
    present = _words(line)
    return sum(any(word.startswith(wanted[: max(4, len(wanted) - 3)]) for word in present) for wanted in set(words))
