"""DDL read by sqlglot alone: of MySQL, which no scratch engine here runs, and of Postgres where no embedded one is.

The result is told in Postgres's words. What sqlglot does not understand, and what has no place there, is listed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect as Sqlglot
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError, TokenError
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.tokenizer_core import Token, TokenType

from tools.errors import SourceError
from tools.schema.model import Aspect, Enum, NotUnderstood, Schema, Span, View
from tools.schema.model import Sequence as SequenceOf
from tools.schema.parsed_table import Making, key_of

_UNSAID: tuple[Aspect, ...] = ("triggers", "function", "domain", "type", "policy", "extension", "comment", "privilege",
                               "partition")  # fmt: skip
_NO_SCHEMA = {
    "rows are no part of a schema": "INSERT UPDATE DELETE REPLACE COPY LOAD TRUNCATE MERGE",
    "a setting of the session": "SET USE LOCK UNLOCK START BEGIN COMMIT ROLLBACK END",
    "a query": "SELECT WITH SHOW EXPLAIN VALUES DESCRIBE",
    "owners and privileges": "GRANT REVOKE",
}
_OWNED = re.compile(
    r"ALTER\s+SEQUENCE\s+(?:public\.)?(?P<sequence>\S+)\s+OWNED\s+BY\s+(?:public\.)?(?P<table>\S+)\.(?P<column>[^\s.]+)",
    re.I,
)
_IDENTITY = re.compile(
    r"ALTER\s+TABLE\s+(?:ONLY\s+)?(?:public\.)?(?P<table>\S+)\s+ALTER\s+COLUMN\s+(?P<column>\S+)"
    r"\s+ADD\s+GENERATED\s+(?P<how>ALWAYS|BY\s+DEFAULT)\s+AS\s+IDENTITY",
    re.I,
)
_WHY = {word: reason for reason, words in _NO_SCHEMA.items() for word in words.split()}


@dataclass
class Statement:
    tokens: Sequence[Token]
    text: str

    @property
    def line(self) -> int:
        return self.tokens[0].line

    @property
    def word(self) -> str:
        return self.tokens[0].text.upper()


def read_parsed(text: str, dialect: Literal["mysql", "postgres"], source: str = "") -> Schema:
    """The schema that a DDL text describes. Raises SourceError (with the line) for a definition that does not parse."""
    making = Making(dialect == "mysql", source)
    for statement in _statements(text, dialect, source):
        _take(making, statement, dialect)
    sequences, views, enums = tuple(making.sequences), tuple(making.views), (*making.enums, *making.inline_enums())
    unsaid: tuple[Aspect, ...] = (*_UNSAID, "sequences") if dialect == "mysql" else _UNSAID
    return Schema(
        "postgres", making.finished(), enums, views, (), tuple(making.listed), sequences, source,
        origin="mysql" if dialect == "mysql" else "parsed", unsaid=unsaid,
    )  # fmt: skip


def _statements(text: str, dialect: str, source: str) -> Iterator[Statement]:
    try:
        tokens = Sqlglot.get_or_raise(dialect).tokenize(text)
    except (TokenError, SqlglotError) as error:
        raise SourceError(f"does not parse: {str(error).partition(chr(10))[0]}", source=source or "SQL") from error
    begin = 0
    for at, token in enumerate([*tokens, None]):
        if token is None or token.token_type is TokenType.SEMICOLON:
            if at > begin:
                part = tokens[begin:at]
                yield Statement(part, text[part[0].start : part[-1].end + 1])
            begin = at + 1


def _take(making: Making, statement: Statement, dialect: str) -> None:
    span = Span(making.source, statement.line) if making.source else None
    why = _WHY.get(statement.word)
    if why:
        making.listed.append(NotUnderstood(statement.text, why, span, compared=False))
        return
    if dialect == "postgres" and _owned(making, statement):
        return
    try:
        tree = _parsed(statement, dialect)
        understood = tree is not None and _understood(making, tree, statement, span)
    except ParseError as error:
        if _makes_table(statement):
            raise SourceError(
                f"does not parse: {_first(error)}", source=making.source or "SQL", line=_line(error, statement)
            ) from error
        understood = False
    except Exception as error:
        # sqlglot makes trees of odd shapes out of odd text, and fails in ways of its own: such text is as good as
        # not parsed.
        if _makes_table(statement):
            raise SourceError(
                f"does not parse ({type(error).__name__})", source=making.source or "SQL", line=statement.line
            ) from error
        understood = False
    if not understood:
        making.listed.append(NotUnderstood(statement.text, "not understood", span, compared=False))


def _makes_table(statement: Statement) -> bool:
    return statement.word in ("CREATE", "ALTER") and any(t.text.upper() == "TABLE" for t in statement.tokens[:4])


def _owned(making: Making, statement: Statement) -> bool:
    """What pg_dump says of a column's numbers, and sqlglot does not read: an owned sequence, an identity."""
    text = statement.text.replace('"', "")
    owned = _OWNED.fullmatch(text)
    identity = _IDENTITY.match(text)
    if owned:
        making.sequences = [s for s in making.sequences if s.key != owned["sequence"]]
        return making.draw(owned["table"], owned["column"], serial=True, default="serial")
    if identity:
        return making.draw(identity["table"], identity["column"], identity=" ".join(identity["how"].upper().split()))
    return False


