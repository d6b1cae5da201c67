# SPDX-License-Identifier: AGPL-3.0-only
"""A message is handled, stored as a failed event with its reason, or tried later. Real bytes, schemas over HTTP."""

import threading
from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import reverse
from opaque_keys.edx.keys import UsageKey
from openedx_events.learning.data import ExamAttemptData, UserData, UserPersonalData
from openedx_events.learning.signals import (
    COURSE_ACCESS_ROLE_ADDED,
    EXAM_ATTEMPT_RESET,
    STUDENT_REGISTRATION_COMPLETED,
)
from pytest_django import Settings

from edx_exams.apps.core.exceptions import DatabaseBusy
from edx_exams.apps.core.models import CourseStaffRole, User
from edx_exams.apps.events import failed_events
from edx_exams.apps.events.admin import RETRIES_AT_ONCE
from edx_exams.apps.events.incoming import Incoming, PermanentError, RetryableError, handle
from edx_exams.apps.events.models import FailedEvent, OutboxEvent
from edx_exams.apps.events.registry import registry_client
from tests.conftest import CountStatements
from tests.events.role_events import RoleEvent, added, removed
from tests.factories import UserFactory
from tests.mockbus import SchemaRegistry

pytestmark = pytest.mark.django_db

HANGS_FOR = 0.2  # seconds


@pytest.fixture
def registry(settings: Settings) -> Iterator[SchemaRegistry]:
    """A schema registry that the service is configured for."""
    with SchemaRegistry() as running:
        settings.EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS = "127.0.0.1:1"
        settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = running.url
        yield running


@pytest.fixture
def receive(registry: SchemaRegistry) -> Callable[[Incoming], FailedEvent | None]:
    """Does with a message what the consumer does."""

    def do(incoming: Incoming) -> FailedEvent | None:
        try:
            handle(incoming, registry_client())
        except PermanentError as error:
            return failed_events.dead_letter(incoming, error)
        return None

    return do


Receive = Callable[[Incoming], FailedEvent | None]


@pytest.fixture
def failing_with() -> Iterator[Callable[[Exception], None]]:
    """Makes one more receiver of role events, which fails."""
    connected = []

    def fail(error: Exception) -> None:
        def receiver(**_: Any) -> None:
            raise error

        COURSE_ACCESS_ROLE_ADDED.connect(receiver, weak=False)
        connected.append(receiver)

    yield fail
    for receiver in connected:
        COURSE_ACCESS_ROLE_ADDED.disconnect(receiver)


def without(event: RoleEvent, name: str) -> tuple[tuple[str, bytes | None], ...]:
    return tuple(pair for pair in event.headers if pair[0] != name)


def with_header(event: RoleEvent, name: str, value: bytes | None) -> tuple[tuple[str, bytes | None], ...]:
    return (*without(event, name), (name, value))


def test_a_good_message_is_handled(receive: Receive) -> None:
    assert receive(added().incoming()) is None
    assert CourseStaffRole.objects.get().user.username == "ada"


