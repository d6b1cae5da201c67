# SPDX-License-Identifier: AGPL-3.0-only
"""Creating an attempt and starting its clock: what is refused, and how long the learner gets."""

from datetime import timedelta

import pytest

from edx_exams.apps.core.api import act_as_learner, create_exam_attempt, grant_extra_time, minutes_if_started
from edx_exams.apps.core.data import ExtraTime
from edx_exams.apps.core.exceptions import (
    ExamAttemptAlreadyExists,
    ExamAttemptOnPastDueExam,
    ExamDoesNotExist,
    ExamIllegalStatusTransition,
    ExamRetired,
    LearnerDoesNotExist,
)
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction
from tests.core.conftest import NOON, EventsOwed, Trail, reloaded
from tests.factories import AllowanceFactory, ExamFactory, OldAttemptFactory, UserFactory, make_attempt, running_attempt

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def start(attempt: ExamAttempt, **when: object) -> ExamAttempt:
    """The attempt, started by its learner."""
    act_as_learner(attempt, LearnerAction.START, learner=attempt.user, **when)  # type: ignore[arg-type]
    return reloaded(attempt)


def test_a_fresh_attempt_is_created_with_no_clock(learner: User, trail: Trail) -> None:
    exam = ExamFactory.create()
    attempt = ExamAttempt.objects.get(pk=create_exam_attempt(exam.pk, learner.pk))
    assert (attempt.status, attempt.attempt_number) == ("created", 1)
    assert (attempt.start_time, attempt.end_time, attempt.allowed_time_limit_mins) == (None, None, None)
    assert trail(attempt) == ["created"]


def test_creating_can_start_the_clock_at_once(learner: User, trail: Trail) -> None:
    exam = ExamFactory.create(time_limit_mins=90)
    attempt = ExamAttempt.objects.get(pk=create_exam_attempt(exam.pk, learner.pk, start_clock=True, now=NOON))
    assert (attempt.status, attempt.start_time, attempt.allowed_time_limit_mins) == ("started", NOON, 90)
    assert trail(attempt) == ["created", "started"]


def test_nobody_cannot_begin(learner: User) -> None:
    with pytest.raises(LearnerDoesNotExist, match=str(learner.pk + 1)):
        create_exam_attempt(ExamFactory.create().pk, learner.pk + 1)


def test_an_exam_that_is_not_there_cannot_be_begun(learner: User) -> None:
    with pytest.raises(ExamDoesNotExist, match="77"):
        create_exam_attempt(77, learner.pk)


def test_a_retired_exam_cannot_be_begun(learner: User) -> None:
    with pytest.raises(ExamDoesNotExist):
        create_exam_attempt(ExamFactory.create(is_active=False).pk, learner.pk)


@pytest.mark.parametrize("status", ["created", "submitted", "rejected", "expired"])
def test_there_is_one_attempt_of_an_exam_for_each_learner(learner: User, status: str) -> None:
    exam = ExamFactory.create(exam_name="Midterm")
    OldAttemptFactory.create(user=learner, exam=exam, status=status)
    with pytest.raises(ExamAttemptAlreadyExists, match="Midterm"):
        create_exam_attempt(exam.pk, learner.pk)
    create_exam_attempt(exam.pk, UserFactory.create().pk)
    assert ExamAttempt.objects.filter(exam=exam).count() == 2


@pytest.mark.parametrize("exam_type", ["timed", "proctored"])
def test_an_exam_cannot_be_begun_once_its_due_date_has_come(learner: User, exam_type: str) -> None:
    exam = ExamFactory.create(exam_type=exam_type, due_date=NOON)
    with pytest.raises(ExamAttemptOnPastDueExam):
        create_exam_attempt(exam.pk, learner.pk, now=NOON)
    assert create_exam_attempt(exam.pk, learner.pk, now=NOON - MINUTE)


@pytest.mark.parametrize("exam_type", ["practice", "onboarding"])
def test_no_due_date_holds_for_practice(learner: User, exam_type: str) -> None:
    exam = ExamFactory.create(exam_type=exam_type, due_date=NOON, time_limit_mins=30)
    attempt = ExamAttempt.objects.get(
        pk=create_exam_attempt(exam.pk, learner.pk, start_clock=True, now=NOON + 10 * MINUTE)
    )
    assert attempt.allowed_time_limit_mins == 30


