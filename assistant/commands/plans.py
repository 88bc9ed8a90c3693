"""plan, explain, lint and export: the way from one schema to the other, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assistant.commands.output import DIFFERENCES, DONE, keep_file, print_json, say
from assistant.commands.schema import AsJson, CodeOption, DialectOption, RenamesOption, read_pair, settled_answers
from assistant.session import Workspace
from tools.errors import SourceError, UsageError
from tools.files import write_atomically

if TYPE_CHECKING:
    from tools.migrate.preview import Preview
    from tools.plan.export.pieces import Exported
    from tools.plan.facts import Facts
    from tools.plan.model import Plan
    from tools.schema.model import Answers

LONGEST = 32 << 20
PlanArgument = Annotated[Path, typer.Argument(metavar="PLAN", help="A plan.yaml.")]


def register(app: typer.Typer) -> None:
    app.command("plan")(plan)
    app.command("explain")(explain)
    app.command("lint")(lint)
    app.command("export")(export)


def plan(
    current: Annotated[str, typer.Argument(help="The schema that you have: best the live database.")],
    desired: Annotated[str, typer.Argument(help="The schema that you want.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the plan to this file.")] = None,
    renames: RenamesOption = None,
    code: CodeOption = None,
    dialect: DialectOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite an output file that is there.")] = False,
    as_json: AsJson = False,
) -> int:
    """Make the stepwise plan. Exit code 2 while a rename question is open.

    With --json each step tells the tables that it touches (`impacts`), and how long it will take (`estimate`: seconds,
    locks and how long they are held), which is null until `oneplan rehearse` has measured this plan.
    """
    from assistant.on_record import keep_origin, rehearsal_on_record
    from tools.migrate.outlook import outlook
    from tools.plan.build import build_plan
    from tools.plan.files import plan_to_json, plan_to_yaml
    from tools.usages.model import by_name

    keep_file(output, yes)
    workspace = Workspace()
    before, after = read_pair(workspace, current, desired, dialect)
    answers = settled_answers(workspace, renames, before, after)
    usages = by_name(workspace.usages(code, before) or ())
    facts = live_facts(workspace.settings.location(current))
    made = build_plan(before, after, answers, facts, usages)
    if output:
        write_atomically(output, plan_to_yaml(made))
        keep_origin(workspace, made, before)
        say(f"wrote {output}: {len(made.steps)} steps")
        for sentence in made.held_back:
            say(f"held back: {sentence}")
        for sentence in made.notes:
            say(f"note: {sentence}")
    previews = _previews(workspace.settings.location(current), answers)
    if as_json:
        known = outlook(made, facts, rehearsal_on_record(workspace, made)).as_json
        print_json("plan", plan_to_json(made, known) | {"previews": [one.as_json() for one in previews]})
    else:
        from assistant.console import print_plan, print_preview

        if not output:
            print_plan(made)
        for one in previews:
            print_preview(one.as_json())
    for question in made.questions:
        say(f"open: {_asked(question)}: answer with --renames FILE, or --renames none")
    return DIFFERENCES if made.questions else DONE


def explain(
    path: PlanArgument,
    sql: Annotated[bool, typer.Option("--sql", help="The whole plan as a plain SQL script.")] = False,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="With the size and the traffic of the tables there."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show the stages that a run of the plan would walk, with what a rehearsal on record says of their time."""
    from assistant.on_record import rehearsal_on_record
    from tools.migrate.outlook import outlook
    from tools.plan.explain import script, stages

    loaded = load_plan(path)
    workspace = Workspace()
    facts = live_facts(workspace.settings.location(database)) if database else None
    known = outlook(loaded, facts, rehearsal_on_record(workspace, loaded))
    if sql:
        print(script(loaded))
    elif as_json:
        from tools.plan.files import plan_to_json

        print_json("explain", plan_to_json(loaded, known.as_json))
    else:
        from assistant.console import print_stages

        print_stages(stages(loaded, known.lines))
    return DONE