EVENT = added()
BAD: dict[str, tuple[Callable[[], Incoming], str]] = {
    "not Avro": (lambda: EVENT.incoming(value=b"hello, world"), "cannot be read"),
    "empty": (lambda: EVENT.incoming(value=b""), "cannot be read"),
    "truncated": (lambda: EVENT.incoming(value=EVENT.value()[:40]), "cannot be read"),
    "a tombstone": (lambda: EVENT.incoming(value=None), "has no value"),
    "of an unknown schema": (
        lambda: EVENT.incoming(value=b"\0" + (999_999).to_bytes(4) + EVENT.value()[5:]),
        "does not have the schema",
    ),
    "of a malformed course": (
        lambda: EVENT.incoming(value=EVENT.value().replace(b"course-v1:", b"course/v1:")),
        "cannot be read",
    ),
    "without headers": (lambda: EVENT.incoming(headers=()), "0 headers ce_type"),
    "without ce_type": (lambda: EVENT.incoming(headers=without(EVENT, "ce_type")), "0 headers ce_type"),
    "with two of ce_type": (
        lambda: EVENT.incoming(headers=(*EVENT.headers, ("ce_type", b"x"))),
        "2 headers ce_type",
    ),
    "with a null ce_type": (lambda: EVENT.incoming(headers=with_header(EVENT, "ce_type", None)), "not an event type"),
    "with a ce_type that is not text": (
        lambda: EVENT.incoming(headers=with_header(EVENT, "ce_type", b"\xff")),
        "not an event type",
    ),
    "without ce_id": (lambda: EVENT.incoming(headers=without(EVENT, "ce_id")), "ce_id is missing"),
    "with a ce_id that is none": (lambda: EVENT.incoming(headers=with_header(EVENT, "ce_id", b"7")), "malformed"),
    "with a time without zone": (
        lambda: EVENT.incoming(headers=with_header(EVENT, "ce_time", b"2026-11-23T12:00:00")),
        "malformed",
    ),
    "of an unheard-of type": (
        lambda: EVENT.incoming(headers=with_header(EVENT, "ce_type", b"org.example.unheard.of.v1")),
        "not an event type",
    ),
    "for a name of 300 characters": (lambda: added(username="a" * 300).incoming(), "username is not valid"),
    "for an id out of bounds": (lambda: added(lms_user_id=2**40).incoming(), "LMS user id is not valid"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_message_that_cannot_be_handled_is_kept_as_it_came_with_the_reason(what: str, receive: Receive) -> None:
    make, reason = BAD[what]
    incoming = make()
    row = receive(incoming)
    assert row is not None
    row.refresh_from_db()
    assert reason in row.error_text
    assert failed_events.as_incoming(row) == incoming
    assert not CourseStaffRole.objects.exists()


def test_an_event_that_nobody_here_handles_is_kept_too(receive: Receive) -> None:
    pii = UserPersonalData(username="ada", email="ada@example.com")
    event = RoleEvent(STUDENT_REGISTRATION_COMPLETED)
    data = {"user": UserData(id=1, is_active=True, pii=pii)}
    row = receive(event.incoming(value=event.value(data=data, key_field="user.pii.username")))
    assert row is not None
    assert row.error_text == "Nothing here handles events of its type."
    assert row.event_type == STUDENT_REGISTRATION_COMPLETED.event_type


def test_an_event_of_ours_that_comes_back_is_nobodys_to_handle(receive: Receive) -> None:
    # The library's own receiver, which would produce it, is connected to those that we send.
    learner = UserData(id=1, is_active=True, pii=UserPersonalData(username="ada", email="ada@example.com"))
    usage_key = UsageKey.from_string("block-v1:Acme+BIO101+2026+type@sequential+block@exam")
    attempt = ExamAttemptData(learner, usage_key.course_key, usage_key, "timed", requesting_user=learner)
    event = RoleEvent(EXAM_ATTEMPT_RESET)
    value = event.value(data={"exam_attempt": attempt}, key_field="exam_attempt.course_key")
    row = receive(event.incoming(value=value))
    assert row is not None
    assert row.error_text == "Nothing here handles events of its type."
    assert not OutboxEvent.objects.exists()


def test_a_role_that_is_not_ours_leaves_no_failure(receive: Receive) -> None:
    assert receive(added(role="beta_testers").incoming()) is None


def test_an_event_without_a_time_is_handled(receive: Receive) -> None:
    event = added()
    assert receive(event.incoming(headers=without(event, "ce_time"))) is None
    assert CourseStaffRole.objects.exists()


def test_delivered_again_it_is_the_same_row(receive: Receive) -> None:
    incoming = added().incoming(value=b"garbage")
    first, second = receive(incoming), receive(incoming)
    assert first == second
    row = FailedEvent.objects.get()
    assert (row.delivery_attempts, row.state) == (2, "failed")


def test_another_message_at_the_same_place_of_a_new_topic_is_another_row(receive: Receive) -> None:
    receive(added().incoming(value=b"garbage"))
    receive(added().incoming(value=b"other garbage"))
    assert FailedEvent.objects.count() == 2


def test_a_discarded_message_stays_discarded_when_it_is_read_again(receive: Receive) -> None:
    incoming = added().incoming(value=b"garbage")
    receive(incoming)
    failed_events.discard(FailedEvent.objects.all())
    receive(incoming)
    assert FailedEvent.objects.get().state == "discarded"


def test_a_registry_that_hangs_is_a_reason_to_try_later(
    receive: Receive, registry: SchemaRegistry, settings: Settings
) -> None:
    incoming = added().incoming()
    registry.hang()
    patience = settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT
    settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT = HANGS_FOR
    with pytest.raises(RetryableError, match="did not answer"):
        receive(incoming)
    settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT = patience
    registry.recover()
    assert receive(incoming) is None
    assert not FailedEvent.objects.exists()


def test_a_registry_that_is_down_is_a_reason_to_try_later(receive: Receive, settings: Settings) -> None:
    incoming = added().incoming()
    settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = "http://127.0.0.1:9"
    with pytest.raises(RetryableError, match="did not answer"):
        receive(incoming)


def test_a_wrong_address_is_not_taken_for_an_unknown_schema(receive: Receive, settings: Settings) -> None:
    class NoRegistry(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(HTTPStatus.NOT_FOUND)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    incoming = added().incoming()
    with HTTPServer(("127.0.0.1", 0), NoRegistry) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        settings.EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(RetryableError, match="HTTP status 404"):
            receive(incoming)
        server.shutdown()


@pytest.mark.parametrize(
    "error",
    [
        OperationalError(2006, "Server has gone away"),
        OperationalError(1213, "Deadlock found"),
        InterfaceError("connection already closed"),
        DatabaseBusy("busy"),
    ],
    ids=["gone", "deadlock", "closed", "busy"],
)
def test_a_database_that_is_away_is_a_reason_to_try_later(
    error: Exception, receive: Receive, failing_with: Callable[[Exception], None]
) -> None:
    failing_with(error)
    with pytest.raises(RetryableError):
        receive(added().incoming())
    assert not FailedEvent.objects.exists()


def test_a_mistake_in_a_handler_costs_its_message_alone_and_quotes_no_data(
    receive: Receive, failing_with: Callable[[Exception], None], caplog: pytest.LogCaptureFixture
) -> None:
    failing_with(ValueError("cannot do it for ada@example.com"))
    row = receive(added().incoming())
    assert row is not None
    assert row.error == "ValueError"
    assert row.error_text.startswith("Its handler failed (ValueError, test_consumer_messages.py:")
    assert "ada" not in row.error_text + caplog.text


def test_no_word_of_a_failure_names_anybody(receive: Receive, caplog: pytest.LogCaptureFixture) -> None:
    long = "ada" * 100
    for event in (added(username=long), added(email=f"{long}@example.com")):
        row = receive(event.incoming())
        assert row is not None
        assert "ada" not in row.error + row.error_text
    assert "ada" not in caplog.text


def test_a_message_tried_again_after_its_cause_is_gone_is_handled(
    receive: Receive, failing_with: Callable[[Exception], None]
) -> None:
    def boom(**_: Any) -> None:
        raise ValueError

    COURSE_ACCESS_ROLE_ADDED.connect(boom)
    row = receive(added().incoming())
    assert row is not None
    with pytest.raises(PermanentError):
        failed_events.retry(row)
    COURSE_ACCESS_ROLE_ADDED.disconnect(boom)
    failed_events.retry(row)
    row.refresh_from_db()
    assert (row.state, row.delivery_attempts) == ("handled", 3)
    assert CourseStaffRole.objects.exists()


def test_what_is_tried_again_too_late_changes_nothing(receive: Receive) -> None:
    def boom(**_: Any) -> None:
        raise ValueError

    # Before the real handler, so that nothing of the event is done.
    COURSE_ACCESS_ROLE_ADDED.receivers, ours = [], COURSE_ACCESS_ROLE_ADDED.receivers
    COURSE_ACCESS_ROLE_ADDED.sender_receivers_cache.clear()
    COURSE_ACCESS_ROLE_ADDED.connect(boom)
    row = receive(added(minute=1).incoming())
    COURSE_ACCESS_ROLE_ADDED.disconnect(boom)
    COURSE_ACCESS_ROLE_ADDED.receivers = ours
    COURSE_ACCESS_ROLE_ADDED.sender_receivers_cache.clear()
    assert row is not None
    receive(removed(minute=2).incoming())
    failed_events.retry(row)
    assert not CourseStaffRole.objects.exists()


def test_messages_that_hold_a_persons_data_are_found_readable_or_not(receive: Receive) -> None:
    whole = added(username="grace", email="g@example.com", course_id="course-v1:A+B+C", lms_user_id=2**40)
    truncated = added(username="grace").incoming(offset=1)
    assert truncated.value is not None
    receive(whole.incoming())
    receive(Incoming(**{**vars(truncated), "value": truncated.value[:-20]}))
    receive(added(username="linus", lms_user_id=2**40).incoming(offset=2))
    assert [row.kafka_offset for row in failed_events.find_containing("grace")] == [0, 1]
    assert [row.kafka_offset for row in failed_events.find_containing("", "g@example.com")] == [0]


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(UserFactory.create(username="operator", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("rows", [3, 30])
def test_the_admins_list_names_nobody_and_costs_the_same_for_any_number(
    rows: int, receive: Receive, operator: Client, at_most: CountStatements
) -> None:
    for n in range(rows):
        receive(added(username="grace" * 50).incoming(offset=n))
    with at_most(10):
        page = operator.get(reverse("admin:events_failedevent_changelist"), {"q": "username"})
    assert page.status_code == 200
    assert b"The username is not valid" in page.content
    assert b"grace" not in page.content


def test_the_admin_shows_a_message_without_letting_it_be_edited(receive: Receive, operator: Client) -> None:
    row = receive(added().incoming(value=b"garbage"))
    assert row is not None
    address = reverse("admin:events_failedevent_change", args=[row.pk])
    page = operator.get(address)
    assert page.status_code == 200
    assert b"Z2FyYmFnZQ==" in page.content
    assert operator.post(address, {"state": "handled"}).status_code == 403


def test_the_admin_tries_again_and_discards(receive: Receive, operator: Client) -> None:
    User.objects.filter(username="ada").delete()
    receive(added().incoming(value=b"garbage"))
    fixed = added().incoming(offset=1)
    failed_events.dead_letter(fixed, PermanentError("as if its handler had had a mistake"))
    address = reverse("admin:events_failedevent_changelist")
    rows = list(FailedEvent.objects.values_list("pk", flat=True))
    page = operator.post(address, {"action": "retry", "_selected_action": rows}, follow=True)
    assert "1 handled, 1 failed again." in page.content.decode()
    assert CourseStaffRole.objects.filter(user__username="ada").exists()
    operator.post(address, {"action": "discard", "_selected_action": rows})
    assert dict(FailedEvent.objects.values_list("kafka_offset", "state")) == {0: "discarded", 1: "handled"}


def test_the_admin_stops_trying_while_the_registry_is_away(
    receive: Receive, operator: Client, registry: SchemaRegistry, settings: Settings
) -> None:
    settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT = HANGS_FOR
    for n in range(3):
        failed_events.dead_letter(added().incoming(offset=n), PermanentError("whatever"))
    registry.hang()
    rows = list(FailedEvent.objects.values_list("pk", flat=True))
    assert len(rows) < RETRIES_AT_ONCE
    address = reverse("admin:events_failedevent_changelist")
    page = operator.post(address, {"action": "retry", "_selected_action": rows}, follow=True)
    assert "Stopped: the schema registry did not answer" in page.content.decode()
    assert set(FailedEvent.objects.values_list("state", flat=True)) == {"failed"}
