"""Relays on a real database: who is at work, who takes over, and what is sent when things go away."""

import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from django.db import connections

from edx_exams.apps.events.models import OutboxEvent, RelayLease
from tests.events.owed import unsaved
from tests.services.databases import Database, on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.relays import RelayProcess, printed_ids, seconds_until, unsent

pytestmark = [pytest.mark.services, pytest.mark.bus]

#: Seconds within which a spare is at work after the active relay was killed.
TAKE_OVER_SECONDS: Final = 10.0
TAKE_OVERS: Final = 2
KILLS: Final = 3

Start = Callable[[], RelayProcess]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A database server that may be taken away."""
    mine = MariaDB(tmp_path_factory.mktemp("mariadb"))
    mine.start()
    yield mine
    mine.stop()


@pytest.fixture(scope="module")
def database(server: MariaDB) -> Iterator[Database]:
    server.create_database("relay")
    made = on_mariadb(server, "relay")
    made.migrate()
    with made.connected():
        yield made


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "relays.log"


@pytest.fixture
def start(database: Database, server: MariaDB, output: Path) -> Iterator[Start]:
    """Starts relays on an outbox that is empty at first, each until it asks for the lease; kills them in the end."""
    OutboxEvent.objects.using(database.alias).all().delete()
    RelayLease.objects.using(database.alias).all().delete()
    started: list[RelayProcess] = []

    def one() -> RelayProcess:
        before = connected_processes(server)
        started.append(RelayProcess(database, output))
        seconds_until(lambda: connected_processes(server) > before, "the relay has started")
        return started[-1]

    yield one
    for relay in started:
        relay.kill()


def connected_processes(server: MariaDB) -> int:
    return int(server.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE db = 'relay'"))


def owe(database: Database, courses: int, events: int) -> None:
    OutboxEvent.objects.using(database.alias).bulk_create(unsaved(courses, events), batch_size=500)


def assert_complete_and_in_order(database: Database, output: Path) -> int:
    """Each course arrived whole and in order. Returns how many events arrived more than once."""
    printed = printed_ids(output)
    owed = OutboxEvent.objects.using(database.alias).order_by("pk").values_list("key", "event_id")
    by_course: dict[str, list[str]] = {}
    for key, event_id in owed:
        by_course.setdefault(key, []).append(str(event_id))
    for course, ids in by_course.items():
        assert list(dict.fromkeys(event_id for key, event_id in printed if key == course)) == ids
    return len(printed) - len(set(printed))


def test_a_spare_takes_over_within_ten_seconds_after_the_active_relay_is_killed(
    start: Start, database: Database, output: Path, record_property: Callable[[str, object], None]
) -> None:
    active = start()
    seconds_until(lambda: active.holds_the_lease(database), "a relay is at work")
    took: list[float] = []
    for _ in range(TAKE_OVERS):
        spare = start()
        assert active.holds_the_lease(database)
        active.kill()
        owe(database, courses=2, events=1)
        took.append(seconds_until(lambda: not unsent(database), "the spare sends"))
        active = spare
    record_property("take_over_seconds", [round(seconds, 1) for seconds in took])
    print(f"take-over: {', '.join(f'{seconds:.1f} s' for seconds in took)}")
    assert max(took) < TAKE_OVER_SECONDS
    assert assert_complete_and_in_order(database, output) == 0


def test_a_relay_that_is_told_to_end_exits_0_and_its_spare_begins_at_once(start: Start, database: Database) -> None:
    active = start()
    seconds_until(lambda: active.holds_the_lease(database), "a relay is at work")
    spare = start()
    assert active.end() == 0
    assert seconds_until(lambda: spare.holds_the_lease(database), "the spare is at work") < 2.5


def test_an_event_leaves_within_a_second_of_its_commit(start: Start, database: Database) -> None:
    active = start()
    seconds_until(lambda: active.holds_the_lease(database), "a relay is at work")
    for _ in range(5):
        owe(database, courses=1, events=1)
        assert seconds_until(lambda: not unsent(database), "it is sent") < 1


def test_relays_that_are_killed_at_random_lose_nothing_and_keep_the_order(
    start: Start, database: Database, output: Path
) -> None:
    chance = random.Random(20261123)  # noqa: S311  (no secret)
    relays = [start(), start(), start()]
    seconds_until(lambda: any(relay.holds_the_lease(database) for relay in relays), "a relay is at work")
    for _ in range(KILLS):
        owe(database, courses=20, events=15)
        time.sleep(chance.uniform(0, 0.3))
        active = next((relay for relay in relays if relay.holds_the_lease(database)), relays[0])
        active.kill()
        relays[relays.index(active)] = start()
        seconds_until(lambda: any(relay.holds_the_lease(database) for relay in relays), "a relay is at work")
    seconds_until(lambda: not unsent(database), "everything is sent")
    repeated = assert_complete_and_in_order(database, output)
    print(f"{KILLS} kills, {len(printed_ids(output))} messages, {repeated} of them repeated")
    assert repeated <= KILLS * 20  # one event a course for each death


def test_a_relay_that_was_paused_for_longer_than_its_lease_stands_back(
    start: Start, database: Database, output: Path
) -> None:
    paused = start()
    seconds_until(lambda: paused.holds_the_lease(database), "a relay is at work")
    spare = start()
    paused.send_signal(signal.SIGSTOP)
    seconds_until(lambda: spare.holds_the_lease(database), "the spare is at work")
    owe(database, courses=5, events=10)
    paused.send_signal(signal.SIGCONT)
    seconds_until(lambda: not unsent(database), "everything is sent")
    time.sleep(2)
    assert spare.holds_the_lease(database)
    assert assert_complete_and_in_order(database, output) == 0
    assert "Another relay has taken over" in output.read_text(encoding="utf-8")


def test_a_database_that_restarts_is_waited_for(
    start: Start, database: Database, server: MariaDB, output: Path
) -> None:
    relay = start()
    seconds_until(lambda: relay.holds_the_lease(database), "a relay is at work")
    owe(database, courses=20, events=20)
    server.stop()
    time.sleep(3)
    server.start()
    connections[database.alias].close()  # ours broke too
    seconds_until(lambda: not unsent(database), "everything is sent")
    assert_complete_and_in_order(database, output)
    assert relay.end() == 0
