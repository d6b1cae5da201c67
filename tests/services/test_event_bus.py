# SPDX-License-Identifier: AGPL-3.0-only
"""
The event bus with a real broker, a real schema registry and a real database.

Role events are the LMS's, made by the producer that the LMS runs; the consumer is ours, in processes of its own.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from django.db import connections
from edx_event_bus_kafka import create_producer
from openedx_events.learning.signals import STUDENT_REGISTRATION_COMPLETED
from pytest_django import Settings

from edx_exams.apps.core.models import CourseStaffRole
from edx_exams.apps.events.models import FailedEvent, RoleChange
from tests.events.role_events import KEY_FIELD, RoleEvent, added, removed
from tests.services.bus import Bus, ConsumerProcess
from tests.services.databases import Database
from tests.services.kafka import PARTITIONS
from tests.services.mariadb import MariaDB
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.services, pytest.mark.bus]

OUTAGE_SECONDS: Final = 20
TAKEOVER_SECONDS: Final = 5
COURSES: Final = [f"course-v1:Acme+BIO{n}+2026" for n in range(6)]

#: Of someone whom nobody has met yet, given and taken away, each by a thread of its own; then given once more.
TWENTY_AT_ONCE: Final = """
import random, threading
from django.db import connection
from tests.events.role_events import added, removed

barrier = threading.Barrier(20)

def change(event):
    barrier.wait()
    try:
        event.arrive()
    finally:
        connection.close()

events = [(added if minute % 2 else removed)(username="newcomer", minute=minute) for minute in range(20)]
random.shuffle(events)
threads = [threading.Thread(target=change, args=[event]) for event in events]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
added(username="newcomer").arrive()
"""

Consume = Callable[..., ConsumerProcess]


@pytest.fixture(autouse=True)
def _empty(frail_database: Database) -> None:
    connections[frail_database.alias].close()
    for model in (CourseStaffRole, RoleChange, FailedEvent):
        model._default_manager.using(frail_database.alias).all().delete()


@pytest.fixture
def topic(bus: Bus, settings: Settings) -> str:
    """A topic of this test's own, and a process that knows the bus."""
    for name, value in bus.settings.items():
        setattr(settings, name, value)
    name = f"roles-{uuid4().hex[:8]}"
    bus.create_topic(name)
    return name


@pytest.fixture
def consume(bus: Bus, frail_database: Database, topic: str, tmp_path: Path) -> Iterator[Consume]:
    """Starts consumers of the topic in the group `exams`."""
    started: list[ConsumerProcess] = []

    def start(on: Database = frail_database, **options: Any) -> ConsumerProcess:
        log = tmp_path / f"consumer{len(started)}.log"
        started.append(ConsumerProcess(bus, on, log, topic=topic, group=f"exams-{topic}", **options))
        return started[-1]

    yield start
    for consumer in started:
        consumer.kill()


@pytest.fixture
def say(topic: str) -> Callable[..., None]:
    """Sends events as the LMS does, with the bus's own producer, and waits until the broker has them."""

    def send(*events: RoleEvent) -> None:
        producer = create_producer()
        assert producer is not None
        for event in events:
            producer.send(
                signal=event.signal,
                topic=topic,
                event_key_field=KEY_FIELD,
                event_data=event.data,
                event_metadata=event.metadata,
            )
        producer.prepare_for_shutdown()

    return send


def roles(frail_database: Database) -> set[tuple[str, str, str | None]]:
    rows = CourseStaffRole.objects.using(frail_database.alias)
    return set(rows.values_list("user__username", "course_id", "role"))


def expect_roles(frail_database: Database, wanted: set[tuple[str, str, str]]) -> None:
    wait_until(lambda: roles(frail_database) == wanted, f"the roles are {sorted(wanted)}")


def group(topic: str) -> str:
    return f"exams-{topic}"


def offsets(bus: Bus, topic: str) -> dict[int, int]:
    """The group's, where none is as good as the first."""
    return {partition: max(offset, 0) for partition, offset in bus.committed(group(topic), topic).items()}


