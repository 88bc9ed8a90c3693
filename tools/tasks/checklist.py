"""The developer checklist follows the tasks: an item is done once all that makes it true is."""

from __future__ import annotations

import re
from dataclasses import replace

from tools.tasks.model import Board, CheckItem
from tools.tasks.roadmap_words import FOLLOWS


def with_checklist(before: Board, after: Board) -> Board:
    """The board with those items set for which the work between the two states decided: done with the last of their
    tasks, and no longer done when one of them is taken up again. What a person has set otherwise stays."""
    if not any(item.status != "cancelled" for item in after.checklist):
        return after
    items = tuple(_followed(before, after, item) for item in after.checklist)
    return after if items == after.checklist else replace(after, checklist=items)


def _followed(before: Board, after: Board, item: CheckItem) -> CheckItem:
    titles = next((re.compile(its, re.I) for said, its in FOLLOWS if re.search(said, item.text, re.I)), None)
    if titles is None or item.status == "cancelled":
        return item
    was, now = _all_done(before, titles), _all_done(after, titles)
    return item if was == now else replace(item, status="done" if now else "todo")


def _all_done(board: Board, titles: re.Pattern[str]) -> bool:
    tasks = [task for section in board.sections if titles.search(section.title) for task in section.tasks]
    return any(task.status == "done" for task in tasks) and not any(task.open for task in tasks)
