"""Locations: the one place where a typed path or URL becomes a kind and an address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from tools.errors import LocationError, SourceError

Dialect = Literal["sqlite", "duckdb", "postgres"]
DIALECTS: tuple[Dialect, ...] = ("sqlite", "duckdb", "postgres")
Written = Literal["sqlite", "duckdb", "postgres", "mysql"]
"""What a file of SQL can be written in: a dialect, or one that is only read."""
DIALECT_NAMES: dict[str, Dialect] = {
    "sqlite": "sqlite", "sqlite3": "sqlite", "duckdb": "duckdb",
    "postgres": "postgres", "postgresql": "postgres", "pg": "postgres",
}  # fmt: skip
Form = Literal["sql", "convex", "prisma", "markdown", "folder"]
FORMS: dict[str, Form] = {
    ".sql": "sql", ".ddl": "sql", ".ts": "convex", ".tsx": "convex", ".mts": "convex", ".prisma": "prisma",
    ".md": "markdown", ".markdown": "markdown",
}  # fmt: skip
"""What a schema file is written in, by the ending of its name."""
SCHEMA_FILES = tuple(FORMS)
_NOT_OURS = frozenset({"node_modules", "_generated", "__pycache__", "venv", "dist", "build"})
_SQLITE_MAGIC = b"SQLite format 3\x00"
_DUCKDB_MAGIC = b"DUCK"


@dataclass(frozen=True)
class Location:
    """Where a schema is read from.

    kind: `file` (a text of the `form` that its ending tells, or a folder of such) or the dialect of a live database.
    `folder` is the form of one with files of several forms, or of many.
    address: the path, or the Postgres URL with its credentials. `str(location)` never shows a password.
    """

    kind: Literal["file", "sqlite", "duckdb", "postgres"]
    address: str = field(repr=False)

    @property
    def path(self) -> Path:
        return Path(self.address)

    @property
    def live(self) -> Dialect | None:
        return None if self.kind == "file" else self.kind

    @property
    def form(self) -> Form:
        """What a `file` is written in."""
        return _folder_form(self.path) or FORMS.get(self.path.suffix.lower(), "sql")

    def __str__(self) -> str:
        if self.kind == "postgres":
            return masked(self.address)
        return self.address if self.kind == "file" else f"{self.kind}:///{self.address}"


def parse_dialect(name: str) -> Dialect:
    """A dialect by any of its usual names; LocationError for any other."""
    try:
        return DIALECT_NAMES[name.strip().lower()]
    except KeyError:
        raise LocationError(f"unknown dialect {name!r}: use one of {', '.join(DIALECTS)}") from None


def parse_written(name: str) -> Written:
    """What a file's SQL is written in, by any of its usual names; LocationError for any other."""
    if name.strip().lower() in ("mysql", "mariadb"):
        return "mysql"
    try:
        return parse_dialect(name)
    except LocationError as error:
        raise LocationError(f"{error} or mysql (to read from)") from None


def parse_location(text: str) -> Location:
    """Tell what `text` names, without opening a database.

    `sqlite:///x.db` is relative, `sqlite:////x.db` absolute, as in SQLAlchemy; `env:NAME` is read from the
    environment. A bare path is told by its content (a database file) or its ending (`.sql`, `.prisma`, `.ts`); a folder
    stands for all schema files in it.
    Raises LocationError for an unknown kind, SourceError for a path that is not there.
    """
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if not os.environ.get(name):
            raise LocationError(f"{text!r}: the environment variable {name} is not set")
        return parse_location(os.environ[name])
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _bare_path(text)
    if scheme in ("postgres", "postgresql"):
        return Location("postgres", "postgresql://" + rest)
    if scheme in ("sqlite", "duckdb"):
        path = rest.removeprefix("/")
        if not path or path == ":memory:":
            raise LocationError(f"{text!r} names no file: write {scheme}:///path/to/file")
        return Location("sqlite" if scheme == "sqlite" else "duckdb", path)
    raise LocationError(
        f"{text!r} is of an unknown kind: use a schema file, sqlite:///FILE, duckdb:///FILE or postgresql://…"
    )