def test_role_events_of_the_lms_are_followed_from_before_the_first_start_on(
    frail_database: Database, consume: Consume, say: Callable[..., None]
) -> None:
    say(*[added(course_id=course, username=name) for course in COURSES for name in ("ada", "grace")])
    consumer = consume()
    expect_roles(frail_database, {(name, course, "staff") for course in COURSES for name in ("ada", "grace")})

    say(*[removed(course_id=course, username="ada", minute=1) for course in COURSES], added(role="instructor"))
    expect_roles(
        frail_database,
        {("grace", course, "staff") for course in COURSES} | {("ada", added().course_id, "instructor")},
    )
    assert consumer.terminate() == 0


def test_twenty_changes_at_once_are_of_one_person_and_the_last_to_arrive_counts(frail_database: Database) -> None:
    done = frail_database.manage("shell", "-c", TWENTY_AT_ONCE)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr[-3000:]
    assert RoleChange.objects.using(frail_database.alias).count() == 1
    assert roles(frail_database) == {("newcomer", added().course_id, "staff")}


def test_sigterm_hands_the_partitions_to_another_at_once(bus: Bus, topic: str, consume: Consume) -> None:
    first = consume()
    wait_until(lambda: bus.assigned(group(topic)) == [PARTITIONS], "the first has all partitions")
    second = consume()
    wait_until(lambda: len(bus.assigned(group(topic))) == 2, "both are in the group")

    began = time.monotonic()
    assert first.terminate() == 0
    wait_until(lambda: bus.assigned(group(topic)) == [PARTITIONS], "the second has all partitions")
    took = time.monotonic() - began
    print(f"SIGTERM: partitions handed over after {took:.1f} s")
    assert took < TAKEOVER_SECONDS
    assert second.terminate() == 0


def test_an_outage_of_the_database_skips_nothing(
    bus: Bus,
    frail_database: Database,
    frail_mariadb: MariaDB,
    topic: str,
    *,
    consume: Consume,
    say: Callable[..., None],
) -> None:
    # A broker that hears nothing of a member for six seconds would give its partitions away.
    options = {"session.timeout.ms": 6000, "max.poll.interval.ms": 8000}
    consumer = consume(options={"EXAMS_TEST_CONSUMER_OPTIONS": json.dumps(options)})
    say(added(username="before"))
    expect_roles(frail_database, {("before", added().course_id, "staff")})
    wait_until(lambda: sum(offsets(bus, topic).values()) == 1, "what was handled is committed")
    committed = bus.committed(group(topic), topic)

    frail_mariadb.stop()
    try:
        say(*[added(course_id=course) for course in COURSES])
        time.sleep(OUTAGE_SECONDS)
        assert bus.committed(group(topic), topic) == committed, "nothing is committed that was not handled"
        assert bus.assigned(group(topic)) == [PARTITIONS], "the broker keeps the member"
    finally:
        frail_mariadb.start()
        connections[frail_database.alias].close()  # this process's own, which the outage broke

    expect_roles(
        frail_database, {("ada", course, "staff") for course in COURSES} | {("before", added().course_id, "staff")}
    )
    assert not FailedEvent.objects.using(frail_database.alias).exists()
    assert consumer.is_running
    assert consumer.terminate() == 0


def test_a_registry_that_hangs_is_waited_for(
    bus: Bus, frail_database: Database, consume: Consume, say: Callable[..., None]
) -> None:
    say(added())
    bus.registry.freeze()
    try:
        consumer = consume()
        wait_until(lambda: "schema registry did not answer" in consumer.said, "the consumer has asked the registry")
        assert not roles(frail_database)
    finally:
        bus.registry.thaw()
    expect_roles(frail_database, {("ada", added().course_id, "staff")})
    assert not FailedEvent.objects.using(frail_database.alias).exists()


