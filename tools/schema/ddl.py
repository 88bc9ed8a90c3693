"""The DDL reader: a schema's text is run in a scratch engine and read by that engine's own reader.

So a file and a live database can give no false difference. What is no schema (rows, grants, settings) is not run but
listed; what does not parse, or what the engine refuses of tables, indexes, types and views, is an error with its line.
"""

from __future__ import annotations

import re
from dataclasses import replace

from tools.embedded import is_installed
from tools.errors import SourceError
from tools.location import DIALECT_NAMES, Dialect, Written
from tools.schema.body import outside, parse_table
from tools.schema.grants import is_privilege
from tools.schema.model import Aspect, NotUnderstood, Schema, Span
from tools.schema.refusal import Refusal, Scratch
from tools.schema.scratch import scratch
from tools.schema.spans import with_spans
from tools.schema.tokens import Statement, Token, split

_NOTHING = frozenset({"BEGIN", "COMMIT", "END", "START"})
"""A file is read as one transaction, whatever it says of its own."""

_NOT_RUN_BY_REASON = {
    "rows are no part of a schema": "INSERT UPDATE DELETE COPY MERGE REPLACE TRUNCATE",
    "a query": "SELECT WITH VALUES TABLE FROM EXPLAIN SHOW DESCRIBE SUMMARIZE",
    "owners are no part of a schema": "REASSIGN",
    "a setting of the session": "SET RESET PRAGMA USE DISCARD",
    "beyond the database": "ATTACH DETACH LOAD INSTALL EXPORT IMPORT CHECKPOINT FORCE",
    "no definition": "VACUUM ANALYZE REINDEX CLUSTER REFRESH LOCK NOTIFY LISTEN CALL EXECUTE PREPARE DEALLOCATE "
    "ROLLBACK ABORT SAVEPOINT RELEASE SECURITY",
}
_NOT_RUN = {word: reason for reason, words in _NOT_RUN_BY_REASON.items() for word in words.split()}
_PARSED = frozenset({"INSERT", "UPDATE", "DELETE", "SELECT", "WITH", "VALUES", "MERGE", "REPLACE"})
"""Not run, but looked at: a statement that does not parse is an error all the same."""

_CLUSTER = frozenset(
    {"ROLE", "USER", "GROUP", "DATABASE", "TABLESPACE", "SYSTEM", "SUBSCRIPTION", "PUBLICATION", "SECRET"}
)
_DEFINING = frozenset({"CREATE", "ALTER", "DROP", "COMMENT", "DO"})
_LISTED_IF_REFUSED = frozenset({
    "EXTENSION", "FUNCTION", "PROCEDURE", "AGGREGATE", "POLICY", "RULE", "OPERATOR", "CAST", "LANGUAGE", "COLLATION",
    "FOREIGN", "SERVER", "EVENT", "STATISTICS", "TEXT", "ACCESS", "CONVERSION", "TRANSFORM", "MACRO", "VIRTUAL",
})  # fmt: skip


def read_ddl(text: str, dialect: Dialect, source: str = "") -> Schema:
    """The schema that a DDL text makes, each part with the line it was read from.

    Of Postgres, where the embedded one is not installed, as far as sqlglot understands it, which is said in the list.
    Raises SourceError (`source:line: what`) for text that does not parse and for definitions that the engine refuses.
    """
    # Engines do not agree on what a lone carriage return is; with one kind of line all count the same.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if dialect == "postgres" and not is_installed():
        return _by_parser(text, source)
    statements = split(text, dialect, source)
    listed: list[NotUnderstood] = []
    with scratch(dialect) as engine:
        run = [found for found in statements if not _says_nothing(found) and _why_not_run(found, dialect) is None]
        done = engine.execute_all(run)
        listed += [_temporary(statement, source) for statement in run if _is_temporary(statement)]
        for statement in statements:
            if not done or _why_not_run(statement, dialect) is not None:
                listed += _take(engine, statement, dialect, source)
        schema = engine.read()
    placed = with_spans(replace(schema, source=source), statements, source)
    # Files hardly ever say who may do what: one that does not is not read as wanting that nobody may.
    silent: tuple[Aspect, ...] = () if any(map(is_privilege, statements)) else ("privilege",)
    return replace(placed, not_understood=placed.not_understood + tuple(listed), unsaid=silent)


def _by_parser(text: str, source: str) -> Schema:
    from tools.schema.parsed import read_parsed

    schema = read_parsed(text, "postgres", source)
    told = NotUnderstood("the whole file", "read by a parser alone: the embedded Postgres is not installed here",
                         Span(source) if source else None, compared=False)  # fmt: skip
    return replace(schema, not_understood=(told, *schema.not_understood))


def header_dialect(text: str) -> Written | None:
    """The dialect that a comment among the first lines names: `-- dialect: postgres`, `-- oneplan: dialect=sqlite`."""
    for line in text.lstrip("\ufeff").splitlines()[:20]:
        stripped = line.strip().lower()
        if stripped and not stripped.startswith(("--", "/*", "*", "#")):
            break
        word, _, rest = stripped.partition("dialect")
        name = rest.strip().lstrip(":=").strip(" '\"*/;.,").split(" ")[0]
        if rest and rest.strip()[:1] in (":", "=") and word.strip(" -/*#:") in ("", "oneplan", "sql"):
            return "mysql" if name in ("mysql", "mariadb") else DIALECT_NAMES.get(name)
    return "mysql" if _looks_like_mysql(text) else None


