"""DuckDB as the store uses it: locked down, with the full-text extension from its wheel, and errors in plain words."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge import checkpoint
from knowledge.checkpoint import Held
from tools.errors import OneplanError, is_interrupt

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def connect(path: Path, *, search: bool = False) -> DuckDBPyConnection:
    """Open the file with no way to fetch extensions or to reach other files. Raises Held, OneplanError."""
    import duckdb

    quiet: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "default_block_size": "16384",
        **checkpoint.SETTINGS,
    }
    try:
        checkpoint.mend(path)
        was = _inode(path)
        connection = duckdb.connect(str(path), config=quiet)
    except duckdb.Error as error:
        raise _readable(path, str(error)) from error
    except OSError as error:
        raise OneplanError(f"{path} cannot be put back as it was: {error.strerror}") from error
    try:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        if checkpoint.is_guarded(path) or was not in (None, _inode(path)):
            raise Held("")  # cut off, or put back, while we opened it: once more
        if search:
            connection.load_extension(str(_full_text_extension()))
        # Not `lock_configuration`: making a full-text index sets an option of its own.
        connection.execute("SET enable_external_access = false")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def in_plain_words(path: Path) -> Generator[None]:
    """Say what goes wrong with the file while it is open: a damaged block, a full disk."""
    import duckdb

    try:
        yield
    except (
        duckdb.IOException,
        duckdb.FatalException,
        duckdb.InternalException,
        duckdb.SerializationException,
        duckdb.TransactionException,  # a COMMIT for which there was no room
    ) as error:
        raise OneplanError(
            f"{path} is damaged, or its disk is full or failing ({str(error).splitlines()[0]}): "
            "free space or bring back a copy of it"
        ) from error
    except RuntimeError as error:
        if is_interrupt(error):
            raise KeyboardInterrupt from error
        raise


def roll_back(connection: DuckDBPyConnection) -> None:
    """Roll back, where an error has not already ended the transaction."""
    import duckdb

    with suppress(duckdb.TransactionException, duckdb.FatalException):
        connection.execute("ROLLBACK")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _full_text_extension() -> Path:
    import duckdb

    try:
        import duckdb_extension_fts  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise OneplanError("full-text search needs the package duckdb-extension-fts: install it with pip") from error
    folder = Path(duckdb_extension_fts.__file__ or "").parent / "extensions"
    path = folder / f"v{duckdb.__version__}" / "fts.duckdb_extension"
    if not path.exists():
        raise OneplanError(
            f"duckdb-extension-fts holds nothing for DuckDB {duckdb.__version__}: install the same version of both"
        )
    return path


def _readable(path: Path, message: str) -> Exception:
    if "set lock on file" in message or "being used by another process" in message:
        pid = re.search(r"PID (\d+)", message)
        return Held(f" (pid {pid[1]})" if pid else "")
    if path.is_dir():
        return OneplanError(f"{path} is a folder, not a store")
    if "not a valid DuckDB" in message:
        return OneplanError(f"{path} is not a DuckDB file: move it away, or name another store")
    if "newer version of DuckDB" in message or "version number" in message:
        return OneplanError(f"{path} was written by another version of DuckDB: use the oneplan that wrote it")
    if "different configuration" in message:
        return OneplanError(f"{path} is the store and is open in this program otherwise: name another database")
    return OneplanError(f"{path} cannot be opened: {message.splitlines()[0]}")
