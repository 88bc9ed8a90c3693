"""board: the roadmap that a gap analysis asks for, and two roadmaps side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assistant.commands.output import DIFFERENCES, DONE, keep_file, print_json, say
from assistant.commands.schema import AsJson, CodeOption, DialectOption, RenamesOption, read_pair, settled_answers
from assistant.session import Workspace


def register(app: typer.Typer) -> None:
    app.command("roadmap")(roadmap)
    app.command("compare")(compare)


def roadmap(
    current: Annotated[str, typer.Argument(help="The schema that you have: best the live database.")],
    desired: Annotated[str, typer.Argument(help="The schema that you want.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the board to this file.")] = None,
    renames: RenamesOption = None,
    code: CodeOption = None,
    dialect: DialectOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Overwrite an output file that is there.")] = False,
) -> int:
    """Make a board of the gaps: phases, a checklist by table and field, tasks tied to the steps of the plan."""
    from tools.files import write_atomically
    from tools.location import parse_location
    from tools.migrate.facts import live_facts
    from tools.tasks.roadmap import roadmap_markdown, roadmap_source

    keep_file(output, yes)
    workspace = Workspace()
    before, after = read_pair(workspace, current, desired, dialect)
    answers = settled_answers(workspace, renames, before, after)
    location = workspace.settings.location(current)
    facts = live_facts(location) if parse_location(location).live else None
    text = roadmap_markdown(roadmap_source(before, after, answers, workspace.usages(code, before), facts))
    if output is None:
        print(text, end="")
        return DONE
    write_atomically(output, text)
    say(f"wrote {output}: `oneplan board import {output}` brings it in")
    return DONE


def compare(
    one: Annotated[Path, typer.Argument(metavar="FILE", help="A roadmap or a board in Markdown.")],
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="Another.")],
    as_json: AsJson = False,
) -> int:
    """What each of two roadmaps has that the other lacks. Exit code 2 when there is anything."""
    from dataclasses import asdict

    from tools.tasks.compare import compare_boards
    from tools.tasks.markdown import read_board

    found = compare_boards(read_board(one), read_board(other))
    if as_json:
        print_json("comparison", asdict(found))
    else:
        parts = ((f"only in {one}", found.only_mine), (f"only in {other}", found.only_theirs), ("fields", found.fields))
        for title, sentences in parts:
            if sentences:
                print("\n".join([f"{title}:", *(f"  {sentence}" for sentence in sentences)]))
    return DIFFERENCES if found.only_mine or found.only_theirs or found.fields else DONE
