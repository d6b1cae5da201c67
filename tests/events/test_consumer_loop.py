# SPDX-License-Identifier: AGPL-3.0-only
"""The consumer's loop: what is committed and when, what is waited for, how it ends."""

import re
from collections.abc import Callable, Iterator
from typing import Any, override

import pytest
from confluent_kafka import KafkaError, Message, Producer
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from edx_event_bus_kafka.internal import consumer as stock
from openedx_events.event_bus import make_single_consumer
from openedx_events.learning.signals import COURSE_ACCESS_ROLE_ADDED
from pytest_django import Settings

from edx_exams.apps.core.models import CourseStaffRole
from edx_exams.apps.events import consuming
from edx_exams.apps.events.consumer import KafkaEventConsumer
from edx_exams.apps.events.consuming import ConsumerFailed
from edx_exams.apps.events.models import FailedEvent
from tests.events.kafka_client import KafkaClient, message
from tests.events.role_events import TOPIC, added
from tests.mockbus import MockBus, SchemaRegistry

pytestmark = pytest.mark.django_db

Run = Callable[[dict[int, list[Message]]], "Running"]


class Running(KafkaEventConsumer):
    """Our consumer with a client that needs no broker; it ends when all was read."""

    client: KafkaClient

    def __init__(self, client: KafkaClient) -> None:
        self.client = client
        client.idle = self.stop
        super().__init__(TOPIC, "exams")

    @override
    def _create_consumer(self) -> Any:
        return self.client


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consuming, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(stock, "POLL_FAILURE_SLEEP", 0.02)


@pytest.fixture
def registry(settings: Settings) -> Iterator[SchemaRegistry]:
    with SchemaRegistry() as running:
        settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
        settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = running.url
        yield running


@pytest.fixture
def reading(registry: SchemaRegistry) -> Run:
    """A consumer of a log, which has not begun yet."""
    return lambda log: Running(KafkaClient(log))


@pytest.fixture
def outage() -> Iterator[Callable[[int], None]]:
    """Takes the database away for so many statements."""
    left = 0

    def away(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise OperationalError(2006, "Server has gone away")
        return execute(*arguments)

    def begin(statements: int) -> None:
        nonlocal left
        left = statements

    with connection.execute_wrapper(away):
        yield begin
        begin(0)


def people() -> list[str]:
    return list(CourseStaffRole.objects.order_by("user_id").values_list("user__username", flat=True))


def log_of(*names: str) -> list[Message]:
    return [message(added(username=name), offset) for offset, name in enumerate(names)]


def test_each_message_is_committed_when_it_is_done(reading: Run) -> None:
    consumer = reading({0: log_of("ada", "grace", "linus")})
    committed = []
    COURSE_ACCESS_ROLE_ADDED.connect(look := lambda **_: committed.append(consumer.client.committed[0]))
    consumer.consume_indefinitely()
    COURSE_ACCESS_ROLE_ADDED.disconnect(look)
    assert people() == ["ada", "grace", "linus"]
    assert committed == [0, 1, 2]
    assert consumer.client.committed == {0: 3}
    assert consumer.client.is_closed


def test_a_database_that_is_away_is_waited_for_with_nothing_skipped_or_committed(
    reading: Run, outage: Callable[[int], None]
) -> None:
    consumer = reading({0: log_of("ada", "grace"), 1: [message(added(username="linus"), 0, partition=1)]})
    outage(3)
    during: list[dict[int, int]] = []
    consumer.client.in_pause = lambda: during.append(dict(consumer.client.committed))
    consumer.consume_indefinitely()
    assert during
    assert all(committed == {0: 0, 1: 0} for committed in during)
    assert consumer.client.polls_in_pause > 3, "the broker hears of us all the while"
    assert people() == ["ada", "grace", "linus"]
    assert consumer.client.committed == {0: 2, 1: 1}
    assert not FailedEvent.objects.exists()


def test_a_message_that_cannot_be_handled_is_committed_when_it_is_put_aside(
    reading: Run, outage: Callable[[int], None]
) -> None:
    consumer = reading({0: [message(added(), 0, value=b"garbage"), *log_of("ada", "grace")[1:]]})
    outage(2)  # even the row of a failed event is waited for
    consumer.consume_indefinitely()
    assert people() == ["grace"]
    assert FailedEvent.objects.get().kafka_offset == 0
    assert consumer.client.committed == {0: 2}


def test_a_message_whose_partition_was_lost_meanwhile_is_left_to_its_new_owner(
    reading: Run, outage: Callable[[int], None]
) -> None:
    consumer = reading({0: log_of("ada"), 1: [message(added(username="linus"), 0, partition=1)]})
    outage(1)

    def rebalance() -> None:
        consumer.client.in_pause = lambda: None
        consumer.client.lose(0)

    consumer.client.in_pause = rebalance
    consumer.consume_indefinitely()
    assert people() == ["linus"]
    assert consumer.client.committed == {0: 0, 1: 1}


def test_what_a_rebalance_hands_out_during_a_wait_is_not_lost(reading: Run, outage: Callable[[int], None]) -> None:
    consumer = reading({0: log_of("ada"), 1: [message(added(username="linus"), 0, partition=1)]})
    consumer.client.mine = {0}
    outage(1)

    def rebalance() -> None:
        consumer.client.in_pause = lambda: None
        consumer.client.gain(1)  # not paused yet, so this very poll hands out its message

    consumer.client.in_pause = rebalance
    consumer.consume_indefinitely()
    assert sorted(people()) == ["ada", "linus"]
    assert consumer.client.committed == {0: 1, 1: 1}


def test_stopped_while_it_waits_it_ends_and_commits_nothing(reading: Run, outage: Callable[[int], None]) -> None:
    consumer = reading({0: log_of("ada")})
    outage(10**6)
    consumer.client.in_pause = consumer.stop
    consumer.consume_indefinitely()
    assert consumer.client.committed == {0: 0}
    assert consumer.client.is_closed


def test_an_error_of_the_broker_that_may_pass_is_waited_for(reading: Run) -> None:
    consumer = reading({0: log_of("ada")})
    consumer.client.errors = [KafkaError(KafkaError._ALL_BROKERS_DOWN), KafkaError(KafkaError._MAX_POLL_EXCEEDED)]
    consumer.consume_indefinitely()
    assert people() == ["ada"]


@pytest.mark.parametrize(
    "error",
    [
        KafkaError(KafkaError._FATAL, "fenced"),
        KafkaError(KafkaError.INVALID_MSG, "whatever", fatal=True),
        KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED),
        KafkaError(KafkaError.GROUP_AUTHORIZATION_FAILED),
    ],
    ids=["beyond use", "fatal", "topic", "group"],
)
def test_an_error_that_does_not_pass_ends_it_and_leaves_the_group(error: KafkaError, reading: Run) -> None:
    consumer = reading({0: log_of("ada")})
    consumer.client.errors = [error]
    with pytest.raises(ConsumerFailed, match=re.escape(error.str())):
        consumer.consume_indefinitely()
    assert consumer.client.is_closed


