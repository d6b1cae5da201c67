# SPDX-License-Identifier: AGPL-3.0-only
"""Extra time for learners."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from edx_exams.apps.core.api import (
    act_as_learner,
    allowance_rows,
    check_if_exam_timed_out,
    grant_extra_time,
    revoke_extra_time,
    set_extra_time,
)
from edx_exams.apps.core.data import ExtraTime
from edx_exams.apps.core.exceptions import InvalidAllowance
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.transition_rules import LearnerAction
from tests.core.conftest import Trail, reloaded
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ExamFactory,
    OldAttemptFactory,
    UserFactory,
    make_attempt,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
StatementsOf = Callable[[Callable[[], Any]], list[str]]


def grant(course_team: User, *grants: ExtraTime) -> None:
    grant_extra_time(COURSE_ID, grants, granted_by=course_team)


def minutes_of(user: User, exam: Exam) -> int:
    """The minutes of the one allowance that the learner has for the exam."""
    return StudentAllowance.objects.get(user=user, exam=exam).extra_time_mins


@pytest.fixture
def exam() -> Exam:
    return ExamFactory.create(time_limit_mins=60)


class TestGranting:
    """All grants of a request, or none."""

    def test_by_username_or_by_email(self, exam: Exam, course_team: User) -> None:
        ada, ben = UserFactory.create(username="ada"), UserFactory.create(email="Ben@Example.com")
        grant(course_team, ExtraTime(exam.pk, 10, username="ada"), ExtraTime(exam.pk, 20, email="Ben@Example.com"))
        assert (minutes_of(ada, exam), minutes_of(ben, exam)) == (10, 20)

    def test_a_username_wins_over_an_email(self, exam: Exam, course_team: User, learner: User) -> None:
        grant(course_team, ExtraTime(exam.pk, 10, username=learner.username, email=course_team.email))
        assert list(StudentAllowance.objects.values_list("user", flat=True)) == [learner.pk]

    def test_a_username_wins_over_an_email_that_is_several_peoples(self, exam: Exam, course_team: User) -> None:
        ada, _ = (UserFactory.create(email="both@example.com") for _ in range(2))
        grant(course_team, ExtraTime(exam.pk, 10, username=ada.username, email="both@example.com"))
        assert minutes_of(ada, exam) == 10

    def test_a_second_grant_replaces_the_first(self, exam: Exam, course_team: User, learner: User) -> None:
        grant(course_team, ExtraTime(exam.pk, 10, username=learner.username))
        before = StudentAllowance.objects.get()
        grant(course_team, ExtraTime(exam.pk, 0, username=learner.username))
        after = StudentAllowance.objects.get()
        assert (after.pk, after.extra_time_mins, after.created) == (before.pk, 0, before.created)
        assert after.modified > before.modified

    def test_whoever_is_named_twice_for_one_exam_gets_nothing(
        self, exam: Exam, course_team: User, learner: User
    ) -> None:
        twice = ExtraTime(exam.pk, 10, username=learner.username), ExtraTime(exam.pk, 30, email=learner.email)
        with pytest.raises(InvalidAllowance, match="Item 2: this learner has been named before"):
            grant(course_team, *twice)
        assert not StudentAllowance.objects.exists()

    def test_emails_are_compared_without_regard_to_case_and_usernames_to_the_letter(
        self, exam: Exam, course_team: User, learner: User
    ) -> None:
        grant(course_team, ExtraTime(exam.pk, 20, email=learner.email.upper()))
        assert minutes_of(learner, exam) == 20
        with pytest.raises(InvalidAllowance, match="there is no learner"):
            grant(course_team, ExtraTime(exam.pk, 20, username=learner.username.upper()))

    def test_nothing_to_grant_is_fine_and_costs_nothing(self, course_team: User, statements_of: StatementsOf) -> None:
        assert statements_of(lambda: grant(course_team)) == []

    @pytest.mark.parametrize(
        ("bad", "why"),
        [
            (lambda exam: ExtraTime(exam.pk + 77, 5, username="ada"), r"Item 2: there is no exam \d+ in course-v1:"),
            (lambda exam: ExtraTime(exam.pk, 5, username="nobody"), "Item 2: there is no learner “nobody”"),
            (lambda exam: ExtraTime(exam.pk, 5, email="no@example.com"), "Item 2: .*belongs to no learner"),
            (lambda exam: ExtraTime(exam.pk, 5, email="both@example.com"), "Item 2: .*several learners"),
            (lambda exam: ExtraTime(exam.pk, 5), "Item 2: .*belongs to no learner"),
        ],
    )
    def test_one_bad_grant_refuses_all_and_is_named(
        self, bad: Callable[[Exam], ExtraTime], why: str, exam: Exam, course_team: User
    ) -> None:
        UserFactory.create(username="ada")
        for _ in range(2):
            UserFactory.create(email="both@example.com")
        with pytest.raises(InvalidAllowance, match=why):
            grant(course_team, ExtraTime(exam.pk, 10, username="ada"), bad(exam))
        assert not StudentAllowance.objects.exists()

    @pytest.mark.parametrize("fields", [{"course_id": "course-v1:Acme+BIO102+2026"}, {"is_active": False}])
    def test_an_exam_of_another_course_or_a_retired_one_is_refused(
        self, fields: dict[str, Any], exam: Exam, course_team: User, learner: User
    ) -> None:
        other = ExamFactory.create(**fields)
        with pytest.raises(InvalidAllowance, match=f"Its exams: {exam.pk}."):
            grant(course_team, ExtraTime(other.pk, 10, username=learner.username))

    def test_a_course_without_exams_says_so(self, course_team: User, learner: User) -> None:
        with pytest.raises(InvalidAllowance, match="Its exams: none"):
            grant(course_team, ExtraTime(1, 10, username=learner.username))

    def test_the_number_of_statements_does_not_grow_with_the_number_of_learners(
        self, course_team: User, statements_of: StatementsOf
    ) -> None:
        statements = set()
        for size in (3, 30):
            exam = ExamFactory.create()
            users = [UserFactory.create() for _ in range(size)]
            for user in users:
                running_attempt(exam, user)
            first = [ExtraTime(exam.pk, 5, username=user.username) for user in users]
            then = [ExtraTime(exam.pk, 9, email=user.email) for user in users]
            counts = [len(statements_of(partial(grant, course_team, *grants))) for grants in (first, then)]
            statements.add(tuple(counts))
        assert len(statements) == 1


class TestRunningAttempts:
    """A learner whose attempt is in progress gets the difference at once."""

    def test_the_first_allowance_is_added(self, exam: Exam, course_team: User, learner: User) -> None:
        attempt = running_attempt(exam, learner)
        grant(course_team, ExtraTime(exam.pk, 20, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 80

    def test_a_higher_one_adds_the_difference(self, exam: Exam, course_team: User, learner: User) -> None:
        AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=15)
        attempt = running_attempt(exam, learner)
        grant(course_team, ExtraTime(exam.pk, 20, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 80

    def test_what_is_owed_is_computed_and_not_added_up(self, exam: Exam, course_team: User, learner: User) -> None:
        attempt = running_attempt(exam, learner)
        for minutes in (30, 0, 30, 0, 30):
            grant(course_team, ExtraTime(exam.pk, minutes, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 90

    def test_an_allowance_that_was_never_given_is_given_by_its_repetition(
        self, exam: Exam, course_team: User, learner: User
    ) -> None:
        attempt = running_attempt(exam, learner)
        AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=30)
        grant(course_team, ExtraTime(exam.pk, 30, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 90

    def test_an_allowance_set_by_hand_is_given_too(self, exam: Exam, course_team: User, learner: User) -> None:
        attempt = running_attempt(exam, learner)
        set_extra_time(StudentAllowance(user=learner, exam=exam, extra_time_mins=20), by=course_team)
        assert (minutes_of(learner, exam), reloaded(attempt).allowed_time_limit_mins) == (20, 80)

    def test_it_reaches_the_attempt_of_a_retired_instance_of_the_content(
        self, exam: Exam, course_team: User, learner: User
    ) -> None:
        attempt = running_attempt(exam, learner)
        Exam.objects.update(is_active=False)
        now_active = ExamFactory.create(content_id=exam.content_id, proctored=True)
        grant(course_team, ExtraTime(now_active.pk, 15, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 75

    def test_a_lower_one_takes_nothing_away(self, exam: Exam, course_team: User, learner: User, trail: Trail) -> None:
        AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=15)
        attempt = running_attempt(exam, learner)
        grant(course_team, ExtraTime(exam.pk, 5, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 75
        assert trail(attempt) == ["created", "started"]

    def test_an_attempt_on_its_submit_page_is_in_progress_too(
        self, exam: Exam, course_team: User, learner: User
    ) -> None:
        attempt = running_attempt(exam, learner)
        act_as_learner(attempt, LearnerAction.STOP, learner=learner)
        grant(course_team, ExtraTime(exam.pk, 20, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 80

    def test_the_history_says_who_and_why(self, exam: Exam, course_team: User, learner: User) -> None:
        attempt = running_attempt(exam, learner)
        grant(course_team, ExtraTime(exam.pk, 20, username=learner.username))
        row = ExamAttempt.history.filter(id=attempt.pk).latest("history_id")
        assert (row.allowed_time_limit_mins, row.history_user, row.history_change_reason) == (
            80,
            course_team,
            "extra time granted by course staff",
        )
        assert reloaded(attempt).modified > attempt.modified

    @pytest.mark.parametrize(("minutes_left", "gets"), [(90, 80), (70, 70), (60, 60), (30, 60)])
    def test_not_past_the_due_date_and_never_less_than_before(
        self, minutes_left: int, gets: int, exam: Exam, course_team: User, learner: User
    ) -> None:
        started = running_attempt(exam, learner)
        assert started.start_time
        Exam.objects.update(due_date=started.start_time + minutes_left * MINUTE)
        grant(course_team, ExtraTime(exam.pk, 20, username=learner.username))
        assert reloaded(started).allowed_time_limit_mins == gets

    def test_a_practice_exam_knows_no_due_date(self, course_team: User, learner: User) -> None:
        exam = ExamFactory.create(practice=True, due_date=timezone.now() + MINUTE)
        attempt = running_attempt(exam, learner)
        grant(course_team, ExtraTime(exam.pk, 20, username=learner.username))
        assert reloaded(attempt).allowed_time_limit_mins == 80

    def test_what_is_over_is_left_to_whoever_submits_it(self, exam: Exam, course_team: User, learner: User) -> None:
        attempt = overdue_attempt(exam, learner)
        grant(course_team, ExtraTime(exam.pk, 600, username=learner.username))
        assert check_if_exam_timed_out(reloaded(attempt)).status == "submitted"
        assert reloaded(attempt).allowed_time_limit_mins == 60

    def test_attempts_that_are_not_in_progress_stay_as_they_are(self, exam: Exam, course_team: User) -> None:
        attempts = [make_attempt(exam), submitted_attempt(exam)]
        grant(course_team, *(ExtraTime(exam.pk, 20, username=attempt.user.username) for attempt in attempts))
        assert [reloaded(attempt).allowed_time_limit_mins for attempt in attempts] == [None, 60]

    @pytest.mark.parametrize("fields", [{"start_time": None}, {"allowed_time_limit_mins": None}])
    def test_old_rows_without_start_or_limit_stay_as_they_are(
        self, fields: dict[str, Any], exam: Exam, course_team: User
    ) -> None:
        when: datetime = timezone.now()
        clock = {"start_time": when, "allowed_time_limit_mins": 60, **fields}
        attempt = OldAttemptFactory.create(exam=exam, status="started", **clock)
        grant(course_team, ExtraTime(exam.pk, 20, username=attempt.user.username))
        assert reloaded(attempt).allowed_time_limit_mins == clock["allowed_time_limit_mins"]

    def test_only_the_attempt_of_that_exam_and_that_learner(self, course_team: User, learner: User) -> None:
        other_exam, same_exam = running_attempt(user=learner), running_attempt()
        exams = [ExamFactory.create(), same_exam.exam]
        grant(course_team, *(ExtraTime(exam.pk, 20, username=learner.username) for exam in exams))
        other_learner = running_attempt()
        grant(course_team, ExtraTime(other_exam.exam_id, 20, username=other_learner.user.username))
        for attempt in (other_exam, same_exam, other_learner):
            assert reloaded(attempt).allowed_time_limit_mins == 60

    def test_grants_of_one_request_reach_each_attempt(self, course_team: User) -> None:
        attempts = [running_attempt(time_limit_mins=minutes) for minutes in (10, 20, 30)]
        grant(course_team, *(ExtraTime(attempt.exam_id, 5, username=attempt.user.username) for attempt in attempts))
        assert [reloaded(attempt).allowed_time_limit_mins for attempt in attempts] == [15, 25, 35]


class TestRevoking:
    """Taking an allowance back."""

    def test_it_goes_and_a_running_attempt_keeps_its_time(self, exam: Exam, learner: User) -> None:
        allowance = AllowanceFactory.create(user=learner, exam=exam, extra_time_mins=15)
        attempt = running_attempt(exam, learner)
        assert revoke_extra_time(COURSE_ID, allowance.pk)
        assert not StudentAllowance.objects.exists()
        assert reloaded(attempt).allowed_time_limit_mins == 75

    def test_only_within_its_course(self) -> None:
        allowance = AllowanceFactory.create()
        assert not revoke_extra_time("course-v1:Acme+BIO102+2026", allowance.pk)
        assert not revoke_extra_time(COURSE_ID, allowance.pk + 1)
        assert StudentAllowance.objects.get() == allowance


def test_allowances_of_a_course_are_those_of_its_active_exams_by_id(statements_of: StatementsOf) -> None:
    allowances = [AllowanceFactory.create() for _ in range(3)]
    AllowanceFactory.create(exam__is_active=False)
    AllowanceFactory.create(exam__course_id="course-v1:Acme+BIO102+2026")
    assert len(statements_of(lambda: allowance_rows(COURSE_ID))) == 1
    assert [(row["id"], row["username"]) for row in allowance_rows(COURSE_ID)] == [
        (allowance.pk, allowance.user.username) for allowance in allowances
    ]
