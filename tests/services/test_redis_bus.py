# SPDX-License-Identifier: AGPL-3.0-only
"""The relay with a real Redis, and the bus library that production installs for it."""

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from edx_exams.apps.events.deserialization import deserialize
from edx_exams.apps.events.faults import Fault
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from edx_exams.apps.events.publishers.redis import RedisPublisher
from edx_exams.apps.events.relay import Relay
from tests.events.owed import KEY_FIELD, TOPIC, due_now, owe, owe_many
from tests.services.redis import Redis

redis_bus = pytest.importorskip("edx_event_bus_redis", reason="edx-event-bus-redis is installed in production alone")

pytestmark = [
    pytest.mark.bus,
    pytest.mark.services,
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt-get install redis-server"),
]


@pytest.fixture
def redis(tmp_path: Path, settings: Settings) -> Iterator[Redis]:
    """A server that the settings name."""
    server = Redis(tmp_path)
    server.start()
    settings.EVENT_BUS_REDIS_CONNECTION_URL = server.url
    yield server
    server.signal(signal.SIGCONT)
    server.stop()


@pytest.fixture
def publisher(redis: Redis) -> Iterator[RedisPublisher]:
    publisher = RedisPublisher()
    yield publisher
    publisher.close()


def test_entries_are_those_of_the_librarys_own_producer(publisher: RedisPublisher, redis: Redis) -> None:
    event = deserialize(owe())
    stock: Any = redis_bus.create_producer()
    stock.send(
        signal=event.signal,
        topic=TOPIC,
        event_key_field=KEY_FIELD,
        event_data=event.data,
        event_metadata=event.metadata,
    )
    assert Relay(publisher).run_once()
    theirs, ours = redis.entries(TOPIC)
    assert ours == theirs


def test_a_backlog_arrives_whole(publisher: RedisPublisher, redis: Redis) -> None:
    owe_many(courses=20, events=10)
    assert Relay(publisher).run_once()
    assert not OutboxEvent.objects.exclude(state=OutboxState.published).exists()
    assert len(redis.entries(TOPIC)) == 200


def test_a_server_that_is_down_leaves_the_event_in_the_outbox(publisher: RedisPublisher, redis: Redis) -> None:
    event = owe()
    redis.stop()
    Relay(publisher).run_once()
    event.refresh_from_db()
    assert (event.state, event.delivery_attempts) == (OutboxState.pending, 1)
    assert event.last_error.startswith(Fault.REDIS_UNREACHABLE)
    redis.start()
    time.sleep(1.1)  # so long is a server that failed left alone
    due_now()
    Relay(publisher).run_once()
    event.refresh_from_db()
    assert event.state == OutboxState.published
    assert len(redis.entries(TOPIC)) == 1


def test_a_server_that_hangs_holds_up_the_relay_for_seconds_at_most(publisher: RedisPublisher, redis: Redis) -> None:
    owe_many(courses=100, events=1)
    redis.signal(signal.SIGSTOP)
    began = time.monotonic()
    Relay(publisher).run_once()
    assert time.monotonic() - began < 15
    assert set(OutboxEvent.objects.values_list("state", "delivery_attempts")) == {(OutboxState.pending, 1)}


def test_a_wrong_password_is_named_in_the_row_and_in_no_log(
    tmp_path: Path, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    server = Redis(tmp_path, "--requirepass", "right")
    server.start()
    settings.EVENT_BUS_REDIS_CONNECTION_URL = server.url.replace("redis://", "redis://:wrong-secret@")
    publisher = RedisPublisher()
    event = owe()
    Relay(publisher).run_once()
    publisher.close()
    server.stop()
    event.refresh_from_db()
    assert event.last_error.startswith(Fault.REDIS_CREDENTIALS)
    assert "wrong-secret" not in caplog.text + event.last_error
