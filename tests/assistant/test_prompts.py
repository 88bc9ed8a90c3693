"""Prompts: a hole in one never reaches a model."""

from __future__ import annotations

import pytest

import prompts

WHOLE = {"current": "a", "desired": "b", "plan": "p", "answers": "none", "send_rows": "no"}


def test_a_prompt_with_its_variables() -> None:
    text = prompts.render("system", **WHOLE)
    assert "- current schema: a" in text
    assert "{{" not in text


@pytest.mark.parametrize(
    ("name", "variables", "sentence"),
    [
        ("sytem", WHOLE, "no prompt 'sytem'"),
        ("system", {**WHOLE, "extra": 1}, r"unknown variables \['extra'\]"),
        ("system", {"current": "a"}, r"missing variables \['answers', 'desired', 'plan', 'send_rows'\]"),
    ],
)
def test_an_unknown_name_or_variable_is_an_error(name: str, variables: dict[str, object], sentence: str) -> None:
    with pytest.raises(prompts.PromptError, match=sentence):
        prompts.render(name, **variables)


def test_every_prompt_parses() -> None:
    from jinja2 import Environment, meta

    for name in prompts.names():
        text = (prompts._FOLDER / f"{name}.md").read_text(encoding="utf-8")
        assert meta.find_undeclared_variables(Environment().parse(text)) <= set(WHOLE)
