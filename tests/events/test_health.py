"""What `/health/` tells of the outbox."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from edx_exams.apps.events.health import OutboxHealth
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from tests.conftest import CountStatements
from tests.events.owed import owe

pytestmark = pytest.mark.django_db


def outbox_status(client: Client) -> Any:
    response = client.get("/health/")
    assert response.status_code == 200
    return response.json()["detailed_status"]["outbox_status"]


def test_an_empty_outbox_is_well(client: Client) -> None:
    assert outbox_status(client) == {"status": "OK", "oldest_unsent_seconds": None}


def test_the_age_is_that_of_the_oldest_that_could_be_sent(client: Client) -> None:
    ages = {OutboxState.pending: 60, OutboxState.published: 3000, OutboxState.waiting: 3000, OutboxState.failed: 3000}
    for state, age in ages.items():
        event = owe()
        created = timezone.now() - timedelta(seconds=age)
        published_at = timezone.now() if state is OutboxState.published else None
        OutboxEvent.objects.filter(pk=event.pk).update(state=state, created=created, published_at=published_at)
    status = outbox_status(client)
    assert status["status"] == "OK"
    assert 60 <= status["oldest_unsent_seconds"] <= 62


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


def test_it_costs_one_statement(at_most: CountStatements) -> None:
    owe()
    with at_most(1):
        OutboxHealth()()
