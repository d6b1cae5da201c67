# SPDX-License-Identifier: AGPL-3.0-only
"""Operators' settings of the event bus, and the ones that result."""

import copy
import logging
from typing import Any

import pytest
from django.db import IntegrityError
from edx_event_bus_kafka.internal.producer import ProducingContext, record_producing_error
from openedx_events.learning.data import ExamAttemptData
from openedx_events.learning.signals import EXAM_ATTEMPT_RESET, EXAM_ATTEMPT_SUBMITTED, EXAM_ATTEMPT_VERIFIED
from pytest_django import Settings

from edx_exams.apps.events.checks import check_outcomes, check_producer, check_relay
from edx_exams.apps.events.publishers import publisher_class
from edx_exams.apps.events.publishers.kafka import KafkaPublisher
from edx_exams.apps.events.publishers.log import LogPublisher
from edx_exams.apps.events.publishers.redis import RedisPublisher
from edx_exams.settings.event_bus import KAFKA_CONSUMER, OUTBOX_PRODUCER, REDIS_CONSUMER, apply_event_bus_overrides
from tests.events.owed import TOPIC, event_data
from tests.factories import UserFactory, submitted_attempt


@pytest.mark.parametrize(
    ("theirs", "relay_producer", "consumer"),
    [
        (
            {
                "EVENT_BUS_PRODUCER": "edx_event_bus_kafka.create_producer",
                "EVENT_BUS_CONSUMER": "edx_event_bus_kafka.KafkaEventConsumer",
            },
            "edx_event_bus_kafka.create_producer",
            KAFKA_CONSUMER,
        ),
        (
            {
                "EVENT_BUS_PRODUCER": "edx_event_bus_redis.create_producer",
                "EVENT_BUS_CONSUMER": "edx_event_bus_redis.RedisEventConsumer",
            },
            "edx_event_bus_redis.create_producer",
            REDIS_CONSUMER,
        ),
        (
            {"EVENT_BUS_PRODUCER": "edx_event_bus_redis.create_producer"},
            "edx_event_bus_redis.create_producer",
            REDIS_CONSUMER,
        ),
        ({"EVENT_BUS_CONSUMER": "my.bus.Consumer"}, None, "my.bus.Consumer"),
        (
            {"EVENT_BUS_PRODUCER": "edx_event_bus_kafka.create_producer", "EVENT_BUS_RELAY_PRODUCER": "log"},
            "log",
            KAFKA_CONSUMER,
        ),
        ({"EVENT_BUS_PRODUCER": None}, None, KAFKA_CONSUMER),
        ({}, None, KAFKA_CONSUMER),
    ],
)
def test_the_buss_own_classes_are_put_where_they_belong(
    theirs: dict[str, Any], relay_producer: str | None, consumer: str
) -> None:
    settings = {"EVENT_BUS_PRODUCER": OUTBOX_PRODUCER, "EVENT_BUS_RELAY_PRODUCER": None, **theirs}
    apply_event_bus_overrides(settings)
    assert settings["EVENT_BUS_PRODUCER"] == OUTBOX_PRODUCER
    assert settings["EVENT_BUS_RELAY_PRODUCER"] == relay_producer
    assert settings["EVENT_BUS_CONSUMER"] == consumer


@pytest.mark.parametrize(
    ("name", "publisher"),
    [
        ("kafka", KafkaPublisher),
        ("edx_event_bus_kafka.create_producer", KafkaPublisher),
        ("redis", RedisPublisher),
        ("edx_event_bus_redis.create_producer", RedisPublisher),
        ("log", LogPublisher),
        ("edx_exams.apps.events.publishers.log.LogPublisher", LogPublisher),
        (None, LogPublisher),
    ],
)
def test_the_relay_finds_its_publisher_by_any_of_its_names(
    settings: Settings, name: str | None, publisher: type
) -> None:
    settings.EVENT_BUS_RELAY_PRODUCER = name
    assert publisher_class() is publisher


