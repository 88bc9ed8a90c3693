"""Text broken at words, in whatever pieces it comes."""

from __future__ import annotations

import pytest

from assistant.wrap import WordWrap


def shown(text: str, width: int = 20, piece: int = 1) -> str:
    parts: list[str] = []
    lines = WordWrap(parts.append, width)
    for at in range(0, len(text), piece):
        lines.feed(text[at : at + piece])
    lines.end()
    return "".join(parts)


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_lines_end_between_words(piece: int) -> None:
    text = "The plan has 19 steps: analyse 1, expand 10."
    assert shown(text, piece=piece) == "The plan has 19\nsteps: analyse 1,\nexpand 10."


def test_lines_of_the_text_and_their_indents_stay() -> None:
    assert shown("one\n\n  two three four five\nsix") == "one\n\n  two three four\n  five\nsix"
    assert shown("a  b   c") == "a  b   c"


def test_a_word_longer_than_the_line_stays_whole() -> None:
    assert shown("see https://example.org/a/very/long/path now") == "see\nhttps://example.org/a/very/long/path\nnow"


def test_wide_letters_count_twice() -> None:
    assert shown("数据库 数据库 数据库", width=13) == "数据库 数据库\n数据库"


def test_nothing_is_written_for_nothing() -> None:
    assert shown("") == ""
