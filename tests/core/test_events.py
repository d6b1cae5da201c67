# SPDX-License-Identifier: AGPL-3.0-only
"""The events that an attempt's changes owe, in the outbox: with the change or not at all."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone
from openedx_events.learning.signals import EXAM_ATTEMPT_SUBMITTED

from edx_exams.apps.core.api import (
    act_as_learner,
    act_as_staff,
    check_if_exam_timed_out,
    reset_and_recreate,
    reset_exam_attempt,
)
from edx_exams.apps.core.exceptions import EventNotRecorded
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction, StaffAction
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from tests.core.conftest import EventsOwed, Trail, every_statement, reloaded
from tests.factories import (
    COURSE_ID,
    ExamFactory,
    UserFactory,
    make_attempt,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db


def the_event() -> OutboxEvent:
    """The newest event in the outbox."""
    return OutboxEvent.objects.latest("pk")


def as_in_events(user: User) -> dict[str, Any]:
    """A person as events carry them."""
    return {
        "id": user.lms_user_id,
        "is_active": True,
        "pii": {"username": user.username, "email": user.email, "name": user.full_name},
    }


class TestEachTransition:
    """The people and the content that an event names."""

    def test_a_submission_was_asked_for_by_the_learner(self, learner: User) -> None:
        attempt = submitted_attempt(ExamFactory.create(proctored=True), learner)
        event = the_event()
        assert event.event_type == "org.openedx.learning.exam.attempt.submitted.v1"
        assert event.topic == "learning-exam-attempt-lifecycle"
        assert (event.key, event.state) == (COURSE_ID, OutboxState.pending)
        assert event.data == {
            "exam_attempt": {
                "student_user": as_in_events(learner),
                "course_key": COURSE_ID,
                "usage_key": attempt.exam.content_id,
                "exam_type": "proctored",
                "requesting_user": as_in_events(learner),
            }
        }

    def test_running_out_of_time_is_a_submission_by_the_learner(self, learner: User) -> None:
        check_if_exam_timed_out(overdue_attempt(user=learner))
        assert the_event().data["exam_attempt"]["requesting_user"] == as_in_events(learner)

    @pytest.mark.parametrize(("action", "event"), [(StaffAction.VERIFY, "verified"), (StaffAction.REJECT, "rejected")])
    def test_a_verdict_names_nobody_who_asked_for_it(
        self, action: StaffAction, event: str, learner: User, course_team: User
    ) -> None:
        act_as_staff(make_attempt(user=learner), action, staff=course_team)
        assert the_event().event_type == f"org.openedx.learning.exam.attempt.{event}.v1"
        assert the_event().data["exam_attempt"]["student_user"] == as_in_events(learner)
        assert the_event().data["exam_attempt"]["requesting_user"] is None

    def test_an_error_names_nobody_who_asked_for_it(self, learner: User) -> None:
        act_as_learner(running_attempt(user=learner), LearnerAction.ERROR, learner=learner)
        assert the_event().event_type == "org.openedx.learning.exam.attempt.errored.v1"
        assert the_event().data["exam_attempt"]["requesting_user"] is None

    def test_a_reset_was_asked_for_by_whoever_did_it(self, learner: User, course_team: User) -> None:
        reset_exam_attempt(make_attempt(user=learner), course_team)
        data = the_event().data["exam_attempt"]
        assert the_event().event_type == "org.openedx.learning.exam.attempt.reset.v1"
        assert (data["student_user"], data["requesting_user"]) == (as_in_events(learner), as_in_events(course_team))

    def test_beginning_again_is_a_reset_by_the_learner(self, learner: User) -> None:
        reset_and_recreate(make_attempt(user=learner, practice=True), learner)
        assert the_event().data["exam_attempt"]["requesting_user"] == as_in_events(learner)

    def test_an_event_has_an_id_and_a_time_of_its_own(self) -> None:
        before = timezone.now()
        submitted_attempt()
        submitted_attempt()
        first, second = OutboxEvent.objects.order_by("pk")
        assert first.event_id != second.event_id
        assert uuid.UUID(first.metadata["id"]) == first.event_id
        assert before <= first.created <= second.created <= timezone.now()
        assert (first.delivery_attempts, first.published_at, first.last_error) == (0, None, "")


@contextmanager
def outbox_that_fails(error: Exception) -> Iterator[None]:
    """No event can be stored."""

    def fail(sql: str, params: Any) -> None:
        if sql.startswith("INSERT") and "events_outboxevent" in sql:
            raise error

    with every_statement(fail):
        yield


class TestTogetherWithTheChange:
    """Both or neither."""

    def test_a_rollback_takes_the_event_along(self, learner: User, events_owed: EventsOwed, trail: Trail) -> None:
        attempt = running_attempt(user=learner)
        with suppress(RuntimeError), transaction.atomic():
            act_as_learner(attempt, LearnerAction.SUBMIT, learner=learner)
            assert events_owed() == ["submitted"]
            raise RuntimeError
        assert events_owed() == []
        assert trail(attempt)[-1] == "started"

    @pytest.mark.parametrize(
        ("error", "heard"),
        [
            (ValueError("learner@example.com"), EventNotRecorded),
            (OperationalError("disk full"), OperationalError),
        ],
    )
    def test_a_change_whose_event_cannot_be_stored_does_not_happen(
        self,
        error: Exception,
        heard: type[Exception],
        trail: Trail,
        events_owed: EventsOwed,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        attempt = running_attempt()
        learner = attempt.user
        with outbox_that_fails(error), pytest.raises(heard):
            act_as_learner(attempt, LearnerAction.SUBMIT, learner=learner)
        assert reloaded(attempt).end_time is None
        assert trail(attempt) == ["created", "started"]
        assert events_owed() == []
        assert learner.email not in caplog.text
        act_as_learner(attempt, LearnerAction.SUBMIT, learner=learner)
        assert events_owed() == ["submitted"]

    def test_nor_does_a_reset(self, learner: User, course_team: User) -> None:
        attempt = running_attempt(user=learner)
        with outbox_that_fails(ValueError()), pytest.raises(EventNotRecorded) as refusal:
            reset_exam_attempt(attempt, course_team)
        assert refusal.value.http_status == 503
        assert reloaded(attempt).status == "started"

    def test_another_receivers_failure_costs_nothing_but_a_line_in_the_log(
        self, learner: User, events_owed: EventsOwed, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(**event: Any) -> None:
            raise ValueError(learner.email)

        attempt = running_attempt(user=learner)
        EXAM_ATTEMPT_SUBMITTED.connect(fail)
        try:
            act_as_learner(attempt, LearnerAction.SUBMIT, learner=learner)
        finally:
            EXAM_ATTEMPT_SUBMITTED.disconnect(fail)
        assert reloaded(attempt).status == "submitted"
        assert events_owed() == ["submitted"]
        assert f"A receiver of attempt {attempt.pk}'s event failed: ValueError" in caplog.text

    @pytest.mark.parametrize("field", ["course_id", "content_id"])
    def test_an_exam_that_is_not_named_by_keys_has_no_event_and_can_be_taken(
        self, field: str, learner: User, events_owed: EventsOwed, caplog: pytest.LogCaptureFixture
    ) -> None:
        attempt = running_attempt(user=learner)
        Exam.objects.update(**{field: "no key"})
        act_as_learner(reloaded(attempt), LearnerAction.SUBMIT, learner=learner)
        assert reloaded(attempt).status == "submitted"
        assert events_owed() == []
        assert f"Attempt {attempt.pk} has no event" in caplog.text


class TestPeopleWithoutAnLmsId:
    """The transition succeeds; the event waits for the id, or goes out without the one who asked."""

    @pytest.fixture
    def unknown(self) -> User:
        """Someone whom the LMS's tokens have not introduced yet."""
        return UserFactory.create(lms_user_id=None)

    def test_an_event_of_such_a_learner_waits_with_the_local_id_in_its_place(self, unknown: User) -> None:
        attempt = submitted_attempt(user=unknown)
        event = the_event()
        assert reloaded(attempt).status == "submitted"
        assert event.state == OutboxState.waiting
        assert event.data["exam_attempt"]["student_user"]["id"] == unknown.pk
        assert event.unknown_users["exam_attempt.student_user"] == unknown.pk

    def test_a_verdict_on_such_a_learner_waits_too(self, unknown: User, course_team: User) -> None:
        act_as_staff(make_attempt(user=unknown), StaffAction.VERIFY, staff=course_team)
        assert the_event().state == OutboxState.waiting

    def test_a_reset_by_such_a_person_goes_out_with_the_learner_as_the_one_who_asked(
        self, learner: User, unknown: User
    ) -> None:
        reset_exam_attempt(make_attempt(user=learner), unknown)
        event = the_event()
        assert (event.state, event.unknown_users) == (OutboxState.pending, {})
        assert event.data["exam_attempt"]["requesting_user"] == as_in_events(learner)

    def test_a_reset_of_such_a_learner_by_such_a_person_waits_for_the_learner(self, unknown: User) -> None:
        reset_exam_attempt(make_attempt(user=unknown), UserFactory.create(lms_user_id=None))
        event = the_event()
        assert event.state == OutboxState.waiting
        assert event.data["exam_attempt"]["requesting_user"]["id"] == unknown.pk


def test_starting_and_stopping_owe_nothing(learner: User, events_owed: EventsOwed) -> None:
    attempt = running_attempt(user=learner)
    act_as_learner(attempt, LearnerAction.STOP, learner=learner)
    act_as_learner(attempt, LearnerAction.START, learner=learner)
    assert events_owed() == []


def test_events_stand_in_the_outbox_in_the_order_of_their_changes(
    learner: User, course_team: User, events_owed: EventsOwed
) -> None:
    exam = ExamFactory.create()
    attempt = submitted_attempt(exam, learner)
    act_as_staff(attempt, StaffAction.REJECT, staff=course_team)
    reset_exam_attempt(attempt, course_team)
    over = overdue_attempt(exam, learner)
    check_if_exam_timed_out(over, timezone.now() + timedelta(days=1))
    assert events_owed() == ["submitted", "rejected", "reset", "submitted"]
    assert ExamAttempt.objects.count() == 1
