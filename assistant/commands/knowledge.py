"""ingest and search: the documents of the knowledge store."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from assistant.commands.output import DONE, ERROR, print_json, say
from assistant.commands.schema import AsJson
from assistant.session import Workspace


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)
    app.command("search")(search)


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Markdown or text files, or folders of them.")],
    as_json: AsJson = False,
) -> int:
    """Read documents into the knowledge store. What cannot be read is named; the rest goes in."""
    from knowledge.ingest import ingest as read_in

    result = read_in(Workspace().store, paths)
    if as_json:
        print_json("ingest", asdict(result))
    else:
        print(f"{len(result.added)} documents read in, {len(result.unchanged)} unchanged")
    for problem in result.problems:
        say(f"oneplan: {problem}")
    return ERROR if result.problems else DONE


def search(
    text: Annotated[str, typer.Argument(help="Words to look for.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100)] = 10,
    as_json: AsJson = False,
) -> int:
    """Find the passages of the ingested documents that speak of something."""
    from knowledge.search import search as look

    hits = look(Workspace().store, text, limit=limit)
    if as_json:
        print_json("search", {"hits": [asdict(hit) for hit in hits]})
    else:
        from assistant.console import print_hits

        print_hits(hits)
        if not hits:
            say("nothing found")
    return DONE
