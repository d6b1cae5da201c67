# SPDX-License-Identifier: AGPL-3.0-only
"""Kafka: the relay sends what edx-event-bus-kafka would have sent, and keeps it until the broker has it."""

import time
from collections.abc import Iterator

import pytest
from edx_event_bus_kafka import create_producer
from openedx_events.learning.signals import (
    EXAM_ATTEMPT_ERRORED,
    EXAM_ATTEMPT_REJECTED,
    EXAM_ATTEMPT_RESET,
    EXAM_ATTEMPT_SUBMITTED,
    EXAM_ATTEMPT_VERIFIED,
)
from pytest_django import Settings

from edx_exams.apps.events.deserialization import deserialize
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from edx_exams.apps.events.publishers.kafka import KafkaPublisher
from edx_exams.apps.events.relay import Relay
from tests.events.owed import KEY_FIELD, TOPIC, due_now, owe, owe_many
from tests.factories import UserFactory
from tests.mockbus import MockBus

pytestmark = pytest.mark.django_db

SIGNALS = (
    EXAM_ATTEMPT_SUBMITTED,
    EXAM_ATTEMPT_VERIFIED,
    EXAM_ATTEMPT_REJECTED,
    EXAM_ATTEMPT_ERRORED,
    EXAM_ATTEMPT_RESET,
)


@pytest.fixture
def kafka(settings: Settings, mock_bus: MockBus, request: pytest.FixtureRequest) -> None:
    """Kafka is configured, with topics of the test's own."""
    for name, value in mock_bus.settings.items():
        setattr(settings, name, value)
    settings.EVENT_BUS_TOPIC_PREFIX = f"t{abs(hash(request.node.name))}"


@pytest.fixture
def publisher(kafka: None) -> Iterator[KafkaPublisher]:
    publisher = KafkaPublisher()
    yield publisher
    publisher.close()


def full_topic(settings: Settings) -> str:
    return f"{settings.EVENT_BUS_TOPIC_PREFIX}-{TOPIC}"


def test_key_value_headers_and_subjects_are_the_librarys(
    publisher: KafkaPublisher, mock_bus: MockBus, settings: Settings
) -> None:
    learner, staff = UserFactory.create(), UserFactory.create()
    for signal in SIGNALS:
        owe(1, learner=learner, requesting_user=staff if signal is EXAM_ATTEMPT_RESET else None, signal=signal)
    rows = list(OutboxEvent.objects.order_by("pk"))
    stock = create_producer()
    for event in map(deserialize, rows):
        stock.send(
            signal=event.signal,
            topic=TOPIC,
            event_key_field=KEY_FIELD,
            event_data=event.data,
            event_metadata=event.metadata,
        )
    stock.prepare_for_shutdown()
    subjects = dict(mock_bus.registry.subjects)

    assert Relay(publisher).run_once()

    messages = mock_bus.messages(full_topic(settings), at_least=2 * len(SIGNALS))
    theirs, ours = messages[: len(SIGNALS)], messages[len(SIGNALS) :]
    assert ours == theirs
    assert [message.headers["ce_type"] for message in ours] == [signal.event_type for signal in SIGNALS]
    assert mock_bus.registry.subjects == subjects


@pytest.mark.exhaustive
def test_many_courses_arrive_whole_and_in_order(
    publisher: KafkaPublisher, mock_bus: MockBus, settings: Settings
) -> None:
    owe_many(courses=40, events=5)
    assert Relay(publisher).run_once()
    assert not OutboxEvent.objects.exclude(state=OutboxState.published).exists()
    by_course: dict[bytes, list[str]] = {}
    for message in mock_bus.messages(full_topic(settings), at_least=200):
        by_course.setdefault(message.key, []).append(message.event_id)
    rows = OutboxEvent.objects.order_by("pk").values_list("key", "event_id")
    owed: dict[str, list[str]] = {}
    for key, event_id in rows:
        owed.setdefault(key, []).append(str(event_id))
    assert sorted(by_course.values()) == sorted(owed.values())


class TestTheRegistry:
    @pytest.fixture(autouse=True)
    def _recovers(self, mock_bus: MockBus) -> Iterator[None]:
        yield
        mock_bus.registry.recover()

    def test_one_that_hangs_holds_up_nobody_for_long(
        self, publisher: KafkaPublisher, mock_bus: MockBus, settings: Settings
    ) -> None:
        settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT = 0.2
        owe_many(courses=30, events=1)
        mock_bus.registry.hang()
        begun = time.monotonic()
        Relay(publisher).run_once()
        assert time.monotonic() - begun < 2
        assert set(OutboxEvent.objects.values_list("state", "delivery_attempts")) == {(OutboxState.pending, 1)}
        assert all("schema registry" in error for error in OutboxEvent.objects.values_list("last_error", flat=True))

    @pytest.mark.usefixtures("kafka")
    def test_what_it_kept_from_being_sent_is_sent_when_it_is_back(
        self, mock_bus: MockBus, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("edx_exams.apps.events.publishers.kafka._REGISTRY_PAUSE_SECONDS", 0.0)
        publisher = KafkaPublisher()
        event = owe()
        mock_bus.registry.down()
        Relay(publisher).run_once()
        mock_bus.registry.recover()
        due_now()
        Relay(publisher).run_once()
        event.refresh_from_db()
        assert (event.state, event.delivery_attempts) == (OutboxState.published, 2)
        publisher.close()

    def test_it_is_not_needed_for_schemas_that_it_was_told_of(
        self, publisher: KafkaPublisher, mock_bus: MockBus
    ) -> None:
        owe(1)
        Relay(publisher).run_once()
        mock_bus.registry.hang()
        event = owe(2)
        Relay(publisher).run_once()
        event.refresh_from_db()
        assert event.state == OutboxState.published


@pytest.mark.exhaustive
def test_a_broker_that_is_away_leaves_the_event_in_the_outbox_with_the_reason(
    settings: Settings, mock_bus: MockBus, kafka: None
) -> None:
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
    settings.EVENT_BUS_RELAY_KAFKA_OPTIONS = {"delivery.timeout.ms": 300}
    event = owe()
    publisher = KafkaPublisher()
    Relay(publisher).run_once()
    publisher.close()
    event.refresh_from_db()
    assert (event.state, event.delivery_attempts) == (OutboxState.pending, 1)
    assert "timed out" in event.last_error


def test_no_option_makes_an_acknowledgement_worthless(settings: Settings, kafka: None, mock_bus: MockBus) -> None:
    settings.EVENT_BUS_RELAY_KAFKA_OPTIONS = {"acks": 0, "enable.idempotence": False}
    event = owe()
    publisher = KafkaPublisher()
    Relay(publisher).run_once()
    publisher.close()
    event.refresh_from_db()
    assert event.state == OutboxState.published
    assert publisher._options["acks"] == "all"
