# SPDX-License-Identifier: AGPL-3.0-only
"""From a learner's request to the LMS: the API, the outbox, the relay, Kafka, and the consumer that the LMS runs."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from edx_event_bus_kafka import create_producer
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer
from openedx_events.tooling import OpenEdxPublicSignal
from pytest_django import Settings

from edx_exams.apps.events.models import OutboxEvent
from tests.services.bus import BROKER_SECONDS, Bus
from tests.services.courses import STAFF, Course, act, reset
from tests.services.databases import ROOT, Database
from tests.services.kafka import PARTITIONS
from tests.services.relays import RelayProcess
from tests.services.server import Service
from tests.services.waiting import PATIENCE_SECONDS, wait_until

pytestmark = [pytest.mark.services, pytest.mark.bus]

TOPIC: Final = "learning-exam-attempt-lifecycle"
GROUP: Final = "lms"
PREFIX: Final = "org.openedx.learning.exam.attempt"


@pytest.fixture(scope="module")
def service(frail_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(frail_database, tmp_path_factory.mktemp("service") / "log", workers=2)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def lms(bus: Bus, tmp_path: Path) -> Iterator[Path]:
    """The LMS's consumer; what it heard, line by line."""
    heard = tmp_path / "heard"
    heard.touch()
    bus.create_topic(TOPIC)
    with (tmp_path / "lms.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "django", "consume_events", "-t", TOPIC, "-g", GROUP],
            cwd=ROOT,
            env=_environment(bus, DJANGO_SETTINGS_MODULE="tests.services.lms_project.settings", LMS_HEARD=str(heard)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # It begins with what is said from now on, so it must be listening first.
    wait_until(lambda: bus.assigned(GROUP) == [PARTITIONS], f"the LMS listens:\n{(tmp_path / 'lms.log').read_text()}")
    yield heard
    process.kill()
    process.wait(PATIENCE_SECONDS)


@pytest.fixture
def relay(bus: Bus, frail_database: Database, tmp_path: Path) -> Iterator[RelayProcess]:
    """At work on an outbox that is empty at first."""
    OutboxEvent.objects.using(frail_database.alias).all().delete()
    process = RelayProcess(frail_database, tmp_path / "relay.log", bus.environment)
    yield process
    process.kill()


def test_the_lms_hears_every_outcome_as_if_we_had_sent_it_ourselves(
    bus: Bus,
    frail_database: Database,
    service: Service,
    lms: Path,
    *,
    relay: RelayProcess,
    settings: Settings,
) -> None:
    told = [_course_with_all_outcomes(service) for _ in range(3)]

    wait_until(lambda: len(lms.read_text().splitlines()) >= sum(map(len, told)), "the LMS has heard of everything")
    heard = [json.loads(line) for line in lms.read_text().splitlines()]
    for course in told:
        assert [event for event in heard if event["course"] == course[0]["course"]] == [
            {**event, "id": found["id"]}
            for event, found in zip(course, (e for e in heard if e["course"] == course[0]["course"]), strict=True)
        ]
    rows = OutboxEvent.objects.using(frail_database.alias)
    wait_until(lambda: not rows.exclude(state="published").exists(), "all is booked as published")
    assert {event["id"] for event in heard} == {str(row.event_id) for row in rows}
    assert relay.end() == 0

    # The same events once more, straight through the bus's own producer: nothing of them differs on the wire.
    relayed = {_id(message): message for message in _messages(bus)}
    subjects = _subjects(bus)
    for name, value in bus.settings.items():
        setattr(settings, name, value)
    producer = create_producer()
    assert producer is not None
    for row in rows:
        event_signal = OpenEdxPublicSignal.get_signal_by_type(row.event_type)
        producer.send(
            signal=event_signal,
            topic=TOPIC,
            event_key_field="exam_attempt.course_key",
            event_data=AvroSignalDeserializer(event_signal).from_dict(row.data),
            event_metadata=_metadata(row.metadata),
        )
    producer.prepare_for_shutdown()
    direct = {_id(message): message for message in _messages(bus)}  # the later of two with one id
    assert direct.keys() == relayed.keys()
    for event_id, message in relayed.items():
        other = direct[event_id]
        assert message.offset() != other.offset()
        assert _content(message) == _content(other)
    assert _subjects(bus) == subjects


def _course_with_all_outcomes(service: Service) -> list[dict[str, Any]]:
    """Learners and staff do all that the LMS must hear of; what it must hear of each course, in this order."""
    course = Course(service)
    exam = course.exam()
    told = []

    def tell(outcome: str, learner: Any, requested_by: int | None) -> None:
        told.append(
            {
                "type": f"{PREFIX}.{outcome}.v1",
                "id": None,
                "learner": [learner.lms_user_id, learner.username],
                "course": course.id,
                "content": exam.content_id,
                "exam_type": "timed",
                "requested_by": requested_by,
            }
        )

    first, second = course.learner(), course.learner()
    attempt = course.attempt(exam, first, "start", "submit")
    tell("submitted", first, first.lms_user_id)
    service.expect(act(STAFF, attempt, "verify"), 200)
    tell("verified", first, None)
    service.expect(act(STAFF, attempt, "reject"), 200)
    tell("rejected", first, None)
    course.attempt(exam, second, "start", "error")
    tell("errored", second, None)
    service.expect(reset(STAFF, attempt), 204)
    tell("reset", first, STAFF.lms_user_id)
    return told


def _environment(bus: Bus, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **bus.environment, **more}


def _messages(bus: Bus) -> list[Message]:
    """All that the topic holds."""
    consumer = Consumer({"bootstrap.servers": bus.kafka.address, "group.id": uuid4().hex, "enable.auto.commit": False})
    try:
        partitions = [TopicPartition(TOPIC, number, OFFSET_BEGINNING) for number in range(PARTITIONS)]
        total = sum(consumer.get_watermark_offsets(partition, timeout=BROKER_SECONDS)[1] for partition in partitions)
        consumer.assign(partitions)
        found: list[Message] = []
        while len(found) < total:
            batch = consumer.consume(num_messages=total - len(found), timeout=BROKER_SECONDS)
            assert batch, f"{len(found)} of {total} messages"
            found += batch
    finally:
        consumer.close()
    return found


def _id(message: Message) -> str:
    content = dict(message.headers() or [])["ce_id"]
    assert isinstance(content, bytes)
    return content.decode()


def _content(message: Message) -> tuple[Any, ...]:
    return message.partition(), message.key(), message.value(), sorted(message.headers() or [])


def _subjects(bus: Bus) -> set[str]:
    with urllib.request.urlopen(f"{bus.registry.url}/subjects", timeout=BROKER_SECONDS) as answer:  # noqa: S310  (http, ours)
        return {subject for subject in json.load(answer) if subject.startswith(TOPIC)}


def _metadata(stored: dict[str, Any]) -> EventsMetadata:
    return EventsMetadata(
        **{
            **stored,
            "id": UUID(stored["id"]),
            "time": datetime.fromisoformat(stored["time"]),
            "sourcelib": tuple(stored["sourcelib"]),
        }
    )
