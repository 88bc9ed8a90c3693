"""What the blocks of a Prisma schema say together: who is meant by a name, and what it is called in the database."""

from __future__ import annotations

from collections.abc import Sequence

from tools.schema.model import NotUnderstood, Span
from tools.schema.prisma_ast import Attribute, Block, Field, Text, text_of
from tools.schema.prisma_types import SCALARS

_NAME_LENGTHS = {"mysql": 64, "sqlserver": 128, "sqlite": 10_000}


class Scope:
    """The models, enums and types of a schema by their names, and the list of what was not understood."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self.models = [block for block in blocks if block.kind == "model"]
        self.enums = [block for block in blocks if block.kind == "enum"]
        self.views = [block for block in blocks if block.kind == "view"]
        self.by_name = {block.name: block for block in blocks if block.kind not in ("datasource", "generator")}
        self.listed: list[NotUnderstood] = []
        settings = [given for block in blocks if block.kind == "datasource" for given in block.settings]
        self.settings = {given.name: given.value for given in settings}
        self.provider = text_of(self.settings.get("provider")) or ""

    @property
    def keeps_foreign_keys(self) -> bool:
        """Whether relations are foreign keys of the database, and not only Prisma's own (`relationMode = "prisma"`)."""
        mode = self.settings.get("relationMode") or self.settings.get("referentialIntegrity")
        return self.provider != "mongodb" and not (isinstance(mode, Text) and mode.value == "prisma")

    @property
    def longest_name(self) -> int:
        return _NAME_LENGTHS.get(self.provider, 63)

    def name(self, block: Block) -> str:
        """What a model or an enum is called in the database."""
        told = block.attribute("map")
        return (told and text_of(told.get("name", 0))) or block.name

    def namespace(self, block: Block) -> str:
        told = block.attribute("schema")
        found = (told and text_of(told.get("map", 0) or told.get("name"))) or ""
        return "" if found in ("public", "dbo") else found

    def key(self, block: Block) -> str:
        space = self.namespace(block)
        return f"{space}.{self.name(block)}" if space else self.name(block)

    def column(self, field: Field) -> str:
        told = field.attribute("map")
        return (told and text_of(told.get("name", 0))) or field.name

    def enum_values(self, block: Block) -> dict[str, str]:
        """The values of an enum: what each is called here, and what in the database."""
        return {value.name: self.column(value) for value in block.fields}

    def model(self, field: Field) -> Block | None:
        """The model, or view, that a field is a relation to."""
        found = self.by_name.get(field.type)
        return found if found and found.kind in ("model", "view") else None

    def is_column(self, field: Field) -> bool:
        if field.unsupported is not None or field.type in SCALARS:
            return True
        found = self.by_name.get(field.type)
        return found is not None and found.kind in ("enum", "type")

    def list(self, block: Block, line: int, reason: str, text: str, *, compared: bool = False) -> None:
        """Keep something in the list of what was not understood."""
        self.listed.append(NotUnderstood(text, reason, Span(block.source, line), compared=compared))

    def list_attribute(self, block: Block, attribute: Attribute, reason: str) -> None:
        self.list(block, attribute.line, reason, attribute.text)

    def constraint_name(self, table: str, columns: Sequence[str], suffix: str) -> str:
        """The name that Prisma gives: `table_column_suffix`, cut so that the database takes it."""
        stem = "_".join((table, *columns)).encode()[: self.longest_name - len(suffix) - 1]
        return f"{stem.decode(errors='ignore')}_{suffix}"
