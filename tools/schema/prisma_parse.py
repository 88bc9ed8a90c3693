"""The parser of Prisma schema files: recursive descent over the lexer's tokens.

It is a little more lenient than Prisma's own (it takes a block on one line), and says what is wrong with its line.
"""

from __future__ import annotations

from typing import Literal

from tools.errors import SourceError
from tools.schema.prisma_ast import (
    BLOCK_KINDS,
    Argument,
    Attribute,
    Block,
    BlockKind,
    Call,
    Field,
    Items,
    Number,
    Text,
    Value,
    Word,
)
from tools.schema.prisma_tokens import Token, tokenize, unquoted

_DEEPEST = 40
"""Values nest in one another no deeper than this."""


def parse_prisma(text: str, source: str, first_line: int = 1) -> tuple[Block, ...]:
    """The blocks of one file, in order. `first_line` is where the text begins in its source.

    Raises SourceError (`source:line: what`) for a text that is no Prisma schema.
    """
    parser = _Parser(text, source, first_line)
    blocks: list[Block] = []
    while (block := parser.block()) is not None:
        blocks.append(block)
    return tuple(blocks)


class _Parser:
    def __init__(self, text: str, source: str, first_line: int) -> None:
        self.text, self.source, self.offset = text, source, first_line - 1
        self.tokens: list[Token] = []
        self.docs: dict[int, str] = {}
        self.remarks: dict[int, str] = {}
        self.code_lines: set[int] = set()
        for token in tokenize(text, source):
            if token.kind == "doc":
                self.docs[token.line] = token.text
            elif token.kind == "comment":
                self.remarks[token.line] = token.text
            else:
                self.tokens.append(token)
                self.code_lines.add(token.line)
        self.at = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.next
        self.at += token.kind != "end"
        return token

    def takes(self, mark: str) -> bool:
        if self.next.kind == "mark" and self.next.text == mark:
            self.at += 1
            return True
        return False

    def expect(self, mark: str, what: str) -> Token:
        if not self.takes(mark):
            raise self.error(f"{mark!r} is expected {what}, not {self.next}")
        return self.tokens[self.at - 1]

    def word(self, what: str) -> Token:
        if self.next.kind != "word":
            # A name may begin with a digit (an enum's value `2FA`); one of digits alone is lexed as a number.
            raise self.error(f"{what} is expected, not {self.next}")
        return self.take()

    def error(self, message: str, line: int | None = None) -> SourceError:
        return SourceError(message, source=self.source, line=(line or self.next.line) + self.offset)

    def note(self, line: int, end: int | None = None) -> str | None:
        """What is said of the thing on these lines: `///` above or behind it, `//` behind it, "deprecated" above."""
        above: list[str] = []
        at = line - 1
        while at not in self.code_lines and (at in self.docs or at in self.remarks):
            said = self.docs.get(at, self.remarks.get(at, ""))
            if at in self.docs or "deprecated" in said.lower():
                above.insert(0, said)
            at -= 1
        last = end or line
        behind = self.docs.get(last) or self.remarks.get(last)
        return " ".join(part for part in (*above, behind) if part) or None

    def block(self) -> Block | None:
        if self.next.kind == "end":
            return None
        first = self.next
        kind = self.word("a block (model, enum, view, type, datasource or generator)").text
        if kind not in BLOCK_KINDS:
            known = ", ".join(BLOCK_KINDS)
            raise self.error(f"a block cannot begin with {kind!r}: Prisma knows {known}", first.line)
        name = self.word(f"the name of the {kind}")
        opening = self.expect("{", f"after {kind} {name.text}")
        fields, attributes, settings = self.body(kind, name)
        closing = self.tokens[self.at - 1]
        note = self.note(first.line, opening.line)
        return Block(
            kind, name.text, first.line + self.offset, self.source, tuple(fields), tuple(attributes),
            tuple(settings), note, self.text[first.start : closing.end],
        )  # fmt: skip

    def body(self, kind: BlockKind, name: Token) -> tuple[list[Field], list[Attribute], list[Argument]]:
        fields: list[Field] = []
        attributes: list[Attribute] = []
        settings: list[Argument] = []
        while not self.takes("}"):
            if self.next.kind == "end":
                raise self.error(f"the block {name.text!r}, opened here, is not closed by }}", name.line)
            if self.takes("@@"):
                attributes.append(self.attribute())
            elif kind in ("datasource", "generator"):
                settings.append(self.setting())
            else:
                fields.append(self.value() if kind == "enum" else self.field())
        return fields, attributes, settings

    def setting(self) -> Argument:
        key = self.word("a setting")
        self.expect("=", f"after {key.text}")
        return Argument(key.text, self.expression())

    def value(self) -> Field:
        name = self.next if self.next.kind == "number" else self.word("a value of the enum")
        if name.kind == "number":
            self.take()
        attributes = self.attributes()
        end = self.tokens[self.at - 1].line
        note = self.note(name.line, end)
        return Field(name.text, "", "one", attributes, name.line + self.offset, note=note)

    def field(self) -> Field:
        name = self.word("a field")
        self.takes(":")  # as old versions had it
        if self.next.kind != "word" or self.next.line != name.line:
            raise self.error(f"the type of the field {name.text!r} is missing", name.line)
        type_ = self.take().text
        unsupported = self.unsupported() if type_ == "Unsupported" else None
        arity = self.arity(name)
        attributes = self.attributes()
        end = self.tokens[self.at - 1].line
        note = self.note(name.line, end)
        return Field(name.text, type_, arity, attributes, name.line + self.offset, unsupported, note)

    def unsupported(self) -> str:
        self.expect("(", "after Unsupported")
        told = self.take()
        if told.kind != "string":
            raise self.error(f"Unsupported takes the database's type as a string, not {told}", told.line)
        self.expect(")", "after the type")
        return unquoted(told.text)

    def arity(self, name: Token) -> Literal["one", "optional", "list"]:
        if self.takes("["):
            self.expect("]", f"in the type of {name.text!r}")
            self.takes("?")
            return "list"
        self.takes("!")  # as old versions had it
        return "optional" if self.takes("?") else "one"

    def attributes(self) -> tuple[Attribute, ...]:
        found: list[Attribute] = []
        while self.takes("@"):
            found.append(self.attribute())
        return tuple(found)

    def attribute(self) -> Attribute:
        at = self.tokens[self.at - 1]
        name = self.path("the name of an attribute")
        arguments = self.arguments(0) if self.takes("(") else ()
        end = self.tokens[self.at - 1].end
        return Attribute(name, arguments, at.line + self.offset, " ".join(self.text[at.start : end].split()))

    def path(self, what: str) -> str:
        parts = [self.word(what).text]
        while self.takes("."):
            parts.append(self.word(what).text)
        return ".".join(parts)

    def arguments(self, depth: int) -> tuple[Argument, ...]:
        """What stands between parentheses, the opening one taken."""
        found: list[Argument] = []
        while not self.takes(")"):
            ahead = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
            named = self.next.kind == "word" and ahead.kind == "mark" and ahead.text == ":"
            name = self.take().text if named else ""
            if named:
                self.take()
            found.append(Argument(name, self.expression(depth)))
            if not self.takes(","):
                self.expect(")", "after an argument")
                break
        return tuple(found)

    def expression(self, depth: int = 0) -> Value:
        if depth > _DEEPEST:
            raise self.error(f"values are nested more than {_DEEPEST} deep")
        if self.takes("["):
            return self.items(depth + 1)
        token = self.next
        if token.kind == "string":
            return Text(unquoted(self.take().text))
        if token.kind == "number":
            return Number(self.take().text)
        name = self.path("a value")
        return Call(name, self.arguments(depth + 1)) if self.takes("(") else Word(name)

    def items(self, depth: int) -> Items:
        found: list[Value] = []
        while not self.takes("]"):
            found.append(self.expression(depth))
            if not self.takes(","):
                self.expect("]", "after an item of the list")
                break
        return Items(tuple(found))