def test_no_message_stops_the_consumer_or_is_lost(
    bus: Bus, frail_database: Database, topic: str, consume: Consume, say: Callable[..., None]
) -> None:
    event = added()
    good, headers = event.value(topic), event.headers

    def without(name: str) -> list[tuple[str, bytes]]:
        return [pair for pair in headers if pair[0] != name]

    def typed(kind: bytes) -> list[tuple[str, bytes]]:
        return [*without("ce_type"), ("ce_type", kind)]

    known_type = STUDENT_REGISTRATION_COMPLETED.event_type.encode()
    unknown_schema = good[:1] + (999_999).to_bytes(4) + good[5:]
    long_name = added(username="a" * 300)
    bad: dict[str, dict[str, Any]] = {
        "not Avro": {"value": b"hello, world", "headers": headers},
        "empty": {"value": b"", "headers": headers},
        "an unknown schema": {"value": unknown_schema, "headers": headers},
        "no ce_type": {"value": good, "headers": without("ce_type")},
        "no ce_id": {"value": good, "headers": without("ce_id")},
        "no headers": {"value": good},
        "truncated": {"value": good[: len(good) // 2], "headers": headers},
        "a tombstone": {"value": None, "headers": headers},
        "an overlong user name": {"value": long_name.value(topic), "headers": long_name.headers},
        "a malformed course key": {"value": good.replace(b"course-v1:", b"course/v1:"), "headers": headers},
        "an unheard-of type": {"value": good, "headers": typed(b"org.example.unheard.of.v1")},
        "another event's type": {"value": good, "headers": typed(known_type)},
        "a header that is no text": {"value": good, "headers": [*without("ce_id"), ("ce_id", b"\xff\xfe")]},
    }  # fmt: skip
    places = bus.put(topic, [{"partition": 0, **message} for message in bad.values()])
    say(added(username="unknown-role", role="beta_testers"), *[added(course_id=course) for course in COURSES])
    consumer = consume()

    expect_roles(frail_database, {("ada", course, "staff") for course in COURSES})
    rows = FailedEvent.objects.using(frail_database.alias)
    wait_until(lambda: rows.count() == len(bad), "each of them is put aside")
    kept = {(row.kafka_partition, row.kafka_offset): row for row in rows}
    for what, place in zip(bad, places, strict=True):
        print(f"{what}: {kept[place].error}: {kept[place].error_text}")
    assert set(kept) == set(places)
    assert "aaaaaaaa" not in consumer.said
    assert consumer.terminate() == 0

    again = consume()
    say(added(username="after"))
    wait_until(lambda: ("after", added().course_id, "staff") in roles(frail_database), "the next message is handled")
    assert set(rows.values_list("delivery_attempts", flat=True)) == {1}, "they were committed"
    assert again.terminate() == 0


def test_an_offset_time_sets_the_group_to_then_and_reads_nothing(
    bus: Bus, frail_database: Database, topic: str, *, consume: Consume, say: Callable[..., None]
) -> None:
    say(*[added(course_id=course) for course in COURSES])
    consumer = consume()
    expect_roles(frail_database, {("ada", course, "staff") for course in COURSES})
    assert consumer.terminate() == 0
    all_read = offsets(bus, topic)
    assert sum(all_read.values()) == len(COURSES)

    CourseStaffRole.objects.using(frail_database.alias).all().delete()
    for hours, wanted in ((-1, dict.fromkeys(all_read, 0)), (1, all_read)):
        then = datetime.now(UTC) + timedelta(hours=hours)
        resetting = consume(extra={"offset_time": then.isoformat()})
        wait_until(partial(_are_offsets, bus, topic, wanted), f"the offsets are {wanted}")
        assert resetting.terminate() == 0
        assert not roles(frail_database)


def _are_offsets(bus: Bus, topic: str, wanted: dict[int, int]) -> bool:
    return offsets(bus, topic) == wanted


def test_a_fatal_error_ends_the_command_with_a_line_and_an_exit_code(bus: Bus, topic: str, consume: Consume) -> None:
    # Two processes with one name: the broker fences the first off, for ever.
    options = {"EXAMS_TEST_CONSUMER_OPTIONS": json.dumps({"group.instance.id": "the-one"})}
    fenced = consume(options=options)
    wait_until(lambda: bus.assigned(group(topic)) == [PARTITIONS], "the first has all partitions")
    consume(options=options)
    assert fenced.wait() == 1
    *_, last = fenced.said.splitlines()
    assert last.startswith(f"CommandError: Consuming {topic} failed: ")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"EXAMS_TEST_REGISTRY": ""}, "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL is not set"),
        ({"EXAMS_TEST_CONSUMER_OPTIONS": '{"no.such.option": 1}'}, "no.such.option"),
    ],
)
def test_a_wrong_setting_ends_the_command_with_a_line_and_an_exit_code(
    consume: Consume, options: dict[str, str], line: str
) -> None:
    consumer = consume(options=options)
    assert consumer.wait() == 1
    *_, last = consumer.said.splitlines()
    assert line in last
    assert "Traceback" not in consumer.said
