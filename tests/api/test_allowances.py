# SPDX-License-Identifier: AGPL-3.0-only
"""`exams/course_id/…/allowances`: extra time for learners."""

from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ExamFactory,
    UserFactory,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

ALLOWANCES: Final = f"{API}/exams/course_id/{COURSE_ID}/allowances"


@pytest.fixture
def exam() -> Exam:
    return ExamFactory.create()


def grant(client: APIClient, *items: Any) -> Any:
    return client.post(ALLOWANCES, list(items), format="json")


def granted(client: APIClient, *items: Any) -> None:
    """Grant, and see the answer that says it is done."""
    answer = grant(client, *items)
    assert (answer.status_code, answer.content) == (200, b"")


def minutes() -> dict[tuple[int, int], int]:
    """Extra minutes by user and exam."""
    return {(one.user_id, one.exam_id): one.extra_time_mins for one in StudentAllowance.objects.all()}


def minutes_of(attempt: ExamAttempt) -> int | None:
    return ExamAttempt.objects.get(pk=attempt.pk).allowed_time_limit_mins


# GET


def test_an_allowance_has_these_fields(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    allowance = AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=15)
    assert as_course_team.get(ALLOWANCES).json() == [
        {
            "id": allowance.pk,
            "exam_id": exam.pk,
            "user_id": learner.pk,
            "extra_time_mins": 15,
            "username": learner.username,
            "exam_name": exam.exam_name,
            "email": learner.email,
        }
    ]


def test_only_allowances_of_the_courses_active_exams_are_listed_by_id(as_course_team: APIClient, exam: Exam) -> None:
    mine = [AllowanceFactory.create(exam=exam).pk for _ in range(3)]
    AllowanceFactory.create(exam=ExamFactory.create(is_active=False))
    AllowanceFactory.create(exam=ExamFactory.create(course_id="course-v1:Acme+BIO101+2027"))
    assert [one["id"] for one in as_course_team.get(ALLOWANCES).json()] == mine


# POST


@pytest.mark.parametrize("by", ["username", "email"])
def test_extra_time_is_granted_and_replaced(by: str, as_course_team: APIClient, exam: Exam, learner: User) -> None:
    item = {by: getattr(learner, by), "exam_id": exam.pk, "extra_time_mins": 20}
    granted(as_course_team, item)
    assert minutes() == {(learner.pk, exam.pk): 20}
    granted(as_course_team, {**item, "extra_time_mins": 5})
    assert minutes() == {(learner.pk, exam.pk): 5}


def test_many_are_granted_at_once(as_course_team: APIClient, exam: Exam) -> None:
    other_exam = ExamFactory.create()
    learners = UserFactory.create_batch(5)
    granted(
        as_course_team,
        *(
            {"username": learner.username, "exam_id": one.pk, "extra_time_mins": n}
            for n, learner in enumerate(learners)
            for one in (exam, other_exam)
        ),
    )
    assert minutes() == {(learner.pk, e.pk): n for n, learner in enumerate(learners) for e in (exam, other_exam)}


