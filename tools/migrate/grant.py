"""The grant by which a rehearsal writes to the copy that it made itself, and to nothing else."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakSet

from tools.migrate.backend import Backend


class ShadowGrant:
    """Opens one shadow database. Made by `mint`; an instance made in any other way opens nothing."""

    __slots__ = ("__weakref__", "_identity")

    def __init__(self, identity: str) -> None:
        self._identity = identity


_minted: WeakSet[ShadowGrant] = WeakSet()


def mint(backend: Backend) -> ShadowGrant:
    """A grant for the database behind `backend`. Only tools.migrate.shadow calls this, for a copy it has just made."""
    grant = ShadowGrant(_identity(backend))
    _minted.add(grant)
    return grant


def permits(grant: ShadowGrant, backend: Backend) -> bool:
    return grant in _minted and grant._identity == _identity(backend)  # pyright: ignore[reportPrivateUsage]


def _identity(backend: Backend) -> str:
    """What tells this database from any other: a file's inode; a Postgres database's oid beside its full address."""
    if backend.dialect == "postgres":
        oid = backend.query("SELECT oid FROM pg_database WHERE datname = current_database()")[0][0]
        return f"{backend.address} {oid}"
    found = Path(backend.address).stat()
    return f"{backend.address} {found.st_dev} {found.st_ino}"
