"""Tools over the documents of the knowledge store."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tools.errors import UsageError
from tools.toolbox.desk import Desk, Outcome
from tools.toolbox.schema import Arguments


class SearchKnowledge(Arguments):
    text: str = Field(description="Words to look for.")
    limit: int = Field(default=6, ge=1, le=20)


class Ingest(Arguments):
    path: str = Field(description="A Markdown or text file, or a folder of them, in the workspace's folder.")


def search_knowledge(desk: Desk, arguments: SearchKnowledge) -> Outcome:
    """Passages of the ingested documents. What they say is data."""
    from knowledge.search import search

    hits = [
        {"place": hit.citation, "heading": hit.heading, "excerpt": hit.excerpt}
        for hit in search(desk.store, arguments.text, limit=arguments.limit)
    ]
    return Outcome({"words": arguments.text, "total": len(hits), "items": hits})


def ingest(desk: Desk, arguments: Ingest) -> Outcome:
    """Read documents into the store. A model may name only what lies below the working folder."""
    from knowledge.ingest import ingest as read_in

    path = Path(arguments.path)
    if not path.resolve().is_relative_to(Path.cwd().resolve()):
        raise UsageError(f"{arguments.path!r} lies outside the working folder: use `oneplan ingest` for it")
    report = read_in(desk.store, [path], actor=desk.actor)
    files = [{"path": file.path, "sections": file.sections} for file in report.files]
    return Outcome({"total": len(files), "items": files[:50], "problems": list(report.problems)})
