"""inspect and gap: what is there, and what lies between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.commands.output import DIFFERENCES, DONE, interactive, print_json, say
from assistant.session import Workspace
from tools.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.location import Dialect, Written
    from tools.schema.model import Answers, Gap, Question, Schema
    from tools.usages.model import Usage

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DialectOption = Annotated[
    str | None, typer.Option("--dialect", help="Dialect of .sql files: sqlite, duckdb, postgres; mysql is read, too.")
]
RenamesOption = Annotated[
    str | None,
    typer.Option("--renames", metavar="FILE|ask|none", help="Answers to rename questions; none: nothing is a rename."),
]
CodeOption = Annotated[
    str | None, typer.Option("--code", metavar="DIR", help="Find who in this code uses what the gaps touch.")
]


def register(app: typer.Typer) -> None:
    app.command("inspect")(inspect)
    app.command("gap")(gap)


def inspect(
    location: Annotated[str, typer.Argument(help="A .sql file, sqlite:///FILE, duckdb:///FILE, postgresql://…")],
    table: Annotated[str | None, typer.Option("--table", help="Only this table.")] = None,
    dialect: DialectOption = None,
    as_json: AsJson = False,
) -> int:
    """Show the schema at a location."""
    from tools.schema.serial import schema_to_json

    schema = Workspace().schema(location, dialect=dialect)
    if table:
        schema = _only(schema, table)
    if as_json:
        print_json("schema", schema_to_json(schema))
    else:
        from assistant.console import print_schema

        print_schema(schema)
    return DONE


def gap(
    current: Annotated[str, typer.Argument(help="The schema that you have.")],
    desired: Annotated[str, typer.Argument(help="The schema that you want.")],
    renames: RenamesOption = None,
    schemas: Annotated[str | None, typer.Option("--schema", metavar="a,b", help="Only these schemas.")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Leave out tables like this.")] = None,
    code: CodeOption = None,
    dialect: DialectOption = None,
    as_json: AsJson = False,
) -> int:
    """Show what lies between two schemas. Exit code 2 when anything does."""
    from tools.schema.gaps import compare
    from tools.schema.kinds import enumerations
    from tools.schema.renames import rename_questions
    from tools.schema.serial import gap_to_json, question_to_json

    workspace = Workspace()
    namespaces = tuple(name.strip() for name in schemas.split(",")) if schemas else ()
    before, after = read_pair(workspace, current, desired, dialect, namespaces, tuple(exclude or ()))
    answers = settled_answers(workspace, renames, before, after)
    gaps = compare(before, after, answers)
    questions = _with_data(workspace, rename_questions(before, after, answers), current, desired)
    counted = enumerations(before, after)
    touched = _touched(workspace, code, before, gaps)
    if as_json:
        data = {
            "current": before.source,
            "desired": after.source,
            "gaps": [gap_to_json(gap) for gap in gaps],
            "questions": [question_to_json(question) for question in questions],
        }
        if counted:
            data["enumerations"] = [each.as_json() for each in counted]
        if touched is not None:
            from tools.usages.model import usage_to_json

            data["usages"] = [usage_to_json(usage) for usage in touched]
        print_json("gap", data)
    else:
        from assistant.console import print_gaps, print_line, print_usages

        print_gaps(gaps, questions)
        if counted:
            print_line(", ".join(str(each) for each in counted))
        if touched is not None:
            print_usages(touched)
    return DIFFERENCES if gaps else DONE


def _with_data(workspace: Workspace, questions: Sequence[Question], current: str, desired: str) -> tuple[Question, ...]:
    if not questions:
        return ()
    from tools.migrate.overlap import with_overlap

    return with_overlap(questions, workspace.settings.location(current), workspace.settings.location(desired))


def _touched(workspace: Workspace, code: str | None, current: Schema, gaps: Sequence[Gap]) -> tuple[Usage, ...] | None:
    """Who in the code uses what the gaps touch; None where no code was named."""
    usages = workspace.usages(code, current)
    if usages is None:
        return None
    from tools.usages.gaps import touched_by

    return tuple(touched_by(gaps, usages))


def read_pair(
    workspace: Workspace,
    current: str,
    desired: str,
    dialect: str | None,
    namespaces: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
) -> tuple[Schema, Schema]:
    """Both schemas. `--dialect` speaks of the files; a file without a dialect of its own takes the live side's."""
    from tools.location import parse_location, parse_written
    from tools.schema.source import read_schema

    places = [workspace.settings.location(current), workspace.settings.location(desired)]
    kinds: list[Dialect | None] = [parse_location(place).live for place in places]
    chosen: Written | None = parse_written(dialect) if dialect else None
    fallback: Dialect | None = kinds[0] or kinds[1] or workspace.settings.project.dialect
    if chosen and None in kinds:
        spoken_of: tuple[Written | None, ...] = tuple(chosen if kind is None else None for kind in kinds)
    else:
        spoken_of = (chosen, chosen)  # two databases: a dialect that fits neither is a mistake, and read_schema says so

    def read(place: str, said: Written | None) -> Schema:
        return read_schema(place, dialect=said, fallback=fallback, namespaces=namespaces, exclude=exclude)

    if kinds == ["postgres", "postgres"]:  # two servers' catalogs, mostly waited for: at the same time
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(2) as pool:
            before, after = pool.map(read, places, spoken_of)
        return before, after
    before, after = map(read, places, spoken_of)
    return before, after


def settled_answers(workspace: Workspace, renames: str | None, current: Schema, desired: Schema) -> Answers:
    """The answers that the flag names; `--renames ask` puts every open question, and keeps what was said."""
    from tools.schema.renames import check_answers

    if renames == "ask" and not interactive():
        raise UsageError("--renames ask needs a terminal: answer in a file (--renames FILE) or say --renames none")
    answers = workspace.answers(renames)
    check_answers(answers, current, desired)
    if renames == "ask":
        from assistant.questions import ask_renames

        return ask_renames(current, desired, answers, save=workspace.settings.answers or Path("answers.yaml"), say=say)
    return answers


def _only(schema: Schema, table: str) -> Schema:
    from dataclasses import replace

    found = schema.table(table)
    if found is None:
        names = ", ".join(known.key for known in schema.tables[:20]) or "none"
        raise UsageError(f"no table {table!r} in {schema.source} (tables: {names})")
    triggers = tuple(trigger for trigger in schema.triggers if trigger.table == table)
    return replace(schema, tables=(found,), views=(), enums=(), triggers=triggers)
