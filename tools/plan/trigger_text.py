"""What a trigger's definition says of itself: its name, its table, and the columns whose UPDATE fires it."""

from __future__ import annotations

from collections.abc import Sequence

from tools.location import Dialect
from tools.schema.tokens import Token, tokenize


def name_and_table(definition: str) -> tuple[str, str] | None:
    """Whom SQLite makes by this statement, and on what; None where it is no CREATE TRIGGER."""
    tokens = tokenize(definition, "sqlite")
    if not (len(tokens) > 3 and tokens[0].is_word("CREATE") and tokens[1].is_word("TRIGGER")):
        return None
    on = next((n for n, token in enumerate(tokens) if token.is_word("ON")), len(tokens))
    return (tokens[2].name, tokens[on + 1].name) if on + 1 < len(tokens) else None


def update_columns(definition: str, dialect: Dialect) -> tuple[str, ...] | None:
    """The columns whose UPDATE fires it: () for any, None where no UPDATE does."""
    events = _events(tokenize(definition, dialect))
    at = next((n for n, token in enumerate(events) if token.is_word("UPDATE")), None)
    if at is None:
        return None
    if at + 1 == len(events) or not events[at + 1].is_word("OF"):
        return ()
    listed = events[at + 2 :]
    more = next((n for n, token in enumerate(listed) if n % 2 and token.text != ","), len(listed))
    return tuple(token.name for token in listed[:more:2])


def _events(tokens: Sequence[Token]) -> Sequence[Token]:
    """What stands between the trigger's name, which may be a word of SQL, and its table."""
    start = next((n for n, token in enumerate(tokens) if token.is_word("TRIGGER")), 0) + 2
    end = next((n for n, token in enumerate(tokens) if n >= start and token.is_word("ON")), len(tokens))
    return tokens[start:end]
