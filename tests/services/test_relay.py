# SPDX-License-Identifier: AGPL-3.0-only
"""Relays on a real database: who is at work, and who stands back. What is sent when they die: `test_faults`."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connections

from edx_exams.apps.events.models import OutboxEvent, RelayLease
from tests.events.owed import unsaved
from tests.services.databases import Database
from tests.services.mariadb import MariaDB
from tests.services.relays import RelayProcess, printed_ids, unsent
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.bus]


Start = Callable[[], RelayProcess]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "relays.log"


@pytest.fixture
def start(frail_database: Database, frail_mariadb: MariaDB, output: Path) -> Iterator[Start]:
    """Starts relays on an outbox that is empty at first, each until it asks for the lease; kills them in the end."""
    OutboxEvent.objects.using(frail_database.alias).all().delete()
    RelayLease.objects.using(frail_database.alias).all().delete()
    started: list[RelayProcess] = []

    def one() -> RelayProcess:
        before = connected_processes(frail_mariadb)
        started.append(RelayProcess(frail_database, output))
        wait_until(lambda: connected_processes(frail_mariadb) > before, "the relay has started")
        return started[-1]

    yield one
    for relay in started:
        relay.kill()


def connected_processes(frail_mariadb: MariaDB) -> int:
    return int(frail_mariadb.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'bus'"))


def owe(frail_database: Database, courses: int, events: int) -> None:
    OutboxEvent.objects.using(frail_database.alias).bulk_create(unsaved(courses, events), batch_size=500)


def assert_complete_and_in_order(frail_database: Database, output: Path) -> int:
    """Each course arrived whole and in order. Returns how many events arrived more than once."""
    printed = printed_ids(output)
    owed = OutboxEvent.objects.using(frail_database.alias).order_by("pk").values_list("key", "event_id")
    by_course: dict[str, list[str]] = {}
    for key, event_id in owed:
        by_course.setdefault(key, []).append(str(event_id))
    for course, ids in by_course.items():
        assert list(dict.fromkeys(event_id for key, event_id in printed if key == course)) == ids
    return len(printed) - len(set(printed))


def test_a_relay_that_is_told_to_end_exits_0_and_its_spare_begins_at_once(
    start: Start, frail_database: Database
) -> None:
    active = start()
    wait_until(lambda: active.holds_the_lease(frail_database), "a relay is at work")
    standby = start()
    assert active.end() == 0
    assert wait_until(lambda: standby.holds_the_lease(frail_database), "the standby is at work") < 2.5


def test_an_event_leaves_within_a_second_of_its_commit(start: Start, frail_database: Database) -> None:
    active = start()
    wait_until(lambda: active.holds_the_lease(frail_database), "a relay is at work")
    for _ in range(5):
        owe(frail_database, courses=1, events=1)
        assert wait_until(lambda: not unsent(frail_database), "it is sent") < 1


def test_a_relay_that_was_paused_for_longer_than_its_lease_stands_back(
    start: Start, frail_database: Database, output: Path
) -> None:
    paused = start()
    wait_until(lambda: paused.holds_the_lease(frail_database), "a relay is at work")
    standby = start()
    paused.send_signal(signal.SIGSTOP)
    wait_until(lambda: standby.holds_the_lease(frail_database), "the standby is at work")
    owe(frail_database, courses=5, events=10)
    paused.send_signal(signal.SIGCONT)
    wait_until(lambda: not unsent(frail_database), "everything is sent")
    time.sleep(2)
    assert standby.holds_the_lease(frail_database)
    assert assert_complete_and_in_order(frail_database, output) == 0
    assert "Another relay has taken over" in output.read_text(encoding="utf-8")


def test_courses_that_differ_in_case_alone_are_two(start: Start, frail_database: Database, output: Path) -> None:
    # To MySQL's collation they are one; it sorts and groups by it.
    rows = unsaved(courses=2, events=30)
    for place, row in enumerate(rows):
        row.key = row.key.replace("BIO", "bio") if place % 3 == 0 else row.key
        row.data["exam_attempt"]["course_key"] = row.key
    OutboxEvent.objects.using(frail_database.alias).bulk_create(rows)
    start()
    wait_until(lambda: not unsent(frail_database), "everything is sent")
    assert_complete_and_in_order(frail_database, output)
    assert len({key for key, _ in printed_ids(output)}) == 4


def test_a_database_that_restarts_is_waited_for(
    start: Start, frail_database: Database, frail_mariadb: MariaDB, output: Path
) -> None:
    relay = start()
    wait_until(lambda: relay.holds_the_lease(frail_database), "a relay is at work")
    owe(frail_database, courses=20, events=20)
    frail_mariadb.stop()
    time.sleep(3)
    frail_mariadb.start()
    connections[frail_database.alias].close()  # ours broke too
    wait_until(lambda: not unsent(frail_database), "everything is sent")
    assert_complete_and_in_order(frail_database, output)
    assert relay.end() == 0
