"""Databases to migrate, of each kind: empty ones, and copies of one with rows in it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from tests.migrate.kit import Target
from tools.embedded import scratch_database
from tools.location import Dialect


@contextmanager
def target_of(kind: Dialect, folder: Path, server: Callable[[], str]) -> Iterator[Target]:
    """Databases in `folder`, or on the Postgres whose URL `server` gives; those are dropped at the end."""
    numbers = count(1)
    with ExitStack() as exits:

        def fresh() -> str:
            if kind == "postgres":
                return exits.enter_context(scratch_database(server(), "test"))
            path = folder / f"{kind}{next(numbers)}.db"
            if kind == "sqlite":
                path.touch()
            else:
                import duckdb as engine

                engine.connect(str(path)).close()
            return f"{kind}:///{path}"

        def copy(location: str) -> str:
            if kind == "postgres":
                return from_template(server(), fresh(), location)
            new = folder / f"{kind}{next(numbers)}.db"
            shutil.copy(location.removeprefix(f"{kind}:///"), new)
            return f"{kind}:///{new}"

        yield Target(kind, fresh(), fresh, copy, server() if kind == "postgres" else None)


def from_template(server: str, new: str, old: str) -> str:
    """Make `new` what `old` is."""
    import psycopg

    names = [urlsplit(url).path.removeprefix("/") for url in (new, old)]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{names[0]}"'.encode())
        connection.execute(f'CREATE DATABASE "{names[0]}" TEMPLATE "{names[1]}"'.encode())
    return new