def _parsed(statement: Statement, dialect: str) -> Any | None:
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what becomes a Command, which we list
    parser = Sqlglot.get_or_raise(dialect).parser(error_level=ErrorLevel.RAISE)
    found: list[Any] = parser.parse(list(statement.tokens), statement.text)
    if not found or found[0] is None or dialect == "mysql":
        return found[0] if found else None
    return normalize_identifiers(found[0], dialect=dialect)


def _first(error: ParseError) -> str:
    told = error.errors[0] if error.errors else {}
    return f"{told.get('description', 'syntax error')} (near {told.get('highlight', '')!r})"


def _line(error: ParseError, statement: Statement) -> int:
    return int((error.errors[0].get("line") if error.errors else None) or statement.line)


def _understood(making: Making, tree: Any, statement: Statement, span: Span | None) -> bool:
    """Take in what a statement makes; False for what has no place in the model."""
    if isinstance(tree, exp.Create):
        return _created(making, tree, span)
    if isinstance(tree, exp.Alter) and tree.args.get("kind") == "TABLE":
        table = making.tables.get(key_of(tree.this))
        if table is None:
            return False
        for action in tree.args["actions"]:
            if not making.alter(table, action, bool(tree.args.get("not_valid"))):
                making.listed.append(NotUnderstood(action.sql(making.written), "not understood", span, compared=False))
            table = making.tables.get(table.key, table)
        return True
    if isinstance(tree, exp.Drop) and tree.args.get("kind") in ("TABLE", "VIEW"):
        for dropped in tree.args.get("tables") or [tree.this]:
            making.tables.pop(key_of(dropped), None)
            making.views = [view for view in making.views if view.key != key_of(dropped)]
        return True
    if isinstance(tree, exp.Comment) and tree.args.get("kind") in ("TABLE", "COLUMN"):
        return making.note(str(tree.args["kind"]), tree.this, tree.expression.name)
    return False


def _created(making: Making, tree: exp.Create, span: Span | None) -> bool:
    kind = tree.args.get("kind")
    if kind == "TABLE" and isinstance(tree.this, exp.Schema):
        making.create_table(tree, span)
        return True
    if kind == "INDEX":
        return making.create_index(tree, span)
    if kind == "VIEW" and tree.expression is not None:
        properties = tree.args.get("properties")
        table = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
        listed = tree.this.expressions if isinstance(tree.this, exp.Schema) else ()
        names = ", ".join(f'"{part.name}"' for part in listed)
        query = tree.expression.sql("postgres")
        making.views.append(View(
            table.name, f"({names}) AS {query}" if names else query, key_of(table).rpartition(".")[0],
            bool(properties and properties.find(exp.MaterializedProperty)),
            tuple(sorted({key_of(read) for read in tree.expression.find_all(exp.Table)})), span,
        ))  # fmt: skip
        return True
    if kind == "TYPE" and isinstance(tree.expression, exp.DataType) and tree.expression.this is exp.DType.ENUM:
        values = tuple(value.name for value in tree.expression.expressions)
        making.enums.append(Enum(tree.this.name, values, key_of(tree.this).rpartition(".")[0], span))
        return True
    if kind == "SEQUENCE":
        facts = tree.find(exp.SequenceProperties)
        making.sequences.append(SequenceOf(
            tree.this.name, key_of(tree.this).rpartition(".")[0], _number(facts, "start"),
            _number(facts, "increment"), span=span,
        ))  # fmt: skip
        return True
    return kind in ("SCHEMA", "DATABASE")


def _number(facts: Any | None, name: str) -> int:
    value = facts.args.get(name) if facts is not None else None
    return int(value.name) if value is not None else 1