def test_where_kafka_is_configured_the_relay_uses_it(settings: Settings) -> None:
    settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "kafka.example.org:9092"
    assert publisher_class() is KafkaPublisher


@pytest.mark.filterwarnings("ignore:Cannot configure event-bus-kafka", "ignore:edx_event_bus_kafka.create_producer")
def test_a_producer_that_is_not_the_outbox_is_an_error(settings: Settings) -> None:
    settings.EVENT_BUS_PRODUCER = "edx_event_bus_kafka.create_producer"
    assert [message.id for message in check_producer(None)] == ["edx_exams.events.E001"]


def test_a_relay_without_a_publisher_is_an_error(settings: Settings) -> None:
    settings.EVENT_BUS_RELAY_PRODUCER = "edx_event_bus_carrier_pigeon.create_producer"
    assert [message.id for message in check_relay(None)] == ["edx_exams.events.E002"]


def test_a_deployment_that_only_logs_its_events_is_warned(settings: Settings) -> None:
    assert check_relay(None) == []
    settings.REFUSE_PLACEHOLDER_SECRETS = True
    assert [message.id for message in check_relay(None)] == ["edx_exams.events.W001"]
    settings.EVENT_BUS_RELAY_PRODUCER = "log"
    assert check_relay(None) == []


def test_a_deployment_whose_configuration_owes_an_outcome_to_no_topic_is_warned(settings: Settings) -> None:
    config = copy.deepcopy(settings.EVENT_BUS_PRODUCER_CONFIG)
    config[EXAM_ATTEMPT_SUBMITTED.event_type][TOPIC]["enabled"] = False
    del config[EXAM_ATTEMPT_RESET.event_type]
    settings.EVENT_BUS_PRODUCER_CONFIG = config
    assert check_outcomes(None) == []
    settings.REFUSE_PLACEHOLDER_SECRETS = True
    told = [message for message in check_outcomes(None) if message.id == "edx_exams.events.W002"]
    assert len(told) == 2
    assert EXAM_ATTEMPT_SUBMITTED.event_type in told[0].msg
    assert EXAM_ATTEMPT_RESET.event_type in told[1].msg


@pytest.mark.parametrize("path", ["exam_attempt.course", "attempt.course_key", "exam_attempt.course_key.run", ""])
def test_a_key_that_an_outcome_does_not_have_is_an_error(settings: Settings, path: str) -> None:
    config = copy.deepcopy(settings.EVENT_BUS_PRODUCER_CONFIG)
    config[EXAM_ATTEMPT_VERIFIED.event_type][TOPIC]["event_key_field"] = path
    settings.EVENT_BUS_PRODUCER_CONFIG = config
    assert [message.id for message in check_outcomes(None)] == ["edx_exams.events.E003"]


@pytest.mark.django_db
def test_what_the_bus_library_logs_of_a_failure_names_nobody(caplog: pytest.LogCaptureFixture) -> None:
    learner = UserFactory.create()
    data = event_data(learner)
    context = ProducingContext(signal=EXAM_ATTEMPT_SUBMITTED, event_data=data, event_data_as_json=str(data))
    with caplog.at_level(logging.DEBUG):
        record_producing_error(ValueError(f"{learner.email} is no id"), context)
    assert "record_producing_error failed (EventProductionException" in caplog.text
    assert learner.email not in caplog.text
    assert learner.username not in caplog.text


@pytest.mark.django_db
def test_what_a_receiver_of_an_event_says_as_it_fails_names_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def quote(exam_attempt: ExamAttemptData, **_: Any) -> None:
        message = f"Duplicate entry {exam_attempt.student_user.pii.email}"
        raise IntegrityError(1062, message)

    EXAM_ATTEMPT_SUBMITTED.connect(quote)
    try:
        with caplog.at_level(logging.DEBUG):
            learner = submitted_attempt().user
    finally:
        EXAM_ATTEMPT_SUBMITTED.disconnect(quote)
    assert "failed (IntegrityError 1062, test_event_bus_settings.py:" in caplog.text
    assert learner.email not in caplog.text
