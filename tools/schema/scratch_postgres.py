"""The scratch engine of Postgres: a database of the embedded server, started once a process, and a transaction in it
that is rolled back. Its role is no superuser, so that no statement reaches a file or a program.
"""

from __future__ import annotations

import atexit
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from threading import RLock
from typing import Any

from tools.embedded import scratch_database, server
from tools.errors import OneplanError
from tools.schema.grants import roles_in
from tools.schema.model import Schema, SchemaObject
from tools.schema.refusal import SECONDS, Refusal
from tools.schema.render import quote
from tools.schema.tokens import Statement, Token

_ROLE = "oneplan_reader"
_EXTENSIONS = ("plpgsql", "vector")
"""What the embedded server brings."""


class _Server:
    """The embedded server of this process and the scratch database in it, started at the first use."""

    def __init__(self) -> None:
        self.lock = RLock()
        self._stack = ExitStack()
        self._url = ""

    def url(self) -> str:
        if not self._url:
            atexit.register(self._close)
            url = self._stack.enter_context(scratch_database(self._stack.enter_context(_started())))
            self._make_role(url)
            self._url = url
        return self._url

    def role_url(self) -> str:
        return self.url().replace("postgresql://postgres@", f"postgresql://{_ROLE}@")

    def _make_role(self, url: str) -> None:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
            connection.execute(f"ALTER SCHEMA public OWNER TO {_ROLE}")
            connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {_ROLE}".encode())

    def _close(self) -> None:
        self._url = ""
        self._stack.close()


_server = _Server()


@contextmanager
def _started() -> Generator[str]:
    try:
        context = server()
        url = context.__enter__()
    except OneplanError as error:
        raise OneplanError(
            f"Postgres DDL is read by the embedded Postgres, which cannot run here ({error}): "
            "load the schema into a database and name that instead, as postgresql://…"
        ) from error
    try:
        yield url
    finally:
        context.__exit__(None, None, None)


@contextmanager
def postgres_scratch() -> Generator[PostgresScratch]:
    """An empty schema in the process's scratch database, for one reader at a time."""
    import psycopg

    with _server.lock, ExitStack() as stack:
        superuser = stack.enter_context(psycopg.connect(_server.url(), autocommit=True))
        connection = stack.enter_context(psycopg.connect(_server.role_url()))
        found = PostgresScratch(connection, superuser)
        stack.callback(found.close)
        yield found


class PostgresScratch:
    def __init__(self, connection: Any, superuser: Any) -> None:
        self._connection, self._superuser = connection, superuser
        self._made: list[str] = []
        self._missing: list[str] = []
        self._roles: list[str] = []
        connection.execute(f"SET statement_timeout = {int(SECONDS * 1000)}")
        connection.execute("SET check_function_bodies = off")
        connection.execute("SET client_min_messages = error")

    @property
    def missing_extensions(self) -> tuple[str, ...]:
        return tuple(self._missing)

    def execute(self, statement: Statement) -> None:
        if statement.words[:2] == ("CREATE", "EXTENSION"):
            self._create_extension(statement)
        else:
            self._make_roles(statement)
            self._run(statement.text, statement)

    def execute_all(self, statements: Sequence[Statement]) -> bool:
        import psycopg

        if any(statement.words[:2] == ("CREATE", "EXTENSION") for statement in statements):
            return False
        for statement in statements:
            self._make_roles(statement)
        texts = [without_concurrently(statement.text, statement.tokens) for statement in statements]
        try:
            with self._connection.transaction():
                self._connection.execute(";\n".join(texts))
        except psycopg.Error:
            return False
        return True

    def parse(self, statement: Statement) -> None:
        try:
            self._run(f"EXPLAIN {statement.text}", statement, shift=len("EXPLAIN "))
        except Refusal as refusal:
            if refusal.syntax:
                raise

    def read(self) -> Schema:
        from tools.schema.postgres import read_postgres

        schema = read_postgres(self._connection)
        missing = tuple(
            SchemaObject(
                "extension", name, name, create=f"CREATE EXTENSION IF NOT EXISTS {quote(name)}",
                drop=f"DROP EXTENSION {quote(name)}",
            )
            for name in self._missing
        )  # fmt: skip
        return replace(schema, objects=missing + schema.objects)

    def close(self) -> None:
        self._connection.rollback()
        for name in self._roles:
            self._superuser.execute(f"DROP ROLE {quote(name)}")
        for name in self._made:
            self._superuser.execute(f'DROP EXTENSION IF EXISTS "{name}" CASCADE')

    def _create_extension(self, statement: Statement) -> None:
        name = extension_name(statement.tokens)
        if name in _EXTENSIONS:
            # Only a superuser may; a lock on the schema that the open transaction makes would never come free.
            self._superuser.execute(f'CREATE EXTENSION IF NOT EXISTS "{name}"')
            self._made += [name] if name != "plpgsql" else []
        else:
            self._missing.append(name)
            raise Refusal(f"the embedded Postgres does not have the extension {name}")

    def _make_roles(self, statement: Statement) -> None:
        """The roles that a statement names, which are beyond the database and so in no file; gone when it is read."""
        for name in roles_in(statement):
            if not self._superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchall():
                self._superuser.execute(f"CREATE ROLE {quote(name)}")
                self._roles.append(name)

    def _run(self, sql: str, statement: Statement, shift: int = 0) -> None:
        import psycopg

        try:
            with self._connection.transaction():
                self._connection.execute(without_concurrently(sql, statement.tokens, shift))
        except psycopg.Error as error:
            position = int(error.diag.statement_position or 1) - 1 - shift
            line = statement.text.count("\n", 0, max(position, 0)) + 1
            message = error.diag.message_primary or str(error)
            raise Refusal(message, syntax=isinstance(error, psycopg.errors.SyntaxError), line=line) from error


def extension_name(tokens: tuple[Token, ...]) -> str:
    """The name in CREATE EXTENSION [IF NOT EXISTS] name."""
    rest = [token for token in tokens[2:] if not token.is_word("IF", "NOT", "EXISTS")]
    with suppress(IndexError):
        return rest[0].name if rest[0].kind == "quoted" else rest[0].name.lower()
    return ""


def without_concurrently(sql: str, tokens: tuple[Token, ...], shift: int = 0) -> str:
    """CREATE INDEX without CONCURRENTLY, which no transaction allows; blanks keep every position where it was."""
    for token in tokens[:4]:
        if tokens[0].is_word("CREATE", "DROP") and token.is_word("CONCURRENTLY"):
            start = token.start - tokens[0].start + shift
            return sql[:start] + " " * len(token.text) + sql[start + len(token.text) :]
    return sql
