"""One HTML page of a run for the team: complete in itself, without script and network."""

from __future__ import annotations

from pathlib import Path

from tools.report.collect import Facts
from tools.report.pictures import gantt, schema_difference

TEMPLATE = Path(__file__).with_name("page.html")


def render(facts: Facts) -> str:
    """The page as text. Names from the database are escaped."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(undefined=StrictUndefined, autoescape=True, trim_blocks=False)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        facts=facts, verdict=_verdict(facts),
        steps=list(zip(facts.entries, facts.consents, strict=True)),
        gantt=Markup(gantt(facts.plan, facts.entries)), schema=Markup(schema_difference(facts.before, facts.after)),
    )  # fmt: skip


def _verdict(facts: Facts) -> str:
    state = {"running": "unfinished", "done": "done", "rolled_back": "rolled back", "abandoned": "abandoned"}
    return f"{state[facts.run.state]}, {'proven' if facts.proof.ok else 'NOT proven'}"
