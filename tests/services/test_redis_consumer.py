# SPDX-License-Identifier: AGPL-3.0-only
"""The consumer of a real Redis: nothing is lost, whatever fails. Roles are read from the tables."""

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import OperationalError, connection
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro.serializer import serialize_event_data_to_bytes
from openedx_events.learning.signals import COURSE_ACCESS_ROLE_ADDED
from pytest_django import Settings

from edx_exams.apps.core.models import CourseStaffRole
from edx_exams.apps.events import consuming, lease, redis_consumer
from edx_exams.apps.events.models import FailedEvent, RelayLease
from tests.events.role_events import TOPIC, RoleEvent, added, removed
from tests.services.databases import ROOT, Database
from tests.services.redis import Redis
from tests.services.waiting import wait_until

message = pytest.importorskip("edx_event_bus_redis.internal.message", reason="installed in production alone")

pytestmark = [pytest.mark.bus, pytest.mark.services]

GROUP = "exams"

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def redis(tmp_path: Path, settings: Settings) -> Iterator[Redis]:
    server = Redis(tmp_path, "--appendonly", "yes")
    server.start()
    settings.EVENT_BUS_REDIS_CONNECTION_URL = server.url
    yield server
    server.signal(signal.SIGCONT)
    server.stop()


def publish(redis: Redis, *events: RoleEvent) -> list[str]:
    """Add events as the LMS's producer does. Returns the ids of their entries."""
    entries = [
        message.RedisMessage(TOPIC, serialize_event_data_to_bytes(event.data, event.signal), event.metadata)
        for event in events
    ]
    return [redis.client.xadd(TOPIC, entry.to_binary_dict()).decode() for entry in entries]


def people(alias: str = "default") -> list[str]:
    roles = CourseStaffRole.objects.using(alias).order_by("user_id")
    return list(roles.values_list("user__username", flat=True))


def pending(redis: Redis) -> int:
    return int(redis.client.xpending(TOPIC, GROUP)["pending"])


class Consumer(redis_consumer.RedisEventConsumer):
    """Ends when it has read all that there is."""

    def _consume(self) -> None:
        super()._consume()
        if self._has_read_pending and not self.stream.gap() and self._is_through():
            self.stop()

    def _is_through(self) -> bool:
        [group] = self.db.xinfo_groups(TOPIC)
        last = self.db.xinfo_stream(TOPIC)["last-generated-id"]
        return bool(group["last-delivered-id"] == last and group["pending"] == 0)


def consume(**options: object) -> None:
    consumer = Consumer(TOPIC, GROUP, **options)  # type: ignore[arg-type]
    guard = threading.Timer(30, consumer.stop)
    guard.start()
    try:
        consumer.consume_indefinitely()
    finally:
        guard.cancel()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consuming, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(redis_consumer, "_BLOCK_MILLISECONDS", 50)
    monkeypatch.setattr("edx_event_bus_redis.internal.consumer.POLL_FAILURE_SLEEP", 0.1)


