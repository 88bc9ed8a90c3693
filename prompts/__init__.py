"""The words that a model reads, as files beside this one; `render` is the only way to them.

A file is a Jinja template named `NAME.md`. An unknown name, a variable that the file does not use, and one that it
uses and was not given are all errors: a prompt with a hole in it must not reach a model.
"""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent


class PromptError(LookupError):
    """A prompt that is not there, or was given other variables than it uses: a fault in the program, not the user's."""


def names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.md")))


def render(name: str, **variables: object) -> str:
    """The prompt `name` with exactly its variables filled in."""
    from jinja2 import Environment, StrictUndefined, meta

    if name not in names():
        raise PromptError(f"no prompt {name!r} (known: {', '.join(names())})")
    text = (_FOLDER / f"{name}.md").read_text(encoding="utf-8")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=False, trim_blocks=True)  # noqa: S701
    used = meta.find_undeclared_variables(environment.parse(text))
    if used != set(variables):
        missing, unused = sorted(used - set(variables)), sorted(set(variables) - used)
        raise PromptError(f"prompt {name!r}: missing variables {missing}, unknown variables {unused}")
    return environment.from_string(text).render(variables)
