"""Order-independent checksums of rows, for an engine that has no hash function of its own."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from tools.migrate.backend import Fingerprint

_WRAP = 1 << 64


class Checksums:
    """Adds up a 64-bit hash of every value, and of every row as a whole; the order of the rows plays no part."""

    def __init__(self, width: int) -> None:
        self._rows = 0
        self._row = 0
        self._columns = [0] * width

    def add(self, row: Sequence[Any]) -> None:
        texts = [_text(value) for value in row]
        for place, text in enumerate(texts):
            self._columns[place] += _hash(text)
        self._row += _hash(b"".join(b"%d:%b" % (len(text), text) for text in texts))
        self._rows += 1

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self._rows, _hex(self._row), tuple(_hex(total) for total in self._columns))


def _text(value: Any) -> bytes:
    if value is None:
        return b"n"
    if isinstance(value, bytes):
        return b"b" + value
    return f"{type(value).__name__[0]}{value!r}".encode("utf-8", "surrogatepass")


def _hash(text: bytes) -> int:
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def _hex(total: int) -> str:
    return f"{total % _WRAP:016x}"
