# SPDX-License-Identifier: AGPL-3.0-only
"""Resetting an attempt and beginning again."""

from datetime import timedelta

import pytest

from edx_exams.apps.core.api import (
    act_as_learner,
    create_exam_attempt,
    get_attempt_for_user_with_attempt_number_and_resource_id,
    get_current_exam_attempt,
    get_exam_attempts,
    reset_and_recreate,
    reset_exam_attempt,
    reset_own_attempt,
)
from edx_exams.apps.core.exceptions import (
    ExamAttemptDoesNotExist,
    ExamDoesNotExist,
    ExamIllegalStatusTransition,
    ExamPermissionDenied,
)
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction
from tests.core.conftest import NOON, EventsOwed, Trail
from tests.factories import (
    ExamFactory,
    OldAttemptFactory,
    ResultFactory,
    make_attempt,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db


def is_there(attempt: ExamAttempt) -> bool:
    return ExamAttempt.objects.filter(pk=attempt.pk).exists()


def test_a_reset_deletes_the_attempt_and_keeps_its_history(
    course_team: User, trail: Trail, events_owed: EventsOwed
) -> None:
    attempt = submitted_attempt()
    ResultFactory.create(attempt=attempt)
    reset_exam_attempt(attempt, course_team)
    assert not is_there(attempt)
    assert trail(attempt) == ["created", "started", "submitted", "submitted"]
    last = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
    assert (last.history_type, last.history_user, last.history_change_reason) == ("-", course_team, "reset")
    assert events_owed() == ["submitted", "reset"]


@pytest.mark.parametrize("status", ["created", "started", "verified", "expired"])
def test_course_staff_reset_from_any_status(status: str, course_team: User) -> None:
    attempt = OldAttemptFactory.create(status=status)
    reset_exam_attempt(attempt, course_team)
    assert not is_there(attempt)


def test_only_the_first_of_two_resets_does_something(course_team: User, events_owed: EventsOwed) -> None:
    attempt = running_attempt()
    stale = ExamAttempt.objects.select_related("exam", "user").get(pk=attempt.pk)
    reset_exam_attempt(attempt, course_team)
    with pytest.raises(ExamAttemptDoesNotExist):
        reset_exam_attempt(stale, course_team)
    assert events_owed() == ["reset"]


def test_the_learner_can_reset_and_recreate_with_a_full_clock(course_team: User, learner: User) -> None:
    exam = ExamFactory.create(time_limit_mins=60)
    reset_exam_attempt(running_attempt(exam, learner, at=NOON), course_team)
    again = running_attempt(exam, learner, at=NOON + timedelta(minutes=30))
    assert again.start_time == NOON + timedelta(minutes=30)
    assert again.allowed_time_limit_mins == 60


class TestNumbers:
    """`attempt_number` counts the learner's attempts of the exam, those that were reset included."""

    def test_resets_count(self, course_team: User, learner: User) -> None:
        exam = ExamFactory.create()
        for number in (1, 2, 3):
            attempt = make_attempt(exam, learner)
            assert attempt.attempt_number == number
            reset_exam_attempt(attempt, course_team)

    def test_other_learners_and_other_exams_do_not(self, course_team: User, learner: User) -> None:
        exam = ExamFactory.create()
        reset_exam_attempt(make_attempt(exam), course_team)
        reset_exam_attempt(make_attempt(user=learner), course_team)
        assert make_attempt(exam, learner).attempt_number == 1

    def test_a_history_that_is_older_than_its_first_row_is_believed(self, course_team: User, learner: User) -> None:
        exam = ExamFactory.create()
        attempt = OldAttemptFactory.create(user=learner, exam=exam, attempt_number=7)
        reset_exam_attempt(attempt, course_team)
        assert make_attempt(exam, learner).attempt_number == 8

    def test_attempts_that_an_old_database_numbered_alike_are_counted(self, course_team: User, learner: User) -> None:
        exam = ExamFactory.create()
        for attempt in [OldAttemptFactory.create(user=learner, exam=exam, attempt_number=1) for _ in range(3)]:
            reset_exam_attempt(attempt, course_team)
        assert make_attempt(exam, learner).attempt_number == 4


class TestOwnReset:
    """Attempts that learners may reset themselves."""

    @pytest.mark.parametrize("exam_type", ["practice", "onboarding"])
    @pytest.mark.parametrize(
        "status", ["created", "download_software_clicked", "ready_to_start", "submitted", "error", "expired"]
    )
    def test_a_practice_attempt_that_is_not_in_progress(
        self, exam_type: str, status: str, events_owed: EventsOwed
    ) -> None:
        attempt = OldAttemptFactory.create(exam=ExamFactory.create(exam_type=exam_type), status=status)
        reset_own_attempt(attempt, attempt.user)
        assert not is_there(attempt)
        assert events_owed() == ["reset"]

    @pytest.mark.parametrize("exam_type", ["timed", "proctored", "something unknown"])
    def test_no_attempt_that_counts(self, exam_type: str, events_owed: EventsOwed) -> None:
        attempt = submitted_attempt(ExamFactory.create(exam_type=exam_type))
        with pytest.raises(ExamPermissionDenied, match="practice"):
            reset_own_attempt(attempt, attempt.user)
        with pytest.raises(ExamIllegalStatusTransition, match="practice"):
            reset_and_recreate(attempt, attempt.user)
        assert is_there(attempt)
        assert events_owed() == ["submitted"]

    @pytest.mark.parametrize("actions", [(), (LearnerAction.STOP,)])
    def test_no_attempt_in_progress(self, actions: tuple[LearnerAction, ...]) -> None:
        attempt = running_attempt(practice=True, then=actions)
        with pytest.raises(ExamPermissionDenied, match="in progress"):
            reset_own_attempt(attempt, attempt.user)
        with pytest.raises(ExamIllegalStatusTransition, match="in progress"):
            reset_and_recreate(attempt, attempt.user)
        assert is_there(attempt)

    def test_an_attempt_whose_time_is_over_is_submitted_first(self, events_owed: EventsOwed) -> None:
        attempt = overdue_attempt(practice=True)
        reset_own_attempt(attempt, attempt.user)
        assert not is_there(attempt)
        assert events_owed() == ["submitted", "reset"]


class TestBeginningAgain:
    """`reset_attempt`: the old attempt goes, and a fresh one takes its place."""

    def test_a_fresh_attempt_takes_the_place_of_the_old_one(self, learner: User, events_owed: EventsOwed) -> None:
        attempt = submitted_attempt(user=learner, practice=True)
        fresh = ExamAttempt.objects.get(pk=reset_and_recreate(attempt, learner))
        assert not is_there(attempt)
        assert (fresh.status, fresh.attempt_number, fresh.start_time) == ("created", 2, None)
        assert (fresh.user, fresh.exam) == (learner, attempt.exam)
        assert events_owed() == ["submitted", "reset"]

    def test_it_can_be_done_over_and_over(self, learner: User) -> None:
        attempt = make_attempt(user=learner, practice=True)
        for number in (2, 3, 4):
            attempt = ExamAttempt.objects.select_related("exam", "user").get(pk=reset_and_recreate(attempt, learner))
            assert attempt.attempt_number == number

    def test_an_exam_that_is_retired_is_not_begun_again_and_the_attempt_stays(
        self, learner: User, events_owed: EventsOwed
    ) -> None:
        attempt = submitted_attempt(user=learner, practice=True)
        Exam.objects.update(is_active=False)
        with pytest.raises(ExamDoesNotExist):
            reset_and_recreate(attempt, learner)
        assert is_there(attempt)
        assert events_owed() == ["submitted"]

    def test_the_fresh_attempt_can_be_started(self, learner: User) -> None:
        attempt = submitted_attempt(user=learner, practice=True)
        fresh = ExamAttempt.objects.select_related("exam", "user").get(pk=reset_and_recreate(attempt, learner))
        act_as_learner(fresh, LearnerAction.START, learner=learner)
        assert ExamAttempt.objects.get(pk=fresh.pk).status == "started"


class TestLookups:
    """The attempt that an id names."""

    def test_of_several_of_one_exam_the_newest_counts(self, learner: User) -> None:
        exam = ExamFactory.create()
        assert get_current_exam_attempt(learner.pk, exam.pk) is None
        first = OldAttemptFactory.create(user=learner, exam=exam)
        second = OldAttemptFactory.create(user=learner, exam=exam)
        OldAttemptFactory.create(exam=exam)
        assert get_current_exam_attempt(learner.pk, exam.pk) == second
        ExamAttempt.objects.filter(pk=first.pk).update(created=NOON.replace(year=2100))
        assert get_current_exam_attempt(learner.pk, exam.pk) == first

    def test_a_tool_names_an_attempt_by_learner_number_and_resource(self, learner: User) -> None:
        exam = ExamFactory.create(resource_id="resource-a")
        attempt = OldAttemptFactory.create(user=learner, exam=exam, attempt_number=3)
        find = get_attempt_for_user_with_attempt_number_and_resource_id
        assert find(learner.pk, 3, "resource-a") == attempt
        assert find(learner.pk, 2, "resource-a") is None
        assert find(learner.pk, 3, "RESOURCE-A") is None
        assert find(learner.pk + 1, 3, "resource-a") is None

    def test_attempts_of_an_exam_come_newest_first(self) -> None:
        exam = ExamFactory.create()
        first, second = OldAttemptFactory.create(exam=exam), OldAttemptFactory.create(exam=exam)
        OldAttemptFactory.create()
        assert list(get_exam_attempts(exam.pk)) == [second, first]

    def test_the_id_of_a_fresh_attempt_is_never_one_that_was_there(self, learner: User, course_team: User) -> None:
        exam = ExamFactory.create()
        attempt = make_attempt(exam, learner)
        reset_exam_attempt(attempt, course_team)
        assert create_exam_attempt(exam.pk, learner.pk) > attempt.pk
