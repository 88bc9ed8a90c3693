"""What people ask of a plan's steps: dangers, locks, time, what if one is left out, and changes of the plan."""

from __future__ import annotations

import re

from assistant.offline_rules import Data, made, rule, words

NUMBERS = {"one": 1, "a": 1, "single": 1, "two": 2, "three": 3, "four": 4, "five": 5}
_STEP = r"\bstep (?:number |no\.? ?)?(?P<step>\d+|\w+(?:\.\w+)+)\b"
_END = r"\b(?P<step>last|first) step\b"
_EFFECTS = r"\b(?:lock|block|touch|rewrit|wait|danger|risk|hazard|safe|harm|impact|do to|affect|fire|keep)\w*"
_LONG = r"\b(?:how long|how much time|takes?|slow\w*|duration)\b"
_ASKS = r"^(?:and |so )?(?:does|do|is|are|which|what|how|who|will|would|when|where)\b"
_FOR = r"(?P<n>\d+(?:\.\d+)?|half an?|an?|one)\s*(?P<unit>ms|milli\w*|s|secs?|seconds?)\b"
_HOLD = r"(?:lock|block|hold|held|wait|kept out|stop)\w*"


def _releases(match: re.Match[str]) -> Data:
    word = match["n"].lower()
    return {"how": "releases", "number": NUMBERS.get(word, int(word) if word.isdigit() else 2)}


def _milliseconds(match: re.Match[str]) -> Data:
    number = match["n"].lower()
    amount = 0.5 if number.startswith("half") else 1.0 if number in ("a", "an", "one") else float(number)
    return {"how": "short_locks", "milliseconds": amount * (1 if match["unit"].lower().startswith("m") else 1000)}


def _batches(match: re.Match[str]) -> Data:
    rows = int(re.sub(r"\D", "", match["rows"]) or 0) * (1000 if match["k"] else 1)
    return {"how": "smaller_batches", "rows": rows}


_ROWS = r"(?P<rows>\d[\d,._]*)(?P<k>k)?\b"

STEP_RULES = (
    words(rf"\bwhy\b.*?{_STEP}.*?\b(?:before|after|behind|wait|need)\w*.*?\b(?:step )?"
          r"(?P<other>\d+|\w+(?:\.\w+)+)\b",
          "why_after", step="step", other="other"),
    # A step that is left out, before what else is asked of a step.
    words(rf"\b(?:skip|leave|omit|without|need|don't|do not)\w*\b.*?{_STEP}", "what_if_skipped", step="step"),
    words(rf"\b(?:skip|leave|omit|without|need)\w*\b.*?{_END}", "what_if_skipped", step="step"),
    words(rf"{_STEP} (?:is |was |were |be )?(?:skipped|left out|omitted|needed|necessary|not (?:run|done))\b",
          "what_if_skipped", step="step"),
    words(rf"\b(?:is|was|were) {_STEP} (?:really )?(?:needed|necessary)\b", "what_if_skipped", step="step"),
    # What one step does, and what all of them do.
    words(rf"{_EFFECTS}.*?{_STEP}", "step_effects", step="step"),
    words(rf"{_LONG}.*?{_STEP}", "step_effects", step="step"),
    words(rf"{_ASKS}.*?{_STEP}.*?(?:{_EFFECTS}|{_LONG})", "step_effects", step="step"),
    words(rf"{_ASKS}.*?{_END}.*?(?:{_EFFECTS}|{_LONG})", "step_effects", step="step"),
    rule(rf"{_ASKS}.*\bsteps?\b.*\b(?:danger|risk|hazard|harm|unsafe|careful)\w*|\bhazards\b|"
         r"\b(?:danger|risk)\w* steps\b", ("rank_steps", {"by": "hazards"})),
    rule(rf"{_ASKS}(?!.*\b(?:task|board|gap)).*\b(?:lock|block(?!ed\b))\w*|\blongest lock\b",
         ("rank_steps", {"by": "locks"})),
    rule(r"\bsteps? .*\b(?:long|slow)\w*|\bslow\w* steps?\b|"
         r"\bhow long (?:will|does|would|is) (?:it|this|the plan|all)\b",
         ("rank_steps", {"by": "time"})),
    rule(r"\bsteps? (?:are |is )?(?:for|by|of) (?:people|a person|us|me|humans)\b|"
         r"\bsteps?\b.*\b(?:humans?|by hand)\b|\bmanual steps?\b|\bfeature flags?\b|"
         r"\bwhat (?:do|must|should) (?:we|i|people) (?:have to )?(?:do|deploy)\b", ("rank_steps", {"by": "people"})),
    # Another plan in place of this one.
    made(r"\b(?P<n>\w+)[ -](?:releases?|deploy(?:ment)?s|rounds)\b", "change_plan", _releases),
    made(rf"\bbatch(?:es)?(?: size)?(?: of| to|=|:)?(?: at most| only)? {_ROWS}", "change_plan", _batches),
    made(rf"{_ROWS}(?: rows?)? (?:a|per|each|in a|at a) (?:batch|time)\b", "change_plan", _batches),
    rule(r"\bsmaller batch|\bbatch\w*(?: size)? smaller\b|\b(?:reduce|shrink|lower|halve) (?:the )?batch",
         ("change_plan", {"how": "smaller_batches"})),
    made(rf"\b{_HOLD}\b.*?{_FOR}", "change_plan", _milliseconds),
    made(rf"\b{_FOR}.*?\b{_HOLD}\b", "change_plan", _milliseconds),
    rule(r"\bwhat (?:did|has) (?:that|this|it|the change) change|\bwhat (?:is|was) changed in the plan\b|"
         r"\bdifferen\w* (?:between|of|from|to) the (?:two )?plans?\b|\b(?:show|see)\b.*\bdiff\b",
         ("change_plan", {"how": "compare"})),
    rule(r"\b(?:keep|take|back to) the (?:old|former|previous|earlier) plan\b|\bthe plan before\b",
         ("change_plan", {"how": "the_plan_before"})),
    rule(r"\bwhy\b.*\border\b|\bin (?:this|that) order\b|\bexplain the order\b|\bshow (?:me )?the (?:plan|steps)\b|"
         r"\bwhy\b.*\b(?:first|last|at the (?:very )?end)\b", ("show_plan", {})),
    words(rf"(?:show|explain|what)\b.*{_END}", "explain_step", step="step"),
    words(rf"(?:show|explain|what (?:does|is)|why)(?: me)?(?: is| do we have)? {_STEP}", "explain_step", step="step"),
)  # fmt: skip
"""The order matters, as in all rules: the first that fits speaks."""
