# SPDX-License-Identifier: AGPL-3.0-only
"""The clock of an attempt: what is left, when it is over, and what happens then."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from edx_exams.apps.core.api import (
    act_as_learner,
    act_as_staff,
    check_if_exam_timed_out,
    get_active_attempt_for_user,
    get_exam_attempt_time_remaining,
)
from edx_exams.apps.core.clock import deadline, is_out_of_time, seconds_remaining
from edx_exams.apps.core.exceptions import ExamIllegalStatusTransition
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transition_rules import LearnerAction, StaffAction
from tests.core.conftest import NOON, EventsOwed, Trail, reloaded
from tests.factories import OldAttemptFactory, overdue_attempt, running_attempt

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def clock(**fields: Any) -> ExamAttempt:
    """An attempt of an hour that was started at noon, in memory."""
    return ExamAttempt(
        **{
            "exam": Exam(exam_type="timed"),
            "status": ExamAttemptStatus.started,
            "start_time": NOON,
            "allowed_time_limit_mins": 60,
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("fields", "after", "seconds"),
    [
        ({}, timedelta(0), 3600.0),
        ({}, MINUTE, 3540.0),
        ({}, HOUR - SECOND / 2, 0.5),
        ({}, HOUR, 0.0),
        ({}, 3 * HOUR, 0.0),
        ({"extra_time_mins": 10}, HOUR, 600.0),
        ({"paused_seconds": 90.5}, HOUR, 90.5),
        ({"paused_at": NOON + 50 * MINUTE}, 50 * MINUTE, 600.0),
        ({"paused_at": NOON + 50 * MINUTE}, 5 * HOUR, 600.0),
        ({"paused_at": NOON + 50 * MINUTE, "paused_seconds": 30, "extra_time_mins": 1}, 5 * HOUR, 690.0),
        ({"paused_at": NOON + 50 * MINUTE}, 40 * MINUTE, 1200.0),
        ({"allowed_time_limit_mins": 0}, timedelta(0), 0.0),
        ({"start_time": None}, timedelta(0), 0.0),
        ({"allowed_time_limit_mins": None}, timedelta(0), 0.0),
        ({"start_time": None, "allowed_time_limit_mins": None}, timedelta(0), 0.0),
    ],
)
def test_what_is_left(fields: dict[str, Any], after: timedelta, seconds: float) -> None:
    remaining = get_exam_attempt_time_remaining(clock(**fields), NOON + after)
    assert remaining == seconds
    assert isinstance(remaining, float)


def test_what_is_left_is_that_of_this_moment_if_no_other_is_named() -> None:
    assert 3590 < get_exam_attempt_time_remaining(clock(start_time=timezone.now())) <= 3600


@given(
    limit=st.integers(0, 1_000_000),
    extra=st.integers(0, 100_000),
    paused=st.floats(0, 1e6),
    passed=st.timedeltas(timedelta(0), timedelta(days=4000)),
    later=st.timedeltas(timedelta(0), timedelta(days=10)),
)
def test_time_only_ever_runs_down_and_never_below_nothing(
    limit: int, extra: int, paused: float, passed: timedelta, later: timedelta
) -> None:
    attempt = clock(allowed_time_limit_mins=limit, extra_time_mins=extra, paused_seconds=paused)
    now = seconds_remaining(attempt, NOON + passed)
    then = seconds_remaining(attempt, NOON + passed + later)
    assert 0 <= then <= now <= (limit + extra) * 60 + paused
    if then:
        assert now - then == pytest.approx(later.total_seconds(), abs=1e-3)


@given(pause=st.timedeltas(timedelta(0), 2 * HOUR), at=st.timedeltas(timedelta(0), HOUR))
def test_a_pause_costs_the_learner_nothing(pause: timedelta, at: timedelta) -> None:
    before = seconds_remaining(clock(), NOON + at)
    paused = clock(paused_at=NOON + at)
    assert seconds_remaining(paused, NOON + at + pause) == pytest.approx(before, abs=1e-3)
    assert not is_out_of_time(paused, NOON + at + pause)


@pytest.mark.parametrize("status", ExamAttemptStatus.values)
def test_only_an_attempt_in_progress_runs_out_of_time(status: str) -> None:
    assert is_out_of_time(clock(status=status), NOON + HOUR) is (status in ("started", "ready_to_submit"))


@pytest.mark.parametrize(("left", "is_over"), [(1.0, False), (0.999, True), (0.0, True)])
def test_less_than_one_second_is_none(left: float, is_over: bool) -> None:
    assert is_out_of_time(clock(), NOON + HOUR - timedelta(seconds=left)) is is_over


@pytest.mark.parametrize("unset", ["start_time", "allowed_time_limit_mins"])
def test_an_attempt_in_progress_without_start_or_limit_is_over(unset: str) -> None:
    attempt = clock(**{unset: None})
    assert is_out_of_time(attempt, NOON)
    assert deadline(attempt, NOON) is None


@pytest.mark.django_db
class TestSubmission:
    """Attempts whose time is over are submitted, whoever notices."""

    def test_the_end_is_the_moment_at_which_time_ran_out(self, trail: Trail, events_owed: EventsOwed) -> None:
        attempt = running_attempt(time_limit_mins=60, at=NOON)
        noticed = check_if_exam_timed_out(attempt, NOON + 3 * HOUR)
        assert (noticed.status, noticed.end_time) == ("submitted", NOON + HOUR)
        assert reloaded(attempt).end_time == NOON + HOUR
        assert trail(attempt) == ["created", "started", "submitted"]
        assert events_owed() == ["submitted"]

    def test_extra_minutes_and_pauses_move_that_moment(self) -> None:
        attempt = running_attempt(time_limit_mins=60, at=NOON)
        ExamAttempt.objects.update(extra_time_mins=5, paused_seconds=30)
        held = check_if_exam_timed_out(reloaded(attempt), NOON + HOUR + 5 * MINUTE)
        assert held.status == "started"
        over = check_if_exam_timed_out(reloaded(attempt), NOON + 3 * HOUR)
        assert over.end_time == NOON + HOUR + 5 * MINUTE + 30 * SECOND

    def test_the_history_says_why_and_that_nobody_did_it(self) -> None:
        attempt = overdue_attempt()
        check_if_exam_timed_out(attempt)
        row = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
        assert (row.history_user, row.history_change_reason) == (None, "time is over")

    def test_the_submit_page_does_not_stop_the_clock(self, learner: User) -> None:
        attempt = running_attempt(user=learner, time_limit_mins=60, at=NOON)
        act_as_learner(attempt, LearnerAction.STOP, learner=learner, now=NOON + MINUTE)
        assert check_if_exam_timed_out(reloaded(attempt), NOON + HOUR).status == "submitted"

    def test_an_attempt_with_time_left_costs_no_statement(self, statements_of: Any) -> None:
        attempt = running_attempt()
        assert statements_of(lambda: check_if_exam_timed_out(attempt)) == []

    def test_a_paused_attempt_is_not_submitted(self, trail: Trail) -> None:
        attempt = overdue_attempt()
        ExamAttempt.objects.update(paused_at=attempt.start_time)
        assert check_if_exam_timed_out(reloaded(attempt)).status == "started"
        assert trail(attempt)[-1] == "started"

    @pytest.mark.parametrize("unset", ["start_time", "allowed_time_limit_mins"])
    def test_an_old_row_without_start_or_limit_ends_when_it_is_noticed(self, unset: str) -> None:
        fields: dict[str, Any] = {"start_time": NOON, "allowed_time_limit_mins": 60, unset: None}
        attempt = OldAttemptFactory.create(status="started", **fields)
        assert check_if_exam_timed_out(attempt, NOON + MINUTE).end_time == NOON + MINUTE

    def test_whoever_notices_second_changes_nothing(self, trail: Trail, events_owed: EventsOwed) -> None:
        attempt = overdue_attempt()
        stale = reloaded(attempt)
        first = check_if_exam_timed_out(attempt)
        second = check_if_exam_timed_out(stale)
        assert first.end_time == second.end_time
        assert trail(attempt).count("submitted") == 1
        assert events_owed() == ["submitted"]

    def test_an_attempt_that_got_more_time_meanwhile_goes_on(self) -> None:
        stale = overdue_attempt(time_limit_mins=60)
        ExamAttempt.objects.update(allowed_time_limit_mins=600)
        assert check_if_exam_timed_out(stale).status == "started"

    def test_an_attempt_reset_at_this_moment_is_answered_as_it_was_and_not_resurrected(self) -> None:
        stale = overdue_attempt()
        ExamAttempt.objects.all().delete()
        assert check_if_exam_timed_out(stale) is stale
        assert not ExamAttempt.objects.exists()

    @pytest.mark.parametrize("action", [LearnerAction.STOP, LearnerAction.START, LearnerAction.ERROR])
    def test_an_action_that_comes_too_late_submits_and_is_refused(
        self, action: LearnerAction, trail: Trail, events_owed: EventsOwed
    ) -> None:
        attempt = running_attempt(time_limit_mins=60, at=NOON)
        with pytest.raises(ExamIllegalStatusTransition, match="submitted"):
            act_as_learner(attempt, action, learner=attempt.user, now=NOON + 2 * HOUR)
        assert reloaded(attempt).end_time == NOON + HOUR
        assert trail(attempt)[-1] == "submitted"
        assert events_owed() == ["submitted"]

    def test_a_submission_that_comes_too_late_is_answered_as_done(self, events_owed: EventsOwed) -> None:
        attempt = running_attempt(time_limit_mins=60, at=NOON)
        assert act_as_learner(attempt, LearnerAction.SUBMIT, learner=attempt.user, now=NOON + 2 * HOUR) == attempt.pk
        assert reloaded(attempt).end_time == NOON + HOUR
        assert events_owed() == ["submitted"]

    def test_a_verdict_on_an_attempt_out_of_time_follows_its_submission(
        self, course_team: User, trail: Trail, events_owed: EventsOwed
    ) -> None:
        attempt = overdue_attempt()
        act_as_staff(attempt, StaffAction.VERIFY, staff=course_team)
        assert trail(attempt)[-2:] == ["submitted", "verified"]
        assert events_owed() == ["submitted", "verified"]

    def test_a_submission_in_time_ends_then(self) -> None:
        attempt = running_attempt(time_limit_mins=60, at=NOON)
        act_as_learner(attempt, LearnerAction.SUBMIT, learner=attempt.user, now=NOON + MINUTE)
        assert reloaded(attempt).end_time == NOON + MINUTE

    def test_a_pause_that_goes_on_ends_with_the_submission_and_is_counted(self) -> None:
        attempt = running_attempt(at=NOON)
        ExamAttempt.objects.update(status="ready_to_submit", paused_at=NOON + MINUTE, paused_seconds=5)
        act_as_learner(attempt, LearnerAction.SUBMIT, learner=attempt.user, now=NOON + 3 * MINUTE)
        ended = reloaded(attempt)
        assert (ended.status, ended.paused_at, ended.paused_seconds) == ("submitted", None, 125.0)


@pytest.mark.django_db
def test_the_active_attempt_is_the_one_whose_clock_runs(learner: User) -> None:
    OldAttemptFactory.create(user=learner, status="created")
    OldAttemptFactory.create(user=learner, status="submitted")
    assert get_active_attempt_for_user(learner.pk) is None
    running = running_attempt(user=learner)
    assert get_active_attempt_for_user(learner.pk) == running


@pytest.mark.django_db
def test_of_several_active_attempts_that_an_old_database_holds_the_newest_counts(learner: User) -> None:
    when: datetime = timezone.now()
    first = OldAttemptFactory.create(user=learner, status="started", start_time=when)
    second = OldAttemptFactory.create(user=learner, status="started", start_time=when)
    assert get_active_attempt_for_user(learner.pk) == second
    ExamAttempt.objects.filter(pk=first.pk).update(created=when + HOUR)
    assert get_active_attempt_for_user(learner.pk) == first
