"""Real databases of all three kinds, and a workspace with a ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.migrate.kit import Desk, Target, make_people
from tools.embedded import scratch_database


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "home")


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """An empty database, once for each engine."""
    yield from _target(request.param, request, tmp_path)


@pytest.fixture
def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    yield from _target("sqlite", request, tmp_path)


@pytest.fixture
def duckdb(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    yield from _target("duckdb", request, tmp_path)


@pytest.fixture
def postgres(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    yield from _target("postgres", request, tmp_path)


@pytest.fixture
def people(target: Target) -> Target:
    """The database with the people in it. DuckDB can alter no table that a foreign key points to."""
    make_people(target.location, notes=target.dialect != "duckdb")
    return target


def _target(kind: Any, request: pytest.FixtureRequest, folder: Path) -> Iterator[Target]:
    numbers = count(1)
    with ExitStack() as exits:

        def fresh() -> str:
            if kind == "postgres":
                server = request.getfixturevalue("postgres_server")
                return exits.enter_context(scratch_database(server, "test"))
            path = folder / f"{kind}{next(numbers)}.db"
            if kind == "sqlite":
                path.touch()
            else:
                import duckdb as engine

                engine.connect(str(path)).close()
            return f"{kind}:///{path}"

        def copy(location: str) -> str:
            if kind == "postgres":
                return _from_template(request.getfixturevalue("postgres_server"), fresh(), location)
            new = fresh()
            shutil.copy(location.removeprefix(f"{kind}:///"), new.removeprefix(f"{kind}:///"))
            return new

        shadow = request.getfixturevalue("postgres_server") if kind == "postgres" else None
        yield Target(kind, fresh(), fresh, copy, shadow)


def _from_template(server: str, new: str, old: str) -> str:
    import psycopg

    names = [urlsplit(url).path.removeprefix("/") for url in (new, old)]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{names[0]}"')
        connection.execute(f'CREATE DATABASE "{names[0]}" TEMPLATE "{names[1]}"')
    return new
