"""Every parser of schemas on damaged texts: a schema, or one clear sentence; no crash and no hang.

The texts are the fixtures, cut, doubled, swapped and mixed with odd characters under a seed. `ONEPLAN_FUZZ` says how
many texts a parser gets (a sample by default; `make prove` sets many).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.errors import OneplanError
from tools.schema.answers import read_answers
from tools.schema.convex import read_convex
from tools.schema.ddl import read_ddl
from tools.schema.folder import read_folder
from tools.schema.gaps import compare
from tools.schema.markdown import read_markdown_text
from tools.schema.model import Answers, Schema
from tools.schema.mysql import read_mysql
from tools.schema.parsed import read_parsed
from tools.schema.prisma import read_prisma

FIXTURES = Path(__file__).parents[1] / "fixtures"
MANY = int(os.environ.get("ONEPLAN_FUZZ", "60"))
ODD = [
    "\0", "\ufeff", "\u202e", "🦆", "'", '"', "`", "(", ")", "{", "}", "[", "]", "--", "/*", "*/", "|", "\\", ";", ",",
    "\r", "\t", "$$", "\\N", "#", "@", "?", "=>", "...", "\x1b[31m", "é", "null", "-1", "99999999999999999999",
]  # fmt: skip


def damaged(text: str, others: list[str], rng: random.Random) -> str:
    """The text with one to six random edits."""
    for _ in range(rng.randint(1, 6)):
        at, to = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
        to = min(to, at + rng.choice((1, 3, 40, 400)))
        match rng.randrange(6):
            case 0:
                text = text[:at] + text[to:]
            case 1:
                text = text[:to] + text[at:]
            case 2:
                text = text[:at] + rng.choice(ODD) + text[at:]
            case 3:
                text = text[:at]
            case 4:
                other = rng.choice(others)
                start = rng.randint(0, len(other))
                text = text[:at] + other[start : start + rng.randint(1, 60)] + text[to:]
            case _:
                text = text[:at] + text[at:to].swapcase() + text[to:]
    return text


def texts(pattern: str) -> list[str]:
    found = [path.read_text(encoding="utf-8") for path in sorted(FIXTURES.glob(pattern))]
    assert found, pattern
    return found


def as_convex(text: str, folder: Path) -> Schema:
    (folder / "schema.ts").write_text(text, encoding="utf-8")
    return read_convex(folder / "schema.ts")


def as_folder(text: str, folder: Path) -> Schema:
    (folder / "1.sql").write_text("-- dialect: sqlite\nCREATE TABLE a (id integer);\n", encoding="utf-8")
    (folder / "2.sql").write_text(text, encoding="utf-8")
    return read_folder(folder)


READERS: dict[str, tuple[str, Callable[[str, Path], object]]] = {
    "convex": ("convex/**/*.ts", as_convex),
    "prisma": ("prisma/**/*.prisma", lambda text, _: read_prisma([(text, "x.prisma")])),
    "markdown": ("markdown/*.md", lambda text, _: read_markdown_text(text, "x.md")),
    "mysql": ("mysql/*.sql", lambda text, _: read_mysql(text, "x.sql")),
    "parsed": ("gaps/*/*.sql", lambda text, _: read_parsed(text, "postgres", "x.sql")),
    "sqlite": ("gaps/*/*.sql", lambda text, _: read_ddl(text, "sqlite", "x.sql")),
    "duckdb": ("gaps/*/*.sql", lambda text, _: read_ddl(text, "duckdb", "x.sql")),
    "postgres": ("gaps/*/*.sql", lambda text, _: read_ddl(text, "postgres", "x.sql")),
    "folder": ("gaps/columns/*.sql", as_folder),
}


def outcome(read: Callable[[str, Path], object], text: str, folder: Path, where: str) -> object:
    """What was read, or the sentence that says why not; any other exception is one, with the text."""
    try:
        return read(text, folder)
    except OneplanError as error:
        return str(error)
    except Exception as error:
        error.add_note(f"{where}: {text!r}")
        raise


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_text_gives_a_schema_or_a_sentence(name: str, tmp_path: Path) -> None:
    pattern, read = READERS[name]
    corpus, rng = texts(pattern), random.Random(f"{name} 1")
    read_well = 0
    for number in range(MANY):
        text = damaged(rng.choice(corpus), corpus, rng)
        found = outcome(read, text, tmp_path, f"{name}, number {number}")
        if isinstance(found, str):
            assert found.strip(), f"number {number}: no sentence"
            assert "\n" not in found.strip(), f"number {number}: {found}"
            continue
        assert isinstance(found, Schema)
        assert compare(found, found) == (), f"number {number}"
        read_well += 1
    assert 0 < read_well <= MANY


@pytest.mark.parametrize("text", ["", "\0\0", "[", "tables: 3", "renames:\n - x", "- - -", "a: &a *a", "{}", "\udcff"])
def test_a_damaged_answers_file_is_refused_or_empty(text: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = outcome(lambda _, folder: read_answers(folder / path.name), text, tmp_path, "answers")
    assert isinstance(found, Answers) or "answers.yaml" in str(found)