def test_an_empty_list_is_fine(as_course_team: APIClient, unchanged: Unchanged) -> None:
    with unchanged():
        granted(as_course_team)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(0, 0), (7, 7), (7.0, 7), (7.5, 8), (7.01, 8), (0.1, 1), ("7.5", 8), ("12", 12), (1e3, 1000), (525_600,) * 2],
)
def test_fractions_are_rounded_up_to_whole_minutes(
    sent: Any, stored: int, as_course_team: APIClient, exam: Exam, learner: User
) -> None:
    granted(as_course_team, {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": sent})
    assert list(minutes().values()) == [stored]


def test_the_username_wins_where_both_are_given(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    other = UserFactory.create()
    granted(
        as_course_team,
        {"username": learner.username, "email": other.email, "exam_id": exam.pk, "extra_time_mins": 5},
    )
    assert list(minutes()) == [(learner.pk, exam.pk)]


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_username_leaves_it_to_the_address(
    nothing: str | None, as_course_team: APIClient, exam: Exam, learner: User
) -> None:
    granted(as_course_team, {"username": nothing, "email": learner.email, "exam_id": exam.pk, "extra_time_mins": 5})
    assert list(minutes()) == [(learner.pk, exam.pk)]


def test_an_address_that_several_users_have_is_refused(
    as_course_team: APIClient, exam: Exam, learner: User, unchanged: Unchanged
) -> None:
    UserFactory.create(email=learner.email)
    good = {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 5}
    with unchanged():
        said = assert_refused(
            grant(as_course_team, good, {"email": learner.email, "exam_id": exam.pk, "extra_time_mins": 5}), 400
        )
    assert "item 2" in said["detail"].lower()


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": "nobody"},
        {"username": None, "email": "nobody@example.com"},
        {"username": None},
        {"username": "", "email": ""},
        {"exam_id": 0},
        {"exam_id": 2**31 - 1},
        {"exam_id": None},
        {"extra_time_mins": -1},
        {"extra_time_mins": -0.5},
        {"extra_time_mins": 525_601},
        {"extra_time_mins": None},
        {"extra_time_mins": "soon"},
    ],
    ids=repr,
)
def test_one_wrong_item_refuses_all_and_is_named(
    wrong: dict[str, Any], as_course_team: APIClient, exam: Exam, learner: User, unchanged: Unchanged
) -> None:
    running_attempt(exam, learner)
    good = {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 5}
    with unchanged():
        said = assert_refused(grant(as_course_team, good, {**good, **wrong}), 400)
    assert "item 2" in said["detail"].lower()


@pytest.mark.parametrize("field", ["exam_id", "extra_time_mins", "username"])
def test_a_field_that_is_missing_is_named(
    field: str, as_course_team: APIClient, exam: Exam, learner: User, unchanged: Unchanged
) -> None:
    item = {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 5}
    del item[field]
    with unchanged():
        said = assert_refused(grant(as_course_team, item), 400, errors=True)
    assert field in said["detail"]


def test_an_exam_of_another_course_or_a_retired_one_is_refused(
    as_course_team: APIClient, learner: User, unchanged: Unchanged
) -> None:
    elsewhere = ExamFactory.create(course_id="course-v1:Acme+BIO101+2027")
    retired = ExamFactory.create(is_active=False)
    with unchanged():
        for exam in (elsewhere, retired):
            item = {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 5}
            said = assert_refused(grant(as_course_team, item), 400)
            assert str(exam.pk) in said["detail"]


def test_unknown_keys_are_ignored(as_course_team: APIClient, exam: Exam, learner: User) -> None:
    item = {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 5, "id": 7, "user_id": 9, "x": [{}]}
    granted(as_course_team, item)
    assert minutes() == {(learner.pk, exam.pk): 5}


# What it does to attempts


def test_an_attempt_in_progress_gets_the_difference_at_once(
    as_course_team: APIClient, exam: Exam, learner: User
) -> None:
    attempt = running_attempt(exam, learner)
    item = {"username": learner.username, "exam_id": exam.pk}
    granted(as_course_team, {**item, "extra_time_mins": 10})
    assert minutes_of(attempt) == 70
    granted(as_course_team, {**item, "extra_time_mins": 25})
    assert minutes_of(attempt) == 85


def test_lowering_or_deleting_an_allowance_never_shortens_an_attempt(
    as_course_team: APIClient, exam: Exam, learner: User
) -> None:
    allowance = AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=30)
    attempt = running_attempt(exam, learner)
    granted(as_course_team, {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 0})
    assert minutes_of(attempt) == 90
    assert as_course_team.delete(f"{ALLOWANCES}/{allowance.pk}").status_code == 204
    assert minutes_of(attempt) == 90


def test_extra_time_does_not_reach_past_the_due_date(as_course_team: APIClient, learner: User) -> None:
    exam = ExamFactory.create(due_date=timezone.now() + timedelta(minutes=70, seconds=30))
    attempt = running_attempt(exam, learner)
    granted(as_course_team, {"username": learner.username, "exam_id": exam.pk, "extra_time_mins": 30})
    assert minutes_of(attempt) == 70


def test_attempts_that_are_over_stay_as_they_are(as_course_team: APIClient, exam: Exam) -> None:
    over = [submitted_attempt(exam), overdue_attempt(exam)]
    granted(
        as_course_team,
        *({"username": attempt.user.username, "exam_id": exam.pk, "extra_time_mins": 500} for attempt in over),
    )
    assert [minutes_of(attempt) for attempt in over] == [60, 60]


# DELETE


def test_an_allowance_is_deleted(as_course_team: APIClient, exam: Exam) -> None:
    kept, gone = AllowanceFactory.create(exam=exam), AllowanceFactory.create(exam=exam)
    answer = as_course_team.delete(f"{ALLOWANCES}/{gone.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert StudentAllowance.objects.get() == kept
    assert_refused(as_course_team.delete(f"{ALLOWANCES}/{gone.pk}"), 404)


def test_an_allowance_of_another_course_is_not_there(as_course_team: APIClient, unchanged: Unchanged) -> None:
    elsewhere = AllowanceFactory.create(exam=ExamFactory.create(course_id="course-v1:Acme+BIO101+2027"))
    with unchanged():
        for allowance_id in (elsewhere.pk, 0, 2**31, 2**62, 9999999999999999999):
            assert_refused(as_course_team.delete(f"{ALLOWANCES}/{allowance_id}"), 404)