def test_a_start_that_is_refused_leaves_no_attempt_behind(learner: User) -> None:
    running_attempt(user=learner, exam_name="Midterm")
    with pytest.raises(ExamIllegalStatusTransition, match="Midterm"):
        create_exam_attempt(ExamFactory.create().pk, learner.pk, start_clock=True)
    assert ExamAttempt.objects.count() == ExamAttempt.history.values("id").distinct().count() == 1


def test_a_second_attempt_can_be_created_while_another_runs_but_not_started(learner: User, trail: Trail) -> None:
    running = running_attempt(user=learner)
    second = make_attempt(user=learner)
    for status in (LearnerAction.STOP, LearnerAction.START):
        act_as_learner(running, status, learner=learner)
        with pytest.raises(ExamIllegalStatusTransition):
            start(second)
    assert trail(second) == ["created"]


def test_someone_elses_running_attempt_is_no_obstacle(learner: User) -> None:
    exam = ExamFactory.create()
    running_attempt(exam)
    assert start(make_attempt(exam, learner)).status == "started"


def test_another_attempt_whose_time_is_over_is_submitted_by_the_start(
    learner: User, trail: Trail, events_owed: EventsOwed
) -> None:
    over = running_attempt(user=learner, at=NOON, time_limit_mins=60)
    second = make_attempt(user=learner, at=NOON)
    started = start(second, now=NOON + 61 * MINUTE)
    assert started.start_time == NOON + 61 * MINUTE
    assert reloaded(over).end_time == NOON + 60 * MINUTE
    assert trail(over)[-1] == "submitted"
    assert events_owed() == ["submitted"]


def test_creating_with_the_clock_submits_what_is_over_as_well(learner: User, events_owed: EventsOwed) -> None:
    over = running_attempt(user=learner, at=NOON, time_limit_mins=60)
    create_exam_attempt(ExamFactory.create().pk, learner.pk, start_clock=True, now=NOON + 61 * MINUTE)
    assert reloaded(over).status == "submitted"
    assert events_owed() == ["submitted"]


def test_of_several_obstacles_one_still_runs_and_nothing_is_changed(learner: User, trail: Trail) -> None:
    over = OldAttemptFactory.create(user=learner, status="started", start_time=NOON, allowed_time_limit_mins=10)
    OldAttemptFactory.create(user=learner, status="started", start_time=NOON, allowed_time_limit_mins=90)
    attempt = make_attempt(user=learner, at=NOON)
    with pytest.raises(ExamIllegalStatusTransition):
        start(attempt, now=NOON + 30 * MINUTE)
    assert trail(over) == ["started"]
    assert trail(attempt) == ["created"]


def test_a_running_attempt_is_not_started_again(learner: User) -> None:
    attempt = running_attempt(user=learner, at=NOON)
    with pytest.raises(ExamIllegalStatusTransition):
        start(attempt, now=NOON + MINUTE)
    assert reloaded(attempt).start_time == NOON


def test_going_back_from_the_submit_page_changes_neither_start_nor_limit(learner: User) -> None:
    exam = ExamFactory.create(time_limit_mins=60)
    attempt = running_attempt(exam, learner, at=NOON)
    act_as_learner(attempt, LearnerAction.STOP, learner=learner, now=NOON + 5 * MINUTE)
    Exam.objects.update(time_limit_mins=5)
    AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=30)
    again = start(attempt, now=NOON + 10 * MINUTE)
    assert (again.status, again.start_time, again.allowed_time_limit_mins) == ("started", NOON, 60)


def test_an_attempt_paused_by_the_proctor_cannot_be_started_by_the_learner(learner: User, trail: Trail) -> None:
    attempt = running_attempt(user=learner)
    act_as_learner(attempt, LearnerAction.STOP, learner=learner)
    ExamAttempt.objects.update(paused_at=attempt.start_time)
    with pytest.raises(ExamIllegalStatusTransition, match="paused"):
        start(attempt)
    assert trail(attempt)[-1] == "ready_to_submit"


