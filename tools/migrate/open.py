"""Opening a database by its location."""

from __future__ import annotations

from pathlib import Path

from tools.errors import LocationError
from tools.location import Location, existing, parse_location
from tools.migrate.backend import Backend


def open_backend(location: str, *, read_only: bool = False, confined: bool = False) -> Backend:
    """Open the database that `location` names.

    confined: SQL may reach no other file and load no extension, on engines that live in this process; so is all that
    is opened to read only. A server confines by the role that its URL names.

    Raises LocationError for what is no database, SourceError for one that is not there, Busy for one that another
    process keeps for itself, DatabaseError for a server that does not answer.
    """
    place = parse_location(location)
    if place.kind == "file":
        raise LocationError(f"{location!r} is a file of DDL: name a database, such as sqlite:///FILE or postgresql://…")
    return _open(existing(place), read_only, confined or read_only)


def _open(place: Location, read_only: bool, confined: bool) -> Backend:
    path = Path(place.address)
    if place.kind == "sqlite":
        from tools.migrate.sqlite import open_sqlite

        return open_sqlite(path, read_only=read_only, confined=confined)
    if place.kind == "duckdb":
        from tools.migrate.duckdb import open_duckdb

        return open_duckdb(path, read_only=read_only, confined=confined)
    from tools.migrate.postgres import open_postgres

    return open_postgres(place.address, read_only=read_only)
