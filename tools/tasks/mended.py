"""Text whose UTF-8 was decoded as something else, put right for showing. What is exported keeps its own bytes."""

from __future__ import annotations

import re
from functools import lru_cache

_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def mended(text: str) -> str:
    """`â€”` becomes `—`; what is right already, or has lost bytes on the way, stays as it is."""
    return text if text.isascii() else _FOREIGN.sub(lambda match: _fixed(match[0]), text)


@lru_cache(maxsize=4096)
def _fixed(run: str) -> str:
    # Run by run: a whole line would let a lost byte take the space after it along.
    from ftfy import fix_encoding

    return fix_encoding(run)
