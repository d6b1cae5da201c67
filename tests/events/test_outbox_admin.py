# SPDX-License-Identifier: AGPL-3.0-only
"""The outbox in the admin."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from edx_exams.apps.core.models import User
from edx_exams.apps.events.models import OutboxEvent, OutboxState, RelayLease
from tests.conftest import CountStatements
from tests.events.owed import owe, owe_many
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:events_outboxevent_changelist")
Act = Callable[..., None]


@pytest.fixture
def act(admin_client: Client) -> Act:
    def run(action: str, *events: OutboxEvent, **fields: str) -> None:
        response = admin_client.post(
            LIST, {"action": action, "_selected_action": [event.pk for event in events], **fields}, follow=True
        )
        assert response.status_code == 200

    return run


def test_the_list_costs_the_same_for_any_number_of_events(
    admin_client: Client, statements_of: Callable[[Callable[[], object]], list[str]]
) -> None:
    owe_many(courses=2, events=2)
    few = statements_of(lambda: admin_client.get(LIST))
    owe_many(courses=10, events=9)
    many = statements_of(lambda: admin_client.get(LIST))
    assert len(many) == len(few)


def test_the_list_shows_the_reason_and_nobody(admin_client: Client) -> None:
    event = owe()
    OutboxEvent.objects.update(last_error="Broker transport failure")
    page = admin_client.get(LIST, {"q": "transport"}).content.decode()
    assert "Broker transport failure" in page
    assert event.key in page
    assert event.data["exam_attempt"]["student_user"]["pii"]["email"] not in page


@pytest.mark.parametrize("state", [OutboxState.pending, OutboxState.failed])
def test_what_is_not_sent_can_be_tried_again_now(act: Act, state: OutboxState) -> None:
    event = owe()
    OutboxEvent.objects.update(state=state, next_try=timezone.now() + timedelta(minutes=1))
    act("try_again", event)
    event.refresh_from_db()
    assert (event.state, event.next_try) == (OutboxState.pending, None)


@pytest.mark.parametrize("state", [OutboxState.published, OutboxState.waiting])
def test_what_is_out_or_waits_for_a_person_cannot(act: Act, state: OutboxState) -> None:
    event = owe()
    OutboxEvent.objects.update(state=state)
    act("try_again", event)
    event.refresh_from_db()
    assert event.state == state


def test_an_event_of_somebody_unknown_waits_whatever_is_decided(act: Act) -> None:
    learner = UserFactory.create(lms_user_id=None)
    event = owe(learner=learner)
    act("give_up", event, reason="For now")
    act("try_again", event)
    event.refresh_from_db()
    assert event.state == OutboxState.waiting
    User.objects.filter(pk=learner.pk).update(lms_user_id=4711)
    act("give_up", event, reason="Again")
    act("try_again", event)
    event.refresh_from_db()
    assert event.state == OutboxState.pending
    assert event.data["exam_attempt"]["student_user"]["id"] == 4711


def test_giving_up_keeps_the_reason_and_who_decided(act: Act, admin_user: User) -> None:
    event = owe()
    act("give_up", event, reason="The course was a test")
    event.refresh_from_db()
    assert (event.state, event.last_error) == (OutboxState.failed, "Given up: The course was a test")
    assert LogEntry.objects.get().user_id == admin_user.pk


def test_nothing_is_given_up_without_a_reason(act: Act) -> None:
    event = owe()
    act("give_up", event, reason="  ")
    event.refresh_from_db()
    assert event.state == OutboxState.pending


def test_what_is_out_cannot_be_given_up(act: Act) -> None:
    event = owe()
    OutboxEvent.objects.update(state=OutboxState.published)
    act("give_up", event, reason="Too late")
    event.refresh_from_db()
    assert event.state == OutboxState.published


def test_who_may_only_look_may_not_act(client: Client) -> None:
    onlooker = UserFactory.create(is_staff=True)
    onlooker.user_permissions.add(Permission.objects.get(codename="view_outboxevent"))
    client.force_login(onlooker)
    event = owe()
    assert client.get(LIST).status_code == 200
    client.post(LIST, {"action": "give_up", "_selected_action": [event.pk], "reason": "Because"})
    event.refresh_from_db()
    assert event.state == OutboxState.pending


def test_an_event_cannot_be_edited(admin_client: Client) -> None:
    event = owe()
    page = admin_client.get(reverse("admin:events_outboxevent_change", args=[event.pk]))
    assert page.status_code == 200
    assert b'name="_save"' not in page.content


def test_the_active_relay_is_there_to_be_seen(admin_client: Client, at_most: CountStatements) -> None:
    RelayLease.objects.create(name="outbox", holder="relay-1:17", term=3)
    with at_most(6):
        assert b"relay-1:17" in admin_client.get(reverse("admin:events_relaylease_changelist")).content
