"""kill -9 anywhere, a cut connection, a server gone, a full disk, a second executor: a resumed run ends as an
uninterrupted one does, and nothing happens twice. A sample; the whole of it is `make prove`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import cluster
from tests.migrate.kit import Desk, contents, make_people, opened
from tests.places import target_of
from tests.prove.crashes import Point, Verb, attempt, matrix, matrix_plan
from tests.prove.disk import limited
from tests.prove.faults import Scene, cut, faults_at, race, restarted, sizes
from tests.prove.zygote import Zygote
from tools.location import Dialect
from tools.migrate.journal import Journal
from tools.migrate.verify import verify

SAMPLE = 3


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as made:
        yield made


@pytest.mark.parametrize("verb", ["apply", "rollback"])
@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_a_run_killed_anywhere_ends_as_an_uninterrupted_one(
    dialect: Dialect, verb: Verb, tmp_path: Path, zygote: Zygote, request: pytest.FixtureRequest
) -> None:
    with target_of(dialect, tmp_path, lambda: request.getfixturevalue("postgres_server")) as target:
        report = matrix(target, tmp_path, verb, zygote, sample=SAMPLE, seed=7)
    assert not report.failures, "\n".join(report.failures)
    assert report.points == SAMPLE
    assert report.killed, "some points lie after the end; not all of them"


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb", "postgres"])
def test_a_run_cut_off_in_a_backfill_can_be_rolled_back(
    dialect: Dialect, tmp_path: Path, zygote: Zygote, request: pytest.FixtureRequest
) -> None:
    home = tmp_path / "home"
    with target_of(dialect, tmp_path, lambda: request.getfixturevalue("postgres_server")) as target:
        make_people(target.location, notes=dialect != "duckdb")
        plan, origin, whole = matrix_plan(target), contents(target.location), target.copy(target.location)
        course = zygote.call(attempt, plan, whole, tmp_path / "whole", "apply", None, None).value
        second = [n for n, name in enumerate(course.boundaries) if name.startswith("batch ")][1]
        assert zygote.call(attempt, plan, target.location, home, "apply", Point("boundary", second), course).signal == 9
        with opened(target.location) as backend:
            cut_off = Journal(backend).entries(Journal(backend).runs()[-1].id)[-1]
        assert (cut_off.state, cut_off.done) == ("started", 40)
        Desk(home).roll_back(target.location)
        assert contents(target.location) == origin
        assert verify(target.location).ok


def test_the_connection_is_cut(tmp_path: Path, zygote: Zygote) -> None:
    with cluster() as server, target_of("postgres", tmp_path, lambda: server.url) as target:
        scene = Scene(target, tmp_path, zygote)
        found = list(faults_at(scene, range(3, len(scene.course.boundaries), 25), cut, server.url))
    assert not [amiss for _, amiss in found if amiss]
    assert all(noticed for noticed, _ in found[:-1])


def test_the_server_goes_down_and_comes_again(tmp_path: Path, zygote: Zygote) -> None:
    with cluster() as server, target_of("postgres", tmp_path, lambda: server.url) as target:
        scene = Scene(target, tmp_path, zygote)
        batch = next(n for n, name in enumerate(scene.course.boundaries) if name.startswith("batch_written"))
        found = list(faults_at(scene, [batch], restarted, server))
    assert found == [(True, "")]


@pytest.mark.parametrize("dialect", ["sqlite", "duckdb"])
def test_the_disk_is_full(dialect: Dialect, tmp_path: Path, zygote: Zygote) -> None:
    with target_of(dialect, tmp_path, str) as target:
        scene = Scene(target, tmp_path, zygote, rows=2_000)
        found = list(faults_at(scene, sizes(scene, 3), limited))
    assert not [amiss for _, amiss in found if amiss]
    assert any(noticed for noticed, _ in found)


def test_two_executors_race(tmp_path: Path, zygote: Zygote) -> None:
    with Zygote() as others, target_of("sqlite", tmp_path, str) as target:
        scene = Scene(target, tmp_path, zygote)
        assert [race(scene, others, number, together=bool(number % 2)) for number in range(4)] == [""] * 4
