from __future__ import annotations

import pytest

from knowledge.events import Events
from knowledge.store import Store


@pytest.fixture
def events(store: Store) -> Events:
    log = Events(store)
    for number in range(5):
        log.append("step.done" if number % 2 else "step.started", {"step": number, "näme": "ü"}, actor="ann")
    return log


def test_what_is_appended_is_read_in_order(events: Events) -> None:
    read = events.read()
    assert [event.seq for event in read] == [1, 2, 3, 4, 5]
    assert read[1].data == {"step": 1, "näme": "ü"}
    assert (read[1].kind, read[1].actor, read[1].at.tzname()) == ("step.done", "ann", "UTC")
    assert [event.seq for event in events.read("step.done")] == [2, 4]
    assert [event.seq for event in events.read("step.*", after=2, limit=2)] == [3, 4]
    assert [event.seq for event in events.latest(2)] == [4, 5]
    assert events.read("nothing") == ()


def test_a_sound_log_has_nothing_to_say(events: Events) -> None:
    assert events.check_chain() is None


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("UPDATE event SET data = '{}' WHERE seq = 3", "event 3 was changed"),
        ("UPDATE event SET actor = 'eve' WHERE seq = 5", "event 5 was changed"),
        ("UPDATE event SET moment = moment + INTERVAL 1 SECOND WHERE seq = 1", "event 1 was changed"),
        ("DELETE FROM event WHERE seq = 2", "event 2 is missing"),
        ("UPDATE event SET hash = 'x' WHERE seq = 2", "event 2 was changed"),
        ("UPDATE event SET prev_hash = 'x' WHERE seq = 4", "event 4 does not follow event 3"),
    ],
)
def test_damage_shows(events: Events, store: Store, damage: str, sentence: str) -> None:
    with store.open() as connection:
        connection.execute(damage)
    assert sentence in (events.check_chain() or "")


def test_data_that_is_not_json_is_refused_before_anything_is_written(events: Events) -> None:
    with pytest.raises(TypeError):
        events.append("bad", {"value": object()}, actor="ann")
    assert len(events.read()) == 5
