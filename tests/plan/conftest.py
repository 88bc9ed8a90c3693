from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.plan.harness import Database
from tools.embedded import scratch_database
from tools.location import Dialect

Opener = Callable[[Dialect], Database]


@pytest.fixture
def open_database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens an empty database of a dialect; all are closed at the end."""
    opened: list[Database] = []
    contexts = []

    def opener(dialect: Dialect) -> Database:
        if dialect == "postgres":
            context = scratch_database(request.getfixturevalue("postgres_server"), "plan")
            contexts.append(context)
            address = context.__enter__()
        else:
            address = str(tmp_path / f"{len(opened)}.{dialect}")
        opened.append(Database(dialect, address))
        return opened[-1]

    yield opener
    for database in opened:
        database.close()
    for context in contexts:
        context.__exit__(None, None, None)
