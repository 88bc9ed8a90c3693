"""Who in the code reads and writes what: every language on a folder of its own."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tools.errors import SourceError
from tools.schema.model import Column, ForeignKey, Schema, Table
from tools.usages.model import Usage
from tools.usages.scan import find_usages

CODE = Path(__file__).parents[1] / "fixtures" / "code"
SCHEMA = Schema(
    "postgres",
    (
        Table("agents", tuple(Column(name, "text") for name in ("id", "goal", "priority", "owner_id")),
              foreign_keys=(ForeignKey(("owner_id",), "users", ("id",)),)),
        Table("users", (Column("id", "text"), Column("name", "text"))),
    ),
)  # fmt: skip
EXPECTED = {
    "convex/agents.ts": [
        (9, "agents read"), (10, "agents.goal read"), (11, "agents.priority read"), (14, "agents.goal read"),
        (14, "users.name read"), (21, "agents.goal write"), (21, "agents.priority write"), (24, "agents.goal read"),
        (24, "agents.priority read"), (25, "agents.owner_id read"), (26, "agents read"), (27, "agents.goal write"),
        (29, "users.name read"), (36, "agents.goal write"), (36, "agents.priority write"), (37, "agents write"),
        (42, "agents.goal read"), (42, "agents.priority read"), (46, "agents read"), (52, "agents.goal read"),
    ],
    "web/store.tsx": [
        (5, "agents read"), (6, "agents.goal read"), (7, "agents.priority read"), (9, "agents write"),
        (9, "agents.goal write"), (9, "agents.id read"), (10, "agents read"), (10, "agents.goal read"),
        (10, "agents.priority read"), (11, "agents write"), (11, "agents.goal write"), (11, "agents.id read"),
        (12, "agents write"), (13, "agents.goal write"), (14, "agents.priority read"), (15, "agents.priority read"),
    ],
    "py/work.py": [
        (6, "agents read"), (6, "agents.goal read"), (7, "agents.priority write"), (8, "agents.goal read"),
        (9, "agents write"), (9, "agents.priority write"), (10, "agents write"), (10, "agents.goal write"),
        (11, "users read"), (11, "users.name read"), (13, "agents read"), (13, "agents.goal read"),
        (13, "agents.owner_id read"), (13, "users read"), (13, "users.id read"), (13, "users.name read"),
        (14, "agents.priority read"), (16, "agents.goal read likely"),
    ],
    "sql/report.sql": [
        (2, "agents write"), (2, "agents.goal write"), (2, "agents.id write"), (3, "users read"), (3, "users.id read"),
        (5, "agents write"), (5, "agents.priority read"), (5, "agents.priority write"), (6, "agents.goal read"),
        (7, "agents write"), (7, "agents.goal write"),
    ],
}  # fmt: skip


def said(usage: Usage) -> str:
    name = f"{usage.table}.{usage.column}" if usage.column else usage.table
    return f"{name} {usage.access}" + (" likely" if usage.certainty == "likely" else "")


@pytest.fixture(scope="module")
def found() -> tuple[Usage, ...]:
    return find_usages(CODE, [SCHEMA])


@pytest.mark.parametrize("file", EXPECTED)
def test_every_usage_and_nothing_else(found: tuple[Usage, ...], file: str) -> None:
    assert sorted((u.line, said(u)) for u in found if u.file == file) == sorted(EXPECTED[file])


def test_no_other_file_uses_anything(found: tuple[Usage, ...]) -> None:
    assert {usage.file for usage in found} == set(EXPECTED)


def test_what_git_ignores_is_not_read(tmp_path: Path) -> None:
    shutil.copytree(CODE, tmp_path / "code")
    code = tmp_path / "code"
    for name in ("ignored/a.ts", "deep/ignored/b.ts", "c.gen.ts", "kept.gen.ts", "node_modules/d.ts", "own/e.ts"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text('ctx.db.query("users")', encoding="utf-8")
    (code / "own" / ".gitignore").write_text("e.ts\n", encoding="utf-8")
    files = {usage.file for usage in find_usages(code, [SCHEMA])}
    assert files == {*EXPECTED, "kept.gen.ts"}


def test_a_second_scan_reads_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(CODE, tmp_path / "code")
    code, cache = tmp_path / "code", tmp_path / "kept" / "usages.json"
    first = find_usages(code, [SCHEMA], cache)
    read: list[str] = []
    import tools.usages.scan as scan

    whole = scan.file_usages
    monkeypatch.setattr(scan, "file_usages", lambda base, name, *rest: (read.append(name), whole(base, name, *rest))[1])
    assert find_usages(code, [SCHEMA], cache) == first
    assert read == []
    (code / "sql" / "report.sql").write_text("DELETE FROM users WHERE name = 'x'", encoding="utf-8")
    (code / "web" / "store.tsx").unlink()
    after = find_usages(code, [SCHEMA], cache)
    assert read == ["sql/report.sql"]
    assert [said(u) for u in after if u.file == "sql/report.sql"] == ["users write", "users.name read"]
    assert not [u for u in after if u.file == "web/store.tsx"]
    read.clear()
    fewer = Schema("postgres", SCHEMA.tables[:1])
    assert {u.table for u in find_usages(code, [fewer], cache)} == {"agents"}
    assert read, "other names, another scan"


def test_models_moved_in_another_file_are_followed(tmp_path: Path) -> None:
    shutil.copytree(CODE / "py", tmp_path / "py")
    cache = tmp_path / "usages.json"
    find_usages(tmp_path / "py", [SCHEMA], cache)
    models = tmp_path / "py" / "models.py"
    models.write_text(models.read_text(encoding="utf-8").replace('Column("goal"', 'Column("id"'), encoding="utf-8")
    columns = {u.column for u in find_usages(tmp_path / "py", [SCHEMA], cache) if u.line == 8}
    assert columns == {"id"}


def test_many_files_give_the_same_as_few(tmp_path: Path) -> None:
    for number in range(210):
        text = (
            (CODE / "convex" / "agents.ts").read_text(encoding="utf-8")
            if number == 7
            else f"export const a = {number};"
        )
        (tmp_path / f"f{number}.ts").write_text(text, encoding="utf-8")
    assert len(find_usages(tmp_path, [SCHEMA])) == len(EXPECTED["convex/agents.ts"])


def test_what_is_no_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.ts").write_bytes(b'\0\xff ctx.db.query("agents")')
    (tmp_path / "b.ts").write_bytes(b'// \xe9\nctx.db.query("agents")')
    assert [(u.file, u.line) for u in find_usages(tmp_path, [SCHEMA])] == [("b.ts", 2)]
    with pytest.raises(SourceError, match="is not a folder of code"):
        find_usages(tmp_path / "a.ts", [SCHEMA])


@pytest.mark.parametrize("seed", range(25))
def test_mutilated_files_never_crash_the_scan(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for file in EXPECTED:
        text = (CODE / file).read_text(encoding="utf-8")
        for _ in range(3):
            at, other = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
            text = (
                text[:at] + rng.choice(["", text[at:other] * 2, *"{}()[]`'\"é\0,;"]) + text[rng.choice((at, other)) :]
            )
        path = tmp_path / file.replace("/", "_")
        path.write_text(text, encoding="utf-8")
    names = {usage.table for usage in find_usages(tmp_path, [SCHEMA])}
    assert names <= {"agents", "users"}