class TestTimeAllowed:
    """Minutes that a learner gets."""

    def test_the_limit_is_what_the_exam_says_at_the_start(self, learner: User) -> None:
        attempt = make_attempt(user=learner, time_limit_mins=60)
        Exam.objects.update(time_limit_mins=75)
        assert start(attempt).allowed_time_limit_mins == 75

    def test_the_learners_allowance_is_added(self, learner: User) -> None:
        exam = ExamFactory.create(time_limit_mins=60)
        AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=15)
        AllowanceFactory.create(user=learner, extra_time_mins=100)
        AllowanceFactory.create(exam=exam, extra_time_mins=1000)
        assert minutes_if_started(exam, learner.pk) == 75
        assert running_attempt(exam, learner).allowed_time_limit_mins == 75

    def test_without_an_allowance_there_is_no_extra_time(self, learner: User) -> None:
        assert minutes_if_started(ExamFactory.create(time_limit_mins=60), learner.pk) == 60

    @pytest.mark.parametrize(
        ("until_due", "allowed"),
        [
            (timedelta(minutes=61), 60),
            (timedelta(minutes=60), 60),
            (timedelta(minutes=59, seconds=59.9), 59),
            (timedelta(minutes=1), 1),
        ],
    )
    def test_the_due_date_caps_it_to_whole_minutes(self, learner: User, until_due: timedelta, allowed: int) -> None:
        exam = ExamFactory.create(time_limit_mins=60, due_date=NOON + until_due)
        assert running_attempt(exam, learner, at=NOON).allowed_time_limit_mins == allowed

    def test_the_due_date_caps_an_allowance_too(self, learner: User) -> None:
        exam = ExamFactory.create(time_limit_mins=60, due_date=NOON + 70 * MINUTE)
        AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=30)
        assert running_attempt(exam, learner, at=NOON).allowed_time_limit_mins == 70

    def test_the_due_date_that_holds_is_the_one_at_the_start(self, learner: User) -> None:
        attempt = make_attempt(user=learner, time_limit_mins=60, at=NOON)
        Exam.objects.update(due_date=NOON + 20 * MINUTE)
        assert start(attempt, now=NOON).allowed_time_limit_mins == 20

    @pytest.mark.parametrize("late", [timedelta(seconds=-59.9), timedelta(0), MINUTE])
    def test_with_less_than_a_minute_to_the_due_date_nothing_is_started(self, learner: User, late: timedelta) -> None:
        attempt = make_attempt(user=learner, due_date=NOON, at=NOON - 5 * MINUTE)
        with pytest.raises(ExamAttemptOnPastDueExam, match="due date"):
            start(attempt, now=NOON + late)
        assert (reloaded(attempt).status, reloaded(attempt).start_time) == ("created", None)

    def test_a_beginning_with_the_clock_in_the_last_minute_leaves_no_attempt(self, learner: User) -> None:
        exam = ExamFactory.create(due_date=NOON + MINUTE / 2)
        with pytest.raises(ExamAttemptOnPastDueExam):
            create_exam_attempt(exam.pk, learner.pk, start_clock=True, now=NOON)
        assert not ExamAttempt.objects.exists()

    @pytest.mark.parametrize("minutes", [2**31 - 1, 525_601])
    def test_limits_that_no_exam_has_overflow_nothing(self, learner: User, minutes: int) -> None:
        exam = ExamFactory.create(time_limit_mins=minutes)
        AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=minutes)
        assert running_attempt(exam, learner).allowed_time_limit_mins == 2 * 525_600

    def test_an_allowance_given_before_the_start_counts_once(self, learner: User, course_team: User) -> None:
        exam = ExamFactory.create(time_limit_mins=60)
        grant_extra_time(exam.course_id, [ExtraTime(exam.pk, 20, username=learner.username)], granted_by=course_team)
        assert running_attempt(exam, learner).allowed_time_limit_mins == 80


def test_what_has_not_begun_cannot_begin_on_a_retired_instance(learner: User) -> None:
    attempt = make_attempt(user=learner)
    Exam.objects.filter(pk=attempt.exam_id).update(is_active=False)
    with pytest.raises(ExamRetired, match="open it again"):
        act_as_learner(reloaded(attempt), LearnerAction.START, learner=learner)
    assert reloaded(attempt).start_time is None


def test_what_has_begun_goes_on_on_a_retired_instance(learner: User) -> None:
    attempt = make_attempt(user=learner, start_clock=True, then=(LearnerAction.STOP,))
    Exam.objects.filter(pk=attempt.exam_id).update(is_active=False)
    act_as_learner(reloaded(attempt), LearnerAction.START, learner=learner)
    assert reloaded(attempt).status == "started"
