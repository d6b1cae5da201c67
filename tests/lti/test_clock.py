# SPDX-License-Identifier: AGPL-3.0-only
"""An attempt's clock in the hands of a proctoring tool: paused, resumed, extended, and never held for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from pytest_django import Settings

from edx_exams.apps.core.api import (
    ControlReport,
    act_as_learner,
    check_if_exam_timed_out,
    control_attempt,
    grant_access,
    mark_ready,
    submit_timed_out_attempts,
)
from edx_exams.apps.core.clock import deadline, expired_at, seconds_remaining
from edx_exams.apps.core.exceptions import ContentAccessDenied, ExamIllegalStatusTransition
from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import ControlAction, LearnerAction
from tests.factories import make_attempt
from tests.lti.facts import events, row
from tests.lti.vendor import Vendor, proctored_exam

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def report(action: str, **fields: Any) -> ControlReport:
    return ControlReport(ControlAction(action), fields.pop("incident_time", START), **fields)


class Timed(NamedTuple):
    """An attempt of an hour that began at noon."""

    attempt: ExamAttempt

    def do(self, action: str, minutes: float, **fields: Any) -> ExamAttempt:
        now = START + minutes * MINUTE
        return control_attempt(row(self.attempt), report(action, incident_time=now, **fields), now=now)

    def minutes_left(self, minutes: float) -> float:
        return seconds_remaining(row(self.attempt), START + minutes * MINUTE) / 60


@pytest.fixture
def timed(exam: Exam, learner: User) -> Timed:
    return Timed(make_attempt(exam, learner, start_clock=True, at=START))


def due(timed: Timed, minutes: float) -> None:
    """Give the exam a due date, in minutes after the start."""
    Exam.objects.filter(pk=timed.attempt.exam_id).update(due_date=START + minutes * MINUTE)


def test_while_paused_the_clock_stands_and_afterwards_goes_on(timed: Timed) -> None:
    timed.do("pause", 10)
    assert [timed.minutes_left(minute) for minute in (10, 20, 200)] == [50, 50, 50]
    timed.do("resume", 40)
    assert [timed.minutes_left(minute) for minute in (40, 50, 90)] == [50, 40, 0]
    timed.do("pause", 60)
    timed.do("resume", 65)
    assert timed.minutes_left(65) == 30, "two pauses add up"


def test_content_is_refused_while_paused(timed: Timed, learner: User) -> None:
    timed.do("pause", 10)
    with pytest.raises(ContentAccessDenied):
        grant_access(timed.attempt.exam, learner, now=START + 11 * MINUTE)
    timed.do("resume", 20)
    assert grant_access(timed.attempt.exam, learner, now=START + 21 * MINUTE).expires_in == 60


def test_a_resumed_attempt_never_runs_past_its_due_date(timed: Timed) -> None:
    due(timed, 80)
    timed.do("pause", 10)
    timed.do("resume", 50)
    assert timed.minutes_left(50) == 30, "not the 50 that were left"
    assert deadline(row(timed.attempt), START) == START + 80 * MINUTE


def test_a_pause_may_extend_the_due_date_where_settings_say_so(timed: Timed, settings: Settings, learner: User) -> None:
    settings.LTI_PAUSE_EXTENDS_DUE_DATE = True
    due(timed, 60)
    timed.do("pause", 10)
    timed.do("resume", 50)
    assert timed.minutes_left(50) == 50
    exam = Exam.objects.get(pk=timed.attempt.exam_id)
    assert grant_access(exam, learner, now=START + 70 * MINUTE).expires_in == 60
    with pytest.raises(ContentAccessDenied):
        grant_access(exam, learner, now=START + 101 * MINUTE)


def test_a_pause_ends_by_itself_with_the_attempt_submitted(timed: Timed) -> None:
    timed.do("pause", 10)
    assert list(submit_timed_out_attempts(batch_size=10, now=START + 249 * MINUTE)) == []
    assert list(submit_timed_out_attempts(batch_size=10, now=START + 251 * MINUTE)) == [1]
    over = row(timed.attempt)
    assert (over.status, over.end_time, over.paused_at) == ("submitted", START + 250 * MINUTE, None)
    assert events() == ["submitted"]


def test_a_pause_ends_at_the_due_date(timed: Timed) -> None:
    due(timed, 90)
    timed.do("pause", 10)
    assert sum(submit_timed_out_attempts(batch_size=10, now=START + 89 * MINUTE)) == 0
    over = check_if_exam_timed_out(row(timed.attempt), now=START + 91 * MINUTE)
    assert (over.status, over.end_time) == ("submitted", START + 90 * MINUTE)


def test_the_tools_minutes_do_not_reach_past_the_due_date(timed: Timed, settings: Settings) -> None:
    due(timed, 70)
    timed.do("update", 5, extra_time_mins=30)
    assert row(timed.attempt).extra_time_mins == 30
    assert timed.minutes_left(5) == 65, "the 10 that are left until the due date"
    settings.LTI_PAUSE_EXTENDS_DUE_DATE = True
    timed.do("update", 6, extra_time_mins=31)
    assert timed.minutes_left(6) == 85


def test_pausing_never_costs_minutes_that_the_attempt_had_anyway(timed: Timed) -> None:
    due(timed, 30)
    timed.do("pause", 35)
    assert expired_at(row(timed.attempt), START + 50 * MINUTE) is None
    timed.do("resume", 40)
    assert timed.minutes_left(40) == 20, "the due date was moved forward, and shortens nothing"


@pytest.mark.parametrize("action", ["pause", "resume", "update"])
def test_extra_time_counts_with_whatever_moves_the_clock(timed: Timed, action: str) -> None:
    if action == "resume":
        timed.do("pause", 5)
    timed.do(action, 5, extra_time_mins=7)
    assert timed.minutes_left(5) == 62
    assert AssessmentControlResult.objects.latest("pk").extra_time_mins == 7


def test_extra_time_of_a_flag_is_kept_only(timed: Timed) -> None:
    timed.do("flag", 5, extra_time_mins=7)
    assert timed.minutes_left(5) == 55
    assert AssessmentControlResult.objects.get().extra_time_mins == 7


def test_an_update_without_extra_time_changes_nothing(timed: Timed) -> None:
    timed.do("update", 1, extra_time_mins=10)
    timed.do("update", 2)
    assert timed.minutes_left(2) == 68


def test_a_tool_that_never_resumes_does_not_block_other_exams(timed: Timed, learner: User, vendor: Vendor) -> None:
    timed.do("pause", 10)
    other = make_attempt(proctored_exam(vendor), learner)
    mark_ready(other, learner, now=START)
    start = LearnerAction.START
    with pytest.raises(ExamIllegalStatusTransition):
        act_as_learner(other, start, learner=learner, now=START + 30 * MINUTE)
    act_as_learner(other, start, learner=learner, now=START + 251 * MINUTE)
    assert (row(timed.attempt).status, row(other).status) == ("submitted", "started")


def test_a_paused_learner_may_stop_and_the_pause_goes_on_until_they_submit(timed: Timed, learner: User) -> None:
    timed.do("pause", 10)
    act_as_learner(timed.attempt, LearnerAction.STOP, learner=learner, now=START + 20 * MINUTE)
    assert (row(timed.attempt).status, timed.minutes_left(25)) == ("ready_to_submit", 50)
    act_as_learner(timed.attempt, LearnerAction.SUBMIT, learner=learner, now=START + 30 * MINUTE)
    ended = row(timed.attempt)
    assert (ended.status, ended.paused_at, ended.paused_seconds) == ("submitted", None, 20 * 60)


def test_a_paused_attempt_is_not_started(timed: Timed, learner: User) -> None:
    act_as_learner(timed.attempt, LearnerAction.STOP, learner=learner, now=START + MINUTE)
    timed.do("pause", 10)
    with pytest.raises(ExamIllegalStatusTransition, match="paused"):
        act_as_learner(timed.attempt, LearnerAction.START, learner=learner, now=START + 11 * MINUTE)


def test_extra_time_is_a_total(timed: Timed) -> None:
    timed.do("update", 1, extra_time_mins=10)
    timed.do("update", 2, extra_time_mins=15)
    assert timed.minutes_left(30) == 45
    timed.do("update", 3, extra_time_mins=0)
    assert timed.minutes_left(30) == 30


def test_minutes_given_before_the_start_count_from_it(vendor: Vendor, attempt: ExamAttempt) -> None:
    assert vendor.control(attempt, "update", extra_time=7).json() == {"status": "none", "extra_time": 7}
    mark_ready(attempt, attempt.user, now=START)
    act_as_learner(attempt, LearnerAction.START, learner=attempt.user, now=START)
    assert seconds_remaining(row(attempt), START) == 67 * 60


def test_an_action_on_an_attempt_whose_time_is_over_finds_it_submitted(timed: Timed, vendor: Vendor) -> None:
    answer = vendor.control(timed.attempt, "pause")
    assert answer.status_code == 400
    assert row(timed.attempt).status == "submitted"
    assert row(timed.attempt).end_time == START + 60 * MINUTE
    assert not AssessmentControlResult.objects.exists()