@pytest.mark.django_db
class TestInOneProcess:
    def test_a_new_group_begins_with_the_oldest_message_in_order(self, redis: Redis) -> None:
        publish(redis, added(username="ada"), added(username="grace"), removed(username="ada"))
        consume()
        assert people() == ["grace"]
        assert pending(redis) == 0

    def test_an_events_metadata_arrives_whole(self, redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
        publish(redis, added())
        seen: list[EventsMetadata] = []
        COURSE_ACCESS_ROLE_ADDED.connect(look := lambda metadata, **_: seen.append(metadata))
        consume()
        COURSE_ACCESS_ROLE_ADDED.disconnect(look)
        assert seen[0].sourcehost
        assert len(seen[0].sourcelib) == 3
        assert "Missing" not in caplog.text

    def test_a_group_goes_on_where_it_was(self, redis: Redis) -> None:
        publish(redis, added(username="ada"))
        consume()
        CourseStaffRole.objects.all().delete()
        publish(redis, added(username="grace"))
        consume(check_backlog=False, claim_msgs_older_than=1)
        assert people() == ["grace"]

    def test_a_database_that_is_away_is_waited_for_with_nothing_acknowledged(self, redis: Redis) -> None:
        publish(redis, added(username="ada"), added(username="grace"))
        left, seen = 6, []

        def away(execute: Callable[..., object], sql: str, *arguments: object) -> object:
            nonlocal left
            if left and "exams_coursestaffrole" in sql.lower():
                left -= 1
                seen.append(pending(redis))
                raise OperationalError(2006, "Server has gone away")
            return execute(sql, *arguments)

        with connection.execute_wrapper(away):
            consume()
        assert seen
        assert all(seen)
        assert people() == ["ada", "grace"]
        assert not FailedEvent.objects.exists()

    def test_poison_is_stored_and_does_not_stop_the_others(self, redis: Redis) -> None:
        [first] = publish(redis, added(username="ada"))
        redis.client.xadd(TOPIC, {"nonsense": b"\xff\x00"})
        redis.client.xadd(TOPIC, {**message.RedisMessage(TOPIC, b"garbage", added().metadata).to_binary_dict()})
        publish(redis, added(username="grace"))
        consume()
        assert people() == ["ada", "grace"]
        assert pending(redis) == 0
        rows = list(FailedEvent.objects.order_by("pk"))
        assert len(rows) == 2
        assert all(row.stream_id > first and row.kafka_offset is None for row in rows)

    def test_what_other_consumers_left_pending_is_claimed_and_older_changes_are_dropped(
        self, redis: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(redis, added(username="ada"), added(username="grace"))
        client = redis.client
        client.xgroup_create(TOPIC, GROUP, id="0-0")
        client.xreadgroup(GROUP, "dead", {TOPIC: ">"}, count=1)
        client.xreadgroup(GROUP, "edx-exams", {TOPIC: ">"}, count=1)
        publish(redis, removed(username="linus"))
        consume()
        assert people() == ["ada", "grace"]
        assert pending(redis) == 0
        redis.client.xgroup_setid(TOPIC, GROUP, "0-0")
        publish(redis, removed(username="ada"))
        caplog.clear()
        consume()
        consume(last_read_msg_id="0-0")
        assert people() == ["grace"], "the grant that comes again is older than the removal"
        assert "a newer one was applied" in caplog.text

    def test_messages_that_were_trimmed_unread_are_reported(
        self, redis: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(redis, added(username="ada"))
        consume()
        publish(redis, added(username="grace"), added(username="linus"), added(username="alan"))
        redis.client.xtrim(TOPIC, maxlen=1, approximate=False)
        caplog.set_level(logging.ERROR)
        consume()
        assert people() == ["ada", "alan"]
        assert "trimmed before group exams read them: 2 after" in caplog.text

    def test_messages_that_were_trimmed_while_pending_are_reported(
        self, redis: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        [entry] = publish(redis, added(username="ada"))
        redis.client.xgroup_create(TOPIC, GROUP, id="0-0")
        redis.client.xreadgroup(GROUP, "dead", {TOPIC: ">"}, count=1)
        redis.client.xdel(TOPIC, entry)
        publish(redis, added(username="grace"))
        consume()
        assert people() == ["grace"]
        assert f"Message {entry} of {TOPIC} was trimmed while it was pending" in caplog.text

    def test_a_server_that_lost_its_data_gets_the_group_again(
        self, redis: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(redis, added(username="ada"))
        consume()
        consumer = Consumer(TOPIC, GROUP)
        consumer._lease.acquire()
        redis.client.flushall()
        publish(redis, added(username="grace"))
        consumer.consume_indefinitely()
        assert people() == ["ada", "grace"]
        assert "the group is created again" in caplog.text

    def test_a_wrong_password_is_logged_once_and_waited_for(
        self, redis: Redis, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        publish(redis, added(username="ada"))
        redis.client.config_set("requirepass", "right")
        settings.EVENT_BUS_REDIS_CONNECTION_URL = redis.url.replace("redis://", "redis://:wrong-secret@")
        consumer = Consumer(TOPIC, GROUP)
        threading.Timer(1.0, consumer.stop).start()
        consumer.consume_indefinitely()
        lines = [line for line in caplog.messages if "Redis refuses the credentials" in line]
        assert len(lines) == 1
        assert "wrong-secret" not in caplog.text

    def test_a_second_process_is_on_standby(self, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(redis_consumer, "STANDBY_SECONDS", 0.05)
        monkeypatch.setattr(lease, "STANDBY_SECONDS", 0.05)
        publish(redis, added(username="ada"))
        assert lease.Lease(f"consumer {TOPIC} {GROUP}").acquire()
        consumer = Consumer(TOPIC, GROUP)
        threading.Timer(1.0, consumer.stop).start()
        consumer.consume_indefinitely()
        assert people() == []


class TestProcesses:
    """`manage.py consume_events` on MariaDB, killed and stopped."""

    @pytest.fixture
    def start(
        self, redis: Redis, frail_database: Database, tmp_path: Path
    ) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
        for model in (CourseStaffRole, FailedEvent, RelayLease):
            model.objects.using(frail_database.alias).all().delete()
        started: list[subprocess.Popen[bytes]] = []

        def one() -> subprocess.Popen[bytes]:
            with (tmp_path / "consumer.log").open("ab") as output:
                process = subprocess.Popen(
                    [sys.executable, str(ROOT / "manage.py"), "consume_events", "-t", TOPIC, "-g", GROUP],
                    cwd=ROOT,
                    env={**frail_database.process_environment, "EXAMS_TEST_REDIS": redis.url},
                    stdout=output,
                    stderr=output,
                )
            started.append(process)
            return process

        yield one
        for process in started:
            process.kill()
            process.wait()

    def test_killed_again_and_again_it_loses_nothing(
        self, start: Start, redis: Redis, frail_database: Database
    ) -> None:
        names = [f"learner-{n:03}" for n in range(100)]
        alias = frail_database.alias
        publish(redis, *(added(username=name, lms_user_id=500_000 + n) for n, name in enumerate(names)))
        process = start()
        for share in (20, 50):
            wait_until(lambda: CourseStaffRole.objects.using(alias).count() >= share, "some are handled", 180)  # noqa: B023
            process.kill()
            process.wait()
            process = start()
        redis.stop()
        time.sleep(1)
        redis.start()
        wait_until(lambda: CourseStaffRole.objects.using(alias).count() == len(names), "all are handled", 180)
        assert sorted(people(alias)) == names
        wait_until(lambda: pending(redis) == 0, "all are acknowledged")
        process.terminate()
        assert process.wait(timeout=15) == 0
        assert not FailedEvent.objects.using(alias).exists()

    def test_without_redis_it_waits_and_sigterm_ends_it(
        self, start: Start, redis: Redis, frail_database: Database
    ) -> None:
        redis.stop()
        process = start()
        wait_until(
            lambda: RelayLease.objects.using(frail_database.alias).exclude(holder="").exists(), "it has the lease"
        )
        process.terminate()
        assert process.wait(timeout=15) == 0
        redis.start()
