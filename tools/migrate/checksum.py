"""Order-independent checksums of rows, for an engine that has no hash function of its own."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from struct import unpack
from typing import Any
from zlib import crc32

from tools.migrate.backend import Fingerprint

_WRAP = 1 << 64


class Checksums:
    """Adds up a 64-bit hash of every row as a whole, which is the proof, and a quick one of every value, which only
    says in which column a difference lies; the order of the rows plays no part."""

    def __init__(self, width: int) -> None:
        self._rows = 0
        self._row = 0
        self._columns = [0] * width

    def add(self, rows: Sequence[tuple[Any, ...]]) -> None:
        # ascii() tells values of all types apart, and is the same in every version of Python, whatever their text.
        texts = map(str.encode, map(ascii, rows))
        hashes = b"".join([blake2b(text, digest_size=8).digest() for text in texts])
        self._row += sum(unpack(f">{len(rows)}Q", hashes))
        self._rows += len(rows)
        for place, column in enumerate(zip(*rows, strict=True)):
            self._columns[place] += _column(column)

    def fingerprint(self) -> Fingerprint:
        return Fingerprint(self._rows, _hex(self._row), tuple(_hex(total) for total in self._columns))


def _column(values: Sequence[Any]) -> int:
    kinds = set(map(type, values))
    if kinds == {int}:
        return sum([value * value + value + 1 for value in values])  # a list is quicker than a generator
    if kinds == {str}:
        return sum(map(crc32, _encoded(values)))
    return sum(map(_value, values))


def _encoded(values: Sequence[str]) -> list[bytes]:
    try:
        return list(map(str.encode, values))
    except UnicodeEncodeError:  # what is no UTF-8 is read as surrogates
        return [value.encode("utf-8", "surrogatepass") for value in values]


def _value(value: Any) -> int:
    """The same for a value wherever it stands: among its like or not."""
    if type(value) is int or type(value) is str:
        return _column((value,))
    return crc32(b"%a" % (value,))


def _hex(total: int) -> str:
    return f"{total % _WRAP:016x}"
