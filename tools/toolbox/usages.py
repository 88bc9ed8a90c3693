"""The tool that answers who in the code uses a table or a column."""

from __future__ import annotations

from pydantic import Field

from tools.errors import UsageError
from tools.toolbox.desk import Desk, Outcome, page
from tools.toolbox.schema import Paged


class FindUsages(Paged):
    name: str | None = Field(
        default=None,
        description="A table (`agents`) or a column (`agents.goal`, or `goal` of any table); without it, what the gaps "
        "take away or change.",
    )


def find_usages(desk: Desk, arguments: FindUsages) -> Outcome:
    """Places in the code, certain ones first as they stand in files; counts by file are of all, not of the page."""
    from tools.schema.gaps import compare
    from tools.usages.gaps import touched_by
    from tools.usages.model import usage_to_json

    if desk.usages is None:
        raise UsageError("no code is named: set `code` under [project] in oneplan.toml to the folder of your code")
    if arguments.name is None:
        found = touched_by(compare(desk.current_schema, desk.desired_schema, desk.answers), desk.usages)
        asked = "what the gaps take away or change"
    else:
        asked = arguments.name
        table, column = _known(desk, asked)
        found = tuple(
            u for u in desk.usages if (u.table == table or not table) and (column is None or u.column == column)
        )
    head = {"asked": asked, "code": str(desk.code), "files": len({u.file for u in found}),
            "writes": sum(u.access == "write" for u in found)}  # fmt: skip
    return Outcome(head | page([usage_to_json(u) for u in found], arguments.offset, arguments.limit))


def _known(desk: Desk, name: str) -> tuple[str, str | None]:
    """The table and the column that a name means in the current schema; the table is "" for a column of any table."""
    tables = {table.name: table for table in desk.current_schema.tables}
    if name in tables:
        return name, None
    table, _, column = name.rpartition(".")
    table = table.rpartition(".")[2]
    if table in tables and column in tables[table].column_names:
        return table, column
    if column in tables and not any(column in one.column_names for one in tables.values()):
        return column, None
    if not table and any(column in one.column_names for one in tables.values()):
        return "", column
    raise UsageError(f"{name!r} is no table and no column of {desk.current_schema.source}")
