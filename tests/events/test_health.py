# SPDX-License-Identifier: AGPL-3.0-only
"""The details of outbox and e-mails in `/health/`."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from edx_exams.apps.core.models import OwedEmail
from edx_exams.apps.events.faults import Fault
from edx_exams.apps.events.health import EmailHealth, OutboxHealth
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from tests.conftest import CountStatements
from tests.events.owed import owe
from tests.factories import ExamFactory, submitted_attempt

pytestmark = pytest.mark.django_db


def outbox_status(client: Client) -> Any:
    response = client.get("/health/")
    assert response.status_code == 200
    return response.json()["detailed_status"]["outbox_status"]


NONE = {"count": 0, "oldest_seconds": None}


def test_an_empty_outbox_is_well(client: Client) -> None:
    assert outbox_status(client) == {
        "status": "OK", "oldest_unsent_seconds": None, "pending": NONE, "waiting": NONE, "failed": NONE,
        "fault": None,
    }  # fmt: skip


def test_it_counts_what_is_not_published_with_the_age_of_the_oldest(client: Client) -> None:
    ages = {OutboxState.pending: 60, OutboxState.published: 9000, OutboxState.waiting: 3000, OutboxState.failed: 6000}
    for state, age in ages.items():
        for younger in (0, 10):
            event = owe()
            created = timezone.now() - timedelta(seconds=age - younger)
            OutboxEvent.objects.filter(pk=event.pk).update(state=state, created=created)
    status = outbox_status(client)
    for counted in ("pending", "waiting", "failed"):
        assert status[counted]["count"] == 2
        assert 0 <= status[counted]["oldest_seconds"] - ages[OutboxState(counted)] <= 2
    assert status["oldest_unsent_seconds"] == status["pending"]["oldest_seconds"]


@pytest.mark.parametrize(
    ("state", "hours", "status"),
    [("failed", 0, "ATTENTION"), ("waiting", 23, "OK"), ("waiting", 25, "ATTENTION"), ("published", 999, "OK")],
)
def test_failed_events_and_those_that_wait_for_a_day_need_attention(
    state: str, hours: int, status: str, client: Client
) -> None:
    owe()
    OutboxEvent.objects.update(state=state, created=timezone.now() - timedelta(hours=hours))
    assert outbox_status(client)["status"] == status


def test_a_known_fault_is_named_without_the_details_of_hosts(client: Client) -> None:
    owe()
    OutboxEvent.objects.update(last_error=f"{Fault.KAFKA_CREDENTIALS} (sasl_ssl://kafka-3.internal:9092: refused)")
    status = outbox_status(client)
    assert (status["status"], status["fault"]) == ("ATTENTION", str(Fault.KAFKA_CREDENTIALS))
    assert "internal" not in str(status)


def test_after_five_minutes_it_is_late_and_the_service_still_well(client: Client) -> None:
    owe()
    OutboxEvent.objects.update(created=timezone.now() - timedelta(minutes=6))
    assert outbox_status(client)["status"] == "LATE"


def test_the_log_says_so_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    owe()
    OutboxEvent.objects.update(created=timezone.now() - timedelta(minutes=6))
    health = OutboxHealth()
    health()
    health()
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("health", [OutboxHealth(), EmailHealth()])
def test_it_costs_one_statement_and_another_where_something_is_owed(
    health: OutboxHealth | EmailHealth, at_most: CountStatements
) -> None:
    with at_most(1):
        health()
    owe()
    with at_most(2):
        health()


@pytest.mark.parametrize(
    ("state", "minutes", "status"),
    [
        ("pending", 4, "OK"),
        ("pending", 6, "LATE"),
        ("failed", 0, "ATTENTION"),
        ("sent", 99, "OK"),
        ("cancelled", 9, "OK"),
    ],
)
def test_e_mails_are_judged_likewise(state: str, minutes: int, status: str, client: Client) -> None:
    attempt = submitted_attempt(ExamFactory.create(proctored=True))
    OwedEmail.objects.filter(attempt=attempt).update(state=state, due_since=timezone.now() - timedelta(minutes=minutes))
    OutboxEvent.objects.all().delete()
    detail = client.get("/health/").json()["detailed_status"]["email_status"]
    assert detail["status"] == status
    assert detail["pending"]["count"] == (state == "pending")
    assert detail["failed"]["count"] == (state == "failed")