def _looks_like_mysql(text: str) -> bool:
    """Whether a file says itself that MySQL or MariaDB wrote it."""
    return bool(re.match(r"\s*(/\*M?!.*?\*/;?\s*)*-- (MySQL|MariaDB) dump", text))


def _take(engine: Scratch, statement: Statement, dialect: Dialect, source: str) -> list[NotUnderstood]:
    """Run or list one statement; gives what is to be listed."""
    span = Span(source, statement.line) if source else None
    if _says_nothing(statement):
        return []
    reason = _why_not_run(statement, dialect)
    try:
        if reason is None:
            _expect_commas(statement, dialect, source)
            engine.execute(statement)
            return []
        if not _PARSED.isdisjoint(statement.words[:1]):
            engine.parse(statement)
    except Refusal as refusal:
        if refusal.syntax or not _may_be_refused(statement):
            raise _error(refusal, statement, engine, source) from refusal
        if statement.words[:2] == ("CREATE", "EXTENSION"):
            return []  # the engine lists it with the extensions
        if statement.words[:2] == ("CREATE", "VIRTUAL"):
            return [NotUnderstood(statement.text, "a virtual table", span)]  # as the live reader lists it
        reason = f"refused: {refusal}"
    return [NotUnderstood(statement.text, reason, span, compared=False)]


def _is_temporary(statement: Statement) -> bool:
    return statement.words[:1] == ("CREATE",) and not {"TEMP", "TEMPORARY"}.isdisjoint(statement.words[1:4])


def _temporary(statement: Statement, source: str) -> NotUnderstood:
    span = Span(source, statement.line) if source else None
    return NotUnderstood(statement.text, "temporary, and gone with its session", span, compared=False)


def _error(refusal: Refusal, statement: Statement, engine: Scratch, source: str) -> SourceError:
    missing: tuple[str, ...] = getattr(engine, "missing_extensions", ())
    hint = ""
    if missing and not refusal.syntax:
        hint = (
            f" (the embedded Postgres that reads the file does not have the extension {', '.join(missing)}: "
            "load the schema into a database that has it, and name that instead)"
        )
    message = " ".join(str(refusal).split()) + hint
    return SourceError(message, source=source or "SQL", line=statement.line + refusal.line - 1)


def _expect_commas(statement: Statement, dialect: Dialect, source: str) -> None:
    """SQLite takes any words for a type, so a forgotten comma would make the next column a part of this one's type."""
    body = parse_table(statement.tokens) if dialect == "sqlite" else None
    for part in body.columns if body else ():
        words = outside(part.type)
        if words and words[-1].line != part.name.line:
            late = next(word for word in words if word.line != part.name.line)
            message = (
                f"a comma is missing before {late.name!r}, which would be a part of the type of {part.name.name!r}"
            )
            raise SourceError(message, source=source or "SQL", line=late.line)


def _says_nothing(statement: Statement) -> bool:
    first = statement.tokens[0]
    return first.text == ";" or (first.kind == "word" and first.value in _NOTHING)


def _why_not_run(statement: Statement, dialect: Dialect) -> str | None:
    """Why a statement is only listed; None where it is to be run."""
    tokens = statement.tokens
    if tokens[0].kind == "meta":
        return "a command of psql"
    words = statement.words
    first = words[0] if words else ""
    if first in ("GRANT", "REVOKE"):
        return None if dialect == "postgres" and is_privilege(statement) else "beyond the database"
    if first in ("SET", "USE") and _sets_namespace(tokens, dialect):
        return None
    if first == "SELECT" and dialect == "postgres" and _is_search_path_call(tokens):
        return None
    if first in _NOT_RUN:
        return _NOT_RUN[first]
    if len(words) > 1 and first in _DEFINING and words[1] in _CLUSTER and dialect != "sqlite":
        return "beyond the database"
    if first == "ALTER" and (words[1:3] == ("DEFAULT", "PRIVILEGES") or _gives_owner(tokens)):
        return "owners and privileges are no part of a schema"
    return None


def _sets_namespace(tokens: tuple[Token, ...], dialect: Dialect) -> bool:
    if tokens[0].is_word("USE"):
        return dialect == "duckdb"
    rest = [token for token in tokens[1:3] if not token.is_word("LOCAL", "SESSION")]
    return any(token.is_word("SEARCH_PATH", "SCHEMA") for token in rest[:1])


def _is_search_path_call(tokens: tuple[Token, ...]) -> bool:
    texts = [token.name.lower() for token in tokens if token.text != "."]
    start = 2 if texts[1:2] == ["pg_catalog"] else 1
    return texts[start : start + 3] == ["set_config", "(", "search_path"] and texts.count("(") == 1


def _gives_owner(tokens: tuple[Token, ...]) -> bool:
    return any(a.is_word("OWNER") and b.is_word("TO") for a, b in zip(tokens, tokens[1:], strict=False))


def _may_be_refused(statement: Statement) -> bool:
    """Whether the rest can be read without it: not so for what the model holds, or it would count as not there."""
    words = [word for word in statement.words if word not in ("OR", "TEMP", "TEMPORARY", "TRUSTED", "PROCEDURAL")]
    if words[:2] == ["CREATE", "REPLACE"]:
        words = ["CREATE", *words[2:]]
    kind = words[1] if len(words) > 1 else ""
    return words[:1] in (["COMMENT"], ["GRANT"], ["REVOKE"]) or (
        bool(words) and words[0] in _DEFINING and kind in _LISTED_IF_REFUSED
    )
