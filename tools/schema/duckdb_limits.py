"""What DuckDB takes into no schema, and what to write instead. It says no in words of its own, which are kept."""

from __future__ import annotations

_INSTEAD = (
    ("cannot use CASCADE", "leave the action out, and let code delete or change the rows that point there"),
    ("partial indexes", "leave the condition out: the index then holds all rows and serves the same queries"),
    ("STORED generated", "write VIRTUAL, or make it a plain column that code fills"),
    ("Constraints on generated columns", "make it a plain column that code fills"),
    ("different schemas or catalogs", "leave the foreign key out, or move one of the tables to the other's schema"),
    ("ALTER TABLE option", "write constraints and keys into CREATE TABLE: a file says the schema as it shall be"),
    ("ALTER SEQUENCE option", "write the sequence as it shall be into CREATE SEQUENCE"),
    ("Constraint not implemented", "take a sequence and DEFAULT nextval(…) for numbers; keys are checked at once"),
    ("Type with name SERIAL", "take a sequence and DEFAULT nextval(…)"),
    ("Unknown index type", "leave USING out: DuckDB's own indexes are ART"),
    ('at or near "TRIGGER"', "DuckDB has no triggers: let code do their work"),
    ('at or near "MATERIALIZED"', "DuckDB has no materialized views: make it a view, or a table that code fills"),
    ('at or near "PARTITION"', "DuckDB divides no tables: leave the clause out"),
    ('at or near "POLICY"', "DuckDB has no policies: let code decide who sees which rows"),
    ('at or near "RETURNS"', "DuckDB has no stored functions: write a macro, or do it in code"),
    ('at or near "TYPE"', "write the values as they shall be into CREATE TYPE … AS ENUM"),
)


def instead(message: str) -> str:
    """The message with what to write instead, where DuckDB has said no to something that other engines take."""
    advice = next((advice for said, advice in _INSTEAD if said in message), None)
    return f"{message.rstrip('!')}: {advice}" if advice else message
