"""GRANT and REVOKE in a DDL text: which of them speak of the schema, and whom they name."""

from __future__ import annotations

from tools.schema.tokens import Statement

_BEYOND = ("DATABASE", "TABLESPACE", "PARAMETER", "LANGUAGE", "FOREIGN", "LARGE", "DOMAIN", "TYPE")
_NO_ROLES = ("GROUP", "PUBLIC", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE")


def is_privilege(statement: Statement) -> bool:
    """Whether it grants or revokes rights on something inside the database."""
    if statement.words[:1] not in (("GRANT",), ("REVOKE",)):
        return False
    on = next((i for i, token in enumerate(statement.tokens) if token.is_word("ON")), None)
    return on is not None and not statement.tokens[min(on + 1, len(statement.tokens) - 1)].is_word(*_BEYOND)


def roles_in(statement: Statement) -> tuple[str, ...]:
    """The roles that GRANT, REVOKE, CREATE POLICY and ALTER POLICY name, after TO or FROM."""
    words = statement.words[:2]
    if not (words[:1] in (("GRANT",), ("REVOKE",)) or words in (("CREATE", "POLICY"), ("ALTER", "POLICY"))):
        return ()
    tokens = statement.tokens
    start = next((i for i, token in enumerate(tokens) if token.is_word("TO", "FROM")), len(tokens))
    found: list[str] = []
    for token in tokens[start + 1 :]:
        if token.is_word("WITH", "GRANTED", "USING", "CASCADE", "RESTRICT"):
            break
        if token.kind == "quoted" or (token.kind == "word" and not token.is_word(*_NO_ROLES)):
            found.append(token.name if token.kind == "quoted" else token.name.lower())
    return tuple(found)
