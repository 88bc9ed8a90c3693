"""The store's own schema, moved forward by numbered migrations, each in a transaction of its own.

Times are UTC without a zone; JSON is text. No foreign keys: DuckDB rewrites a row that is updated, which they forbid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from knowledge import engine
from knowledge.clock import to_store, utc_now
from tools.errors import OneplanError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class StoreMigration:
    number: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[StoreMigration, ...] = (
    StoreMigration(1, "events", (
        """CREATE TABLE event (
            seq BIGINT PRIMARY KEY, moment TIMESTAMP NOT NULL, actor VARCHAR NOT NULL, kind VARCHAR NOT NULL,
            data VARCHAR NOT NULL, prev_hash VARCHAR NOT NULL, hash VARCHAR NOT NULL)""",
    )),
    StoreMigration(2, "approvals", (
        """CREATE TABLE proposal (
            id VARCHAR PRIMARY KEY, digest VARCHAR NOT NULL, action VARCHAR NOT NULL, actor VARCHAR NOT NULL,
            thread VARCHAR NOT NULL, created TIMESTAMP NOT NULL, expires TIMESTAMP NOT NULL, status VARCHAR NOT NULL,
            decided_by VARCHAR, decided TIMESTAMP, via VARCHAR, reason VARCHAR)""",
        """CREATE TABLE approval (
            id VARCHAR PRIMARY KEY, proposal_id VARCHAR NOT NULL, digest VARCHAR NOT NULL, actor VARCHAR NOT NULL,
            thread VARCHAR NOT NULL, approver VARCHAR NOT NULL, via VARCHAR NOT NULL, moment TIMESTAMP NOT NULL,
            expires TIMESTAMP NOT NULL, claimed TIMESTAMP, run VARCHAR, outcome VARCHAR, detail VARCHAR,
            ended TIMESTAMP)""",
    )),
    StoreMigration(3, "records", (
        """CREATE TABLE schema_snapshot (
            digest VARCHAR PRIMARY KEY, body VARCHAR NOT NULL, source VARCHAR NOT NULL, moment TIMESTAMP NOT NULL)""",
        """CREATE TABLE plan (
            digest VARCHAR PRIMARY KEY, body VARCHAR NOT NULL, name VARCHAR NOT NULL, moment TIMESTAMP NOT NULL)""",
        """CREATE TABLE rehearsal (
            seq BIGINT PRIMARY KEY, plan_digest VARCHAR NOT NULL, origin_digest VARCHAR NOT NULL,
            body VARCHAR NOT NULL, moment TIMESTAMP NOT NULL)""",
        """CREATE TABLE pinned_fact (
            thread VARCHAR NOT NULL, name VARCHAR NOT NULL, value VARCHAR NOT NULL, moment TIMESTAMP NOT NULL,
            PRIMARY KEY (thread, name))""",
    )),
    StoreMigration(4, "documents", (
        "CREATE SEQUENCE section_id",
        """CREATE TABLE document (
            path VARCHAR PRIMARY KEY, sha256 VARCHAR NOT NULL, title VARCHAR NOT NULL, mended BOOLEAN NOT NULL,
            moment TIMESTAMP NOT NULL)""",
        """CREATE TABLE section (
            id BIGINT PRIMARY KEY DEFAULT nextval('section_id'), path VARCHAR NOT NULL, line INTEGER NOT NULL,
            heading VARCHAR NOT NULL, body VARCHAR NOT NULL)""",
    )),
    StoreMigration(5, "boards", (
        """CREATE TABLE board (
            name VARCHAR PRIMARY KEY, body VARCHAR NOT NULL, digest VARCHAR NOT NULL, moment TIMESTAMP NOT NULL)""",
    )),
)  # fmt: skip


def migrate(connection: DuckDBPyConnection, place: str) -> None:
    """Bring the store forward. Raises OneplanError for a store of a newer oneplan or a database that is no store."""
    reached = _reached(connection, place)
    newest = MIGRATIONS[-1].number
    if reached > newest:
        raise OneplanError(
            f"{place} was written by a newer oneplan (store version {reached}, here {newest}): upgrade oneplan"
        )
    for migration in MIGRATIONS:
        if migration.number > reached:
            _apply(connection, migration)


def _reached(connection: DuckDBPyConnection, place: str) -> int:
    import duckdb

    try:
        row = connection.execute("SELECT max(number) FROM store_migration").fetchone()
    except duckdb.CatalogException:
        tables = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE NOT internal").fetchone()
        if tables and tables[0]:
            raise OneplanError(f"{place} is a DuckDB database but not oneplan's store: name another file") from None
        return 0
    return row[0] or 0 if row else 0


def _apply(connection: DuckDBPyConnection, migration: StoreMigration) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS store_migration (number INTEGER PRIMARY KEY, name VARCHAR, moment TIMESTAMP)"
        )
        for statement in migration.statements:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO store_migration VALUES (?, ?, ?)", [migration.number, migration.name, to_store(utc_now())]
        )
        connection.execute("COMMIT")
    except BaseException:
        engine.roll_back(connection)
        raise