def test_so_many_errors_in_a_row_as_a_setting_says_end_it(
    reading: Run, settings: Settings, outage: Callable[[int], None]
) -> None:
    settings.EVENT_BUS_KAFKA_CONSUMER_CONSECUTIVE_ERRORS_LIMIT = 3
    consumer = reading({0: log_of("ada")})
    outage(10**6)
    with pytest.raises(ConsumerFailed, match="3 errors in a row"):
        consumer.consume_indefinitely()
    assert consumer.client.committed == {0: 0}


def test_the_switch_of_the_bus_keeps_it_from_reading(reading: Run, settings: Settings) -> None:
    settings.EVENT_BUS_KAFKA_CONSUMERS_ENABLED = False
    consumer = reading({0: log_of("ada")})
    consumer.consume_indefinitely()
    assert people() == []


@pytest.mark.exhaustive
def test_on_the_wire_a_new_group_reads_from_the_beginning_and_commits_what_is_done(
    mock_bus: MockBus, settings: Settings
) -> None:
    for name, value in mock_bus.settings.items():
        setattr(settings, name, value)
    settings.EVENT_BUS_TOPIC_PREFIX = "test"
    bad = {"value": b"garbage", "headers": added().headers}
    _put(mock_bus, f"test-{TOPIC}", [*[_raw(name) for name in ("ada", "grace")], bad, _raw("linus")])
    consumer = make_single_consumer(topic=TOPIC, group_id="exams")
    assert isinstance(consumer, KafkaEventConsumer)

    def stop(**event: Any) -> None:
        if event["course_access_role_data"].user.pii.username == "linus":
            consumer.stop()

    COURSE_ACCESS_ROLE_ADDED.connect(stop)
    consumer.consume_indefinitely()
    COURSE_ACCESS_ROLE_ADDED.disconnect(stop)
    assert people() == ["ada", "grace", "linus"]
    assert FailedEvent.objects.get().topic == f"test-{TOPIC}"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"EVENT_BUS_CONSUMER": None}, "EVENT_BUS_CONSUMER must be"),
        ({"EVENT_BUS_CONSUMER": "no.such.Consumer"}, "EVENT_BUS_CONSUMER must be"),
        ({"EVENT_BUS_CONSUMER": "builtins.dict"}, "is not an EventBusConsumer"),
        ({"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": None}, "SCHEMA_REGISTRY_URL is not set"),
        ({"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": None}, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS is not set"),
    ],
)
@pytest.mark.filterwarnings("ignore:Cannot configure event-bus-kafka")
def test_the_command_says_in_a_line_which_setting_is_wrong(
    changes: dict[str, Any], problem: str, registry: SchemaRegistry, settings: Settings
) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=problem) as failure:
        call_command("consume_events", "-t", TOPIC, "-g", "exams")
    assert "\n" not in str(failure.value)
    assert failure.value.returncode == 1


@pytest.mark.parametrize("extra", ["{", "[]", '{"topic": "other"}', '{"offset_time": "yesterday"}', '{"what": 1}'])
def test_the_command_refuses_what_it_cannot_pass_on(extra: str, registry: SchemaRegistry) -> None:
    with pytest.raises(CommandError):
        call_command("consume_events", "-t", TOPIC, "-g", "exams", "--extra", extra)


def test_a_consumer_of_nothing_cannot_be_made(settings: Settings) -> None:
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = None
    with pytest.raises(ImproperlyConfigured):
        KafkaEventConsumer(TOPIC, "exams")


def _raw(name: str) -> dict[str, Any]:
    event = added(username=name)
    return {"key": event.course_id.encode(), "value": event.value(f"test-{TOPIC}"), "headers": event.headers}


def _put(bus: MockBus, topic: str, messages: list[dict[str, Any]]) -> None:
    """Into one partition, so that their order is certain."""
    producer = Producer({"bootstrap.servers": bus.bootstrap_servers, "log_level": 0})
    for content in messages:
        producer.produce(topic, partition=0, **content)
    assert producer.flush(10) == 0
