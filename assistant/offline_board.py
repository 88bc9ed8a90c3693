"""What the offline planner understands of the task board."""

from __future__ import annotations

import re

from assistant.offline_rules import Data, Rule, made, plain, rule, words

_STATUS = r"(?P<status>to[ -]?do|not started|open|in progress|doing|started|done|finished|cancelled|canceled)"
_NAMES = {
    "todo": "todo", "notstarted": "todo", "open": "todo", "inprogress": "doing", "doing": "doing", "started": "doing",
    "done": "done", "finished": "done", "cancelled": "cancelled", "canceled": "cancelled",
}  # fmt: skip
_ID = r"(?P<id>[\w.#]*\d[\w.]*)"
_FIELDS = r"(?P<field>priority|notes?|due(?: date)?|estimate|dependencies)"


def _status(match: re.Match[str]) -> str:
    return _NAMES[re.sub(r"[\s-]", "", match["status"].lower())]


def _bulk(match: re.Match[str]) -> Data:
    found = match.groupdict()
    name = plain("text", found["text"])
    wanted: Data = {"section": name.removeprefix("section ")} if name.startswith("section ") else {"text": name}
    if found.get("owner"):
        wanted["set_owner"] = plain("owner", found["owner"])
    return wanted | ({"set_status": _status(match)} if found.get("status") else {})


def _one(match: re.Match[str]) -> Data:
    return {"task": plain("task", match["id"]), "status": _status(match)}


def _field(match: re.Match[str]) -> Data:
    name = {"due date": "due", "note": "notes", "dependencies": "depends"}.get(match["field"].lower(), match["field"])
    return {"task": plain("task", match["id"]), name.lower(): plain("text", match["value"])}


def _split(match: re.Match[str]) -> Data:
    into = match["into"]
    parts = re.split(r"\s*;\s*", into) if ";" in into else re.split(r"\s*,\s*|\s+and\s+", into)
    return {"task": plain("task", match["id"]), "into": [plain("text", part) for part in parts if part.strip()]}


def _import(match: re.Match[str]) -> Data:
    keep = match.groupdict().get("keep")
    return {"path": plain("path", match["path"])} | ({"keep": {"*": keep.lower()}} if keep else {})


BOARD_SLASH: tuple[Rule, ...] = (
    rule(r"^/board\s+ready\b", ("board_ready", {})),
    rule(r"^/board\s+blocked\b", ("board_blocked", {})),
    made(r"^/board\s+import\s+(?P<path>\S+)(?:\s+keep\s+(?P<keep>board|file))?", "board_import", _import),
    words(r"^/board\s+export\s+(?P<path>.+)", "export_board", path="path"),
    words(r"^/board\s+set\s+(?P<id>\S+)\s+(?P<status>\w+)", "board_update", task="id", status="status"),
    words(r"^/board\s+assign\s+(?P<id>\S+)\s+(?P<owner>.+)", "board_update", task="id", owner="owner"),
    words(r"^/board\s+task\s+(?P<id>.+)", "board_task", task="id"),
    made(r"^/board\s+split\s+(?P<id>\S+)\s+(?P<into>.+)", "board_split", _split),
    words(r"^/board\s+move\s+(?P<id>\S+)\s+(?P<section>.+)", "board_move", task="id", section="section"),
    words(r"^/board\s+add\s+(?P<section>\S+)\s+(?P<text>.+)", "board_add", section="section", description="text"),
    rule(r"^/board\s+questions\b", ("board_questions", {})),
    rule(r"^/board\s+undo\b", ("board_undo", {})),
    rule(r"^/board\s+follow\b", ("board_follow", {})),
    rule(r"^/board\s+roadmap\b", ("board_roadmap", {})),
    words(r"^/board\s+compare\s+(?P<path>\S+)", "board_compare", path="path"),
    rule(r"^/board\s+(?:idle|workload)\b", ("board_workload", {})),
    words(r"^/board\s+history(?:\s+(?P<id>\S+))?", "board_history", task="id"),
    words(r"^/board\s+(?P<view>kanban|tree|mermaid)\b", "board_view", view="view"),
    rule(r"^/board\s+critical\b", ("board_view", {"view": "critical_path"})),
    rule(r"^/board\b", ("board_show", {})),
)
"""Before any other rule: the first word says what is meant."""

