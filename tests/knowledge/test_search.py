from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge.documents import LARGEST, mend, split
from knowledge.events import Events
from knowledge.ingest import ingest
from knowledge.search import search
from knowledge.store import Store

GUIDE = """---
title: The guide
order: 1
---

Before all headings: a giraffe.

# Guide

Introduction.

## Rolling back

```sh
# not a heading
oneplan rollback
```

### Severity

Restore the *backup* when data are corrupt; 01_create_agents.sql stays.

## Größe und Форма

Ein Elefant. Привет.
"""


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    path = tmp_path / "docs" / "guide.md"
    path.parent.mkdir()
    path.write_text(GUIDE, encoding="utf-8")
    return path


def found(store: Store, text: str) -> list[tuple[int, str]]:
    return [(hit.line, hit.heading) for hit in search(store, text)]


def test_a_document_is_split_by_its_headings(guide: Path) -> None:
    document = split(guide, GUIDE)
    assert document.title == "Guide"
    assert [(section.line, section.heading) for section in document.sections] == [
        (1, ""),
        (8, "Guide"),
        (12, "Guide > Rolling back"),
        (19, "Guide > Rolling back > Severity"),
        (23, "Guide > Größe und Форма"),
    ]


def test_lines_are_counted_as_editors_count_them(guide: Path) -> None:
    text = "a\x0cb\u2028c\r\n# One\r\n\r\ntext\r# Two\n"
    assert [(s.line, s.heading) for s in split(guide, text).sections] == [(1, ""), (2, "One"), (5, "Two")]


def test_a_long_part_without_headings_is_cut(tmp_path: Path) -> None:
    text = "\n".join("" if n % 10 == 9 else f"line {n}" for n in range(200))
    sections = split(tmp_path / "notes.txt", text).sections
    assert [section.line for section in sections] == [1, 70, 130, 190]
    assert "\n".join(section.body for section in sections) == text


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("restore backup", (21, "Guide > Rolling back > Severity")),
        ("01", (21, "Guide > Rolling back > Severity")),
        ("create_agents", (21, "Guide > Rolling back > Severity")),
        ("GROSSE groß größe", (23, "Guide > Größe und Форма")),
        ("привет", (25, "Guide > Größe und Форма")),
        ("giraffes", (6, "")),
        ("rollback", (16, "Guide > Rolling back")),
    ],
)
def test_words_are_found_with_their_line(store: Store, guide: Path, words: str, where: tuple[int, str]) -> None:
    ingest(store, [guide], actor="ann")
    assert found(store, words)[0] == where


def test_a_hit_is_cited_by_path_and_line(store: Store, guide: Path) -> None:
    ingest(store, [guide.parent], actor="ann")
    hit = search(store, "corrupt data", limit=1)[0]
    assert hit.citation == "docs/guide.md:21"
    assert hit.excerpt.startswith("Restore the *backup* when data are corrupt")
    assert hit.score > 0


def test_nothing_ingested_or_nothing_found_is_no_error(store: Store, guide: Path) -> None:
    assert search(store, "rollback") == ()
    ingest(store, [guide], actor="ann")
    assert search(store, "zebra") == ()
    assert search(store, "") == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.characters(), max_size=40)
    | st.sampled_from(["'", '"; DROP', "%_\\", "\x00a", "\ud800a", "a" * 9999])
)
def test_no_query_fails(store: Store, guide: Path, text: str) -> None:
    ingest(store, [guide], actor="ann")
    assert isinstance(search(store, text), tuple)


def test_an_unchanged_file_is_left_alone_and_a_changed_one_replaced(store: Store, guide: Path) -> None:
    assert [(f.status, f.sections) for f in ingest(store, [guide], actor="ann").files] == [("new", 5)]
    assert [(f.status, f.sections) for f in ingest(store, [guide, guide], actor="ann").files] == [("unchanged", 5)]
    guide.write_text("# Now\n\nzebra\n", encoding="utf-8")
    assert [(f.status, f.sections) for f in ingest(store, [guide], actor="bob").files] == [("changed", 1)]
    assert found(store, "zebra") == [(3, "Now")]
    assert found(store, "giraffe") == []
    guide.unlink()
    assert [f.status for f in ingest(store, [guide.parent], actor="ann").files] == ["removed"]
    assert found(store, "zebra") == []
    kinds = [(event.actor, list(event.data)) for event in Events(store).read("documents.ingested")]
    assert kinds == [("ann", ["new"]), ("bob", ["changed"]), ("ann", ["removed"])]


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(store: Store, guide: Path, tmp_path: Path) -> None:
    (guide.parent / "image.md").write_bytes(b"\x89PNG\0\0")
    (guide.parent / "latin.txt").write_bytes(b"one\ntwo \xe9t\xe9\n")
    (guide.parent / "huge.txt").write_bytes(b"x" * (LARGEST + 1))
    (guide.parent / "empty.md").write_bytes(b"")
    (guide.parent / "wide.txt").write_bytes("wide zebra".encode("utf-16"))
    (guide.parent / ".git").mkdir()
    (guide.parent / ".git" / "notes.md").write_text("hidden")
    (tmp_path / "none").mkdir()
    report = ingest(store, [guide.parent, tmp_path / "missing.md", tmp_path / "none"], actor="ann")
    assert sorted(Path(file.path).name for file in report.files) == ["empty.md", "guide.md", "wide.txt"]
    sentences = "\n".join(report.problems)
    for sentence in (
        "huge.txt: is too long", "image.md: is binary", "latin.txt:2: is not UTF-8 text",
        "missing.md: no such file or folder", "none: holds no Markdown",
    ):  # fmt: skip
        assert sentence in sentences
    assert len(report.problems) == 5
    assert found(store, "zebra") == [(1, "")]


def test_a_document_decoded_twice_is_mended(store: Store, seeds: Path) -> None:
    report = ingest(store, [seeds], actor="ann")
    assert report.problems == ()
    mended = {Path(file.path).name for file in report.files if file.mended}
    assert "agent-consolidation.md" in mended
    assert "task-board.md" not in mended
    hit = search(store, "multi-industry agent support via mapping", limit=1)[0]
    assert "✅" in hit.excerpt
    hit = search(store, "analytics playbook steps hook gift permission-aware", limit=1)[0]
    assert (Path(hit.path).name, hit.line) == ("task-board.md", 46)


def test_sound_text_is_not_touched() -> None:
    for text in ("âge, Ärger, façade, ğ", "✅ done", "plain", "naïve café — “quoted”"):
        assert mend(text) == (text, False)


def test_a_search_works_while_another_process_ingests(
    store: Store, guide: Path, in_process: Callable[[str], subprocess.Popen[str]]
) -> None:
    ingest(store, [guide], actor="ann")
    process = in_process(f"""
from pathlib import Path
from knowledge.ingest import ingest
from knowledge.store import Store
for n in range(5):
    Path({str(guide)!r}).write_text(f"# Zebra {{n}}\\n\\ngiraffe\\n")
    ingest(Store(Path({str(store.path)!r})), [Path({str(guide)!r})], actor="bob")
""")
    for _ in range(5):
        assert len(search(store, "giraffe")) == 1
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert found(store, "zebra") == [(1, "Zebra 4")]
