"""The relay with a real Redis, and the bus library that production installs for it."""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_django import Settings

from edx_exams.apps.events.deserialization import deserialize
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from edx_exams.apps.events.publishers.redis import RedisPublisher
from edx_exams.apps.events.relay import Relay
from tests.events.owed import KEY_FIELD, TOPIC, due_now, owe, owe_many
from tests.services.ports import HOST, free_port

redis_bus = pytest.importorskip("edx_event_bus_redis", reason="edx-event-bus-redis is installed in production alone")

pytestmark = [
    pytest.mark.bus,
    pytest.mark.services,
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("redis-server") is None, reason="apt-get install redis-server"),
]

_START_SECONDS: Final = 10.0


class Redis:
    """A server without files, on loopback."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--bind", HOST, "--port", str(self.port), "--save", "", "--dir", str(self._directory)],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def entries(self, stream: str) -> list[dict[bytes, bytes]]:
        """What is in a stream, oldest first."""
        from walrus import Database  # noqa: PLC0415

        return [fields for _, fields in Database.from_url(self.url).Stream(stream).range()]

    def _answers(self) -> bool:
        ping = ["redis-cli", "-h", HOST, "-p", str(self.port), "ping"]
        return subprocess.run(ping, capture_output=True).stdout.strip() == b"PONG"


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
    assert "ConnectionError" in event.last_error
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