BOARD_RULES: tuple[Rule, ...] = (
    words(r"(?:export|write|save) the (?:task )?board (?:to|as|in) (?P<path>\S+)", "export_board", path="path"),
    rule(r"\bboard from (?:the |this )?plan\b|\btasks? from (?:the |this )?plan\b", ("board_import", {})),
    made(r"(?:import|merge|read in) (?:the )?(?:task )?board (?:from )?(?P<path>\S+)"
         r"(?:,? (?:and )?keep (?:what )?the (?P<keep>board|file)\b)?", "board_import", _import),
    words(r"\bwhy (?:is|are) (?:task |the )?(?!step\b)(?P<id>.+?) (?:still )?(?:blocked|waiting|not ready)\b",
          "board_task", task="id"),
    words(r"\bwhat (?:blocks|is blocking|holds up) (?:task )?(?P<id>.+)", "board_task", task="id"),
    words(r"\bwhat does (?:task )?(?!step\b)(?P<id>.+?) (?:wait for|unblock|free|depend on)\b",
          "board_task", task="id"),
    words(r"\b(?:show|describe|details of|tell me about) task (?P<id>.+)", "board_task", task="id"),
    rule(r"\bwho (?:has|have) nothing to do\b|\bwho is (?:idle|free)\b|\bworkload\b|\bwho has what\b",
         ("board_workload", {})),
    made(r"^(?:please )?assign (?:all )?(?:the |of the )?(?P<text>.+?) tasks? to (?P<owner>[^\s,]+)"
         rf"(?:,? and (?:set|mark|put) (?:them|it|all) (?:to |as |in )?{_STATUS})?\W*$", "board_bulk", _bulk),
    made(rf"^(?:please )?(?:set|mark|put) (?:all )?(?:the |of the )?(?P<text>.+?) tasks? (?:to |as |in )?{_STATUS}\W*$",
         "board_bulk", _bulk),
    made(rf"\b(?:set|mark|put|move) (?:task )?{_ID} (?:to |as |in )?{_STATUS}\W*$", "board_update", _one),
    made(rf"\bset (?:the )?{_FIELDS} of (?:task )?{_ID} to (?P<value>.+)", "board_update", _field),
    made(rf"\bset (?:task )?{_ID} {_FIELDS} (?:to )?(?P<value>.+)", "board_update", _field),
    made(rf"\b(?P<field>note) (?:on|for) (?:task )?{_ID}: ?(?P<value>.+)", "board_update", _field),
    made(rf"\b(?:task )?{_ID} is (?P<field>due) (?:on |by )?(?P<value>.+)", "board_update", _field),
    words(r"assign (?:task )?(?P<id>\S+) to (?P<owner>.+)", "board_update", task="id", owner="owner"),
    made(rf"\b(?:claim|i(?:'ll| will)? take) (?:task )?{_ID}", "board_update",
         lambda match: {"task": plain("task", match["id"]), "owner": "me"}),
    made(rf"\bcancel (?:task )?{_ID}", "board_update",
         lambda match: {"task": plain("task", match["id"]), "status": "cancelled"}),
    made(rf"\bsplit (?:task )?{_ID} (?:into|in) (?P<into>.+)", "board_split", _split),
    words(rf"\bmove (?:task )?{_ID} (?:to|into) section (?P<section>.+?)(?: before (?P<before>\S+))?$", "board_move",
          task="id", section="section", before="before"),
    words(r"\badd (?:a |the )?(?:new )?task (?P<text>.+?) (?:to|in) section (?P<section>.+?)"
          r"(?:,? (?:after|waiting for|which waits for) (?P<depends>.+))?$", "board_add",
          description="text", section="section", depends="depends"),
    words(rf"\banswer {_ID} [\"'](?P<text>.+?)[\"'](?: with|:)? (?P<choice>.+)", "board_answer",
          task="id", text="text", choice="choice"),
    rule(r"\bwhat is (?:unclear|odd)\b|\b(?:open )?questions (?:on|of|about) the board\b|\bboard questions\b",
         ("board_questions", {})),
    rule(r"\bundo (?:that |it )?(?:on the board|the (?:last )?(?:board )?change|the (?:last )?assignment)\b"
         r"|\btake back the last (?:board )?change\b", ("board_undo", {})),
    words(rf"\b(?:history of (?:task )?|who changed (?:task )?){_ID}", "board_history", task="id"),
    rule(r"\bhistory of the board\b|\bboard history\b|\bwho changed (?:what|the board)\b", ("board_history", {})),
    words(r"\bcompare (?:the |our )?(?:generated )?roadmap (?:with|to|against) (?P<path>\S+)",
          "board_compare", path="path"),
    rule(r"\b(?:make|write|generate|create)\b.*\broadmap\b|\bboard from (?:the )?gaps?\b", ("board_roadmap", {})),
    rule(r"\bbring the board in step\b|\bupdate the board from the run\b|\bfollow the run\b", ("board_follow", {})),
    rule(r"\bcritical path\b", ("board_view", {"view": "critical_path"})),
    rule(r"\bkanban\b", ("board_view", {"view": "kanban"})),
    rule(r"\bmermaid\b", ("board_view", {"view": "mermaid"})),
    rule(r"\b(?:dependency tree|tree of dependencies)\b", ("board_view", {"view": "tree"})),
    rule(r"\bmy tasks\b|\bwhat (?:do i have to do|am i doing)\b", ("board_show", {"owner": "me"})),
    words(r"\b(?:tasks of|what does) (?P<owner>[^\s?]+)(?: have to do| do)?\W*$", "board_show", owner="owner"),
    made(rf"\bwhat(?:'s| is) {_STATUS}\W*$", "board_show", lambda match: {"status": _status(match)}),
    words(r"\bwhat is in section (?P<section>.+)", "board_show", section="section"),
    rule(r"\bwhat can (?:i|we|be) start(?:ed)?\b", ("board_ready", {})),
)  # fmt: skip
"""Before the rules on schemas and runs, which take shorter words such as `undo` and `status` as their own."""