def lint(
    path: Annotated[Path, typer.Argument(metavar="PLAN|FILE.sql", help="A plan.yaml or a file of SQL.")],
    dialect: DialectOption = None,
    as_json: AsJson = False,
) -> int:
    """Show the hazards of a plan or of any SQL file. Exit code 2 when there are any."""
    from tools.plan.hazards import lint as lint_sql
    from tools.plan.hazards import lint_plan

    if path.suffix.lower() in (".yaml", ".yml"):
        findings = lint_plan(load_plan(path))
    else:
        from tools.location import parse_dialect
        from tools.plan.lint import squawk_binary
        from tools.schema.ddl import header_dialect
        from tools.schema.tokens import split as statements

        text = sql_text(path)
        named = parse_dialect(dialect) if dialect else header_dialect(text) or Workspace().settings.project.dialect
        if named == "mysql":
            raise UsageError(f"{path}: MySQL is read as a schema, and its statements are not judged")
        if named is None:
            raise UsageError(f"{path}: which dialect? Pass --dialect, or begin the file with `-- dialect: postgres`")
        findings = lint_sql(text, named, str(path))
        if not findings and not statements(text, named, str(path)):
            say(f"{path}: holds no statement: there is nothing to judge")
        if named == "postgres" and squawk_binary() is None:
            say("squawk is not installed: its rules are not asked (pip install 'oneplan[lint]')")
    if as_json:
        print_json("lint", {"findings": [finding.as_json() for finding in findings]})
    else:
        for finding in findings:
            print(finding)
    return DIFFERENCES if findings else DONE


def export(
    path: PlanArgument,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to; made where it is missing.")],
    to: Annotated[str, typer.Option("--to", metavar="alembic|sql", help="Alembic revisions, or numbered up/down SQL.")],
    after: Annotated[
        str | None, typer.Option("--after", metavar="REVISION", help="The revision of Alembic's to follow.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite files that are there.")] = False,
    as_json: AsJson = False,
) -> int:
    """Write a plan as files for other runners. They know no approvals, backups or proofs."""
    from tools.plan.export.files import export as exported

    files = exported(load_plan(path), to, after=after)
    for file in files:
        keep_file(folder / file.name, yes)
    write_files(folder, files)
    if as_json:
        print_json("export", {"folder": str(folder), "files": [file.name for file in files]})
    else:
        say(f"wrote {len(files)} files to {folder}: read {files[-1].name} first")
    return DONE


def write_files(folder: Path, files: Sequence[Exported]) -> None:
    for file in files:
        place = folder / file.name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SourceError(f"cannot be made: {error.strerror}", source=str(place.parent)) from error
        write_atomically(place, file.text)


def load_plan(path: Path) -> Plan:
    """The plan in a file; SourceError with file and line when it is not one."""
    from tools.plan.files import plan_from_yaml

    return plan_from_yaml(read_text(path), str(path))


def sql_text(path: Path) -> str:
    """A file of SQL to be judged; SourceError for one that is no text, or longer than anybody reads."""
    if path.is_file() and path.stat().st_size > LONGEST:
        raise SourceError(f"is longer than {LONGEST >> 20} MB: divide it, or leave out its data", source=str(path))
    text = read_text(path)
    if "\0" in text:
        raise SourceError("is no text: it holds a NUL character", source=str(path))
    return text


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SourceError("no such file", source=str(path)) from None
    except IsADirectoryError:
        raise SourceError("is a folder, not a file", source=str(path)) from None
    except UnicodeDecodeError:
        raise SourceError("is not UTF-8 text", source=str(path)) from None
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}", source=str(path)) from error


def live_facts(location: str) -> Facts | None:
    """What a live database says of its tables (rows, bytes, triggers); None for a file."""
    from tools.location import parse_location

    if parse_location(location).live is None:
        return None
    from tools.migrate.facts import live_facts as ask

    return ask(location)


def _previews(location: str, answers: Answers) -> tuple[Preview, ...]:
    """Merges and splits on the live database's rows; nothing for a file."""
    from tools.location import parse_location

    if not answers.merges or parse_location(location).live is None:
        return ()
    from tools.migrate.preview import preview

    return preview(location, answers)


def _asked(question: object) -> str:
    from assistant.questions import sentence

    return sentence(question)  # type: ignore[arg-type]