def existing(location: Location) -> Location:
    """The same location, once its file is known to be there and of its kind. A Postgres URL is left to its server."""
    if location.kind == "postgres":
        return location
    path = location.path
    if not path.exists():
        raise SourceError("no such file", source=location.address)
    if path.is_dir() and (location.kind != "file" or _folder_form(path) is None):
        raise SourceError("is a folder without schema files", source=location.address)
    if location.kind != "file" and path.stat().st_size:
        found = file_kind(path)
        if found != location.kind:
            raise SourceError(
                f"is not a {location.kind} database" + (f" but a {found} one" if found else ""), source=location.address
            )
    return location


def file_kind(path: Path) -> Dialect | None:
    """The kind of database in a file, by its first bytes; None for anything else."""
    with path.open("rb") as file:
        head = file.read(16)
    if head == _SQLITE_MAGIC:
        return "sqlite"
    return "duckdb" if head[8:12] == _DUCKDB_MAGIC else None


def masked(url: str) -> str:
    """A URL as it may be shown: the password, in the authority or in the query, replaced by ***."""
    parts = urlsplit(url)
    netloc = re.sub(r":[^:@]*@", ":***@", parts.netloc)
    query = re.sub(r"(?i)((?:^|&)(?:password|sslpassword)=)[^&]*", r"\1***", parts.query)
    return urlunsplit((parts.scheme, netloc, parts.path, query, parts.fragment))


def _bare_path(text: str) -> Location:
    path = Path(text)
    if path.is_dir():
        if _folder_form(path):
            return Location("file", text)
        raise LocationError(
            f"{text!r} is a folder without schema files ({', '.join(SCHEMA_FILES)}): name one, or a database"
        )
    if not path.exists():
        if path.suffix.lower() in SCHEMA_FILES or not path.suffix:
            raise SourceError("no such file", source=text)
        if path.suffix.lower() in (".db", ".sqlite", ".sqlite3", ".duckdb", ".ddb"):
            raise SourceError("no such database", source=text)
        raise LocationError(f"{text!r} is neither a file nor a location of a known kind")
    kind = file_kind(path)
    if kind:
        return Location(kind, text)
    if path.suffix.lower() in SCHEMA_FILES:
        return Location("file", text)
    raise LocationError(
        f"{text!r} is of an unknown kind: use {', '.join(SCHEMA_FILES)}, a SQLite or DuckDB file, or postgresql://…"
    )


def _folder_form(path: Path) -> Form | None:
    """The form of a folder's schema: that of its files, `folder` where these are of several forms, None for none.

    The root of a Convex project is that project: what else lies in it is code and documents.
    """
    if not path.is_dir():
        return None
    schema = convex_schema(path)
    if schema and schema.parent != path:
        return "convex"
    forms = forms_of(path)
    if forms in ({"convex"}, {"prisma"}):
        return next(iter(forms))
    return "folder" if forms else None


def forms_of(folder: Path) -> set[Form]:
    """What a folder's schema files are written in. SQL beside Prisma files is what Prisma has made of them."""
    forms: set[Form] = {FORMS[file.suffix.lower()] for file in files_under(folder)}
    forms.discard("convex")
    if convex_schema(folder):
        forms.add("convex")
    return forms - {"sql"} if "prisma" in forms else forms


def files_under(folder: Path) -> list[Path]:
    """The files in a folder whose names end as schema files do; what tools have made or fetched is left out."""
    found: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _NOT_OURS and not name.startswith(".")]
        found += [Path(root, name) for name in names if Path(name).suffix.lower() in FORMS and name[:1] != "."]
    return found


def convex_schema(folder: Path) -> Path | None:
    """The schema of a Convex project, of which this is the `convex` folder or the one that holds it."""
    return next((file for file in (folder / "schema.ts", folder / "convex" / "schema.ts") if file.is_file()), None)
