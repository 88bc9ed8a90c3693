"""Real databases of all three kinds, and a workspace with a ledger."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.migrate.kit import Desk, Target, make_people
from tests.places import target_of


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
    with target_of(kind, folder, lambda: request.getfixturevalue("postgres_server")) as made:
        yield made
