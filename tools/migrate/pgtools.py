"""Postgres's own programs, from the embedded server's wheel: pg_dump, pg_restore, psql."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tools.embedded import MAJORS, binaries
from tools.errors import DatabaseError

NEWEST = MAJORS[-1]


def program(name: str, major: int = NEWEST) -> str:
    folder = binaries(major)
    inside = folder / "bin" / name
    return str(inside if inside.exists() else folder / name)


def run_program(name: str, arguments: Sequence[str], url: str | None = None, major: int = NEWEST) -> str:
    """Run it to its end and give its output. DatabaseError with the first of its complaints when it fails."""
    command, environment = _command(name, arguments, url, major)
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise DatabaseError(f"{name} failed: {_complaint(done.stderr)}")
    return done.stdout


@contextmanager
def output_of(name: str, arguments: Sequence[str], major: int = NEWEST) -> Generator[IO[bytes]]:
    """Its output as it comes. DatabaseError at the end when it failed."""
    command, environment = _command(name, arguments, None, major)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        yield process.stdout
        complaints = process.stderr.read().decode("utf-8", "replace")
    if process.returncode:
        raise DatabaseError(f"{name} failed: {_complaint(complaints)}")


def _command(name: str, arguments: Sequence[str], url: str | None, major: int) -> tuple[list[str], dict[str, str]]:
    """The password goes by the environment: a command line can be read by every user of the machine."""
    environment = dict(os.environ)
    command = [program(name, major), *arguments]
    if url is not None:
        from psycopg.conninfo import conninfo_to_dict, make_conninfo

        facts: dict[str, Any] = {key: value for key, value in conninfo_to_dict(url).items() if value is not None}
        password = facts.pop("password", None)
        if password:
            environment["PGPASSWORD"] = str(password)
        command += ["--dbname", make_conninfo(**facts)]
    return command, environment


def _complaint(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no message")


def server_major(backend_version: str) -> int:
    """18 for `18.1` and the like."""
    return int(backend_version.partition(".")[0].partition(" ")[0] or 0)


def exists(major: int = NEWEST) -> bool:
    return Path(program("pg_dump", major)).exists()
