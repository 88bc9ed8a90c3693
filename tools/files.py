"""Files written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from tools.errors import Drift, OneplanError


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, "" where there is none. Raises OneplanError for what cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise OneplanError(f"{path} cannot be read: {error.strerror}") from error


def write_atomically(path: Path, text: str, *, expected: str | None = None) -> None:
    """Put `text` in place of a file's content by renaming; its permissions stay, and a symbolic link keeps pointing.

    expected: digest of what it replaces ("" for nothing, None for whatever is there). Raises Drift when something else
    is there by now, and OneplanError when it cannot be written; the old content then stays.
    """
    target = path.resolve()
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OneplanError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if expected is not None and file_digest(target) != expected:
            raise Drift(f"{path} was changed meanwhile: look at it and export again")
        Path(temporary).chmod(target.stat().st_mode if target.exists() else 0o666 & ~_umask())
        Path(temporary).replace(target)
    except OSError as error:
        raise OneplanError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            Path(temporary).unlink()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
