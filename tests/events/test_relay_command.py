# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py relay_events`."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from edx_exams.apps.events import relay as relay_module
from edx_exams.apps.events.lease import Lease
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from tests.events.owed import course_id, owe
from tests.factories import ExamFactory, submitted_attempt

pytestmark = pytest.mark.django_db


def test_without_a_bus_each_event_is_a_line_of_json_that_names_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    event = owe(1)
    person = event.data["exam_attempt"]["student_user"]
    call_command("relay_events", "--once")
    printed = capsys.readouterr().out
    [line] = [line for line in printed.splitlines() if line.startswith("{")]
    assert json.loads(line) == {
        "event": "org.openedx.learning.exam.attempt.submitted.v1",
        "id": str(event.event_id),
        "time": event.metadata["time"],
        "course": course_id(1),
        "usage_key": event.data["exam_attempt"]["usage_key"],
        "lms_user_id": person["id"],
    }
    for name in person["pii"].values():
        assert name not in printed


def test_its_last_line_is_a_sum() -> None:
    owe(1)
    submitted_attempt(ExamFactory.create(proctored=True))
    out = io.StringIO()
    call_command("relay_events", "--once", stdout=out)
    assert out.getvalue() == (
        "2 events published, 0 to be tried again, 0 failed for good; "
        "1 e-mails sent, 0 to be tried again, 0 failed for good\n"
    )


def test_what_could_not_be_sent_is_no_success() -> None:
    event = owe()
    OutboxEvent.objects.filter(pk=event.pk).update(event_type="org.openedx.nothing.v1")
    with pytest.raises(CommandError, match="1 failed for good"):
        call_command("relay_events", "--once")


def test_a_second_relay_says_that_one_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "LEASE_SECONDS", 0.0)
    monkeypatch.setattr(relay_module, "STANDBY_SECONDS", 0.1)
    event = owe()
    assert Lease().acquire()
    with pytest.raises(CommandError, match="Another relay is active"):
        call_command("relay_events", "--once")
    event.refresh_from_db()
    assert event.state == OutboxState.pending


@pytest.mark.parametrize("arguments", [("--batch", "0"), ("--interval", "0"), ("--interval=-1",)])
def test_senseless_arguments_are_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="above zero"):
        call_command("relay_events", *arguments)


@pytest.mark.parametrize(
    ("configuration", "complaint"),
    [
        ({"EVENT_BUS_RELAY_PRODUCER": "no.such.publisher"}, "cannot be imported"),
        ({"EVENT_BUS_RELAY_PRODUCER": "json.dumps"}, "is not a publisher"),
        ({"EVENT_BUS_RELAY_PRODUCER": "kafka"}, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS and .*REGISTRY_URL"),
        ({"EVENT_BUS_RELAY_PRODUCER": "redis"}, "EVENT_BUS_REDIS_CONNECTION_URL"),
        (
            {
                "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
                "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "http://127.0.0.1:1",
                "EVENT_BUS_RELAY_KAFKA_OPTIONS": {"no.such.option": 1},
            },
            "no.such.option",
        ),
    ],
)
def test_a_configuration_that_cannot_work_ends_it_with_one_line(
    settings: Settings, configuration: dict[str, object], complaint: str
) -> None:
    for name, value in configuration.items():
        setattr(settings, name, value)
    with pytest.raises(CommandError, match=complaint) as refusal:
        call_command("relay_events")
    assert "\n" not in str(refusal.value)
