# SPDX-License-Identifier: AGPL-3.0-only
"""Exams and attempts as the dashboard lists them, and the reset."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.api import act_as_staff
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.transition_rules import StaffAction
from tests.conftest import ClientFor, CountStatements
from tests.factories import (
    COURSE_ID,
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    UserFactory,
    running_attempt,
    submitted_attempt,
)
from tests.instructor.dashboard import ALLOWANCES, ATTEMPTS, COURSE, EXAMS

pytestmark = pytest.mark.django_db


def test_an_exam_has_these_fields(as_course_team: APIClient) -> None:
    provider = ProviderFactory.create()
    exam = ExamFactory.create(exam_type="proctored", provider=provider)
    (shown,) = as_course_team.get(EXAMS).json()
    assert shown == {
        "id": exam.pk,
        "course_id": COURSE_ID,
        "content_id": exam.content_id,
        "exam_name": exam.exam_name,
        "time_limit_mins": exam.time_limit_mins,
        "due_date": None,
        "exam_type": "proctored",
        "is_proctored": True,
        "is_practice_exam": False,
        "is_active": True,
        "hide_after_due": False,
        "backend": provider.name,
    }
    assert as_course_team.get(f"{EXAMS}/{exam.pk}").json() == shown
    assert as_course_team.get(f"{EXAMS}/{exam.pk}/").json() == shown


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("timed", ["timed"]),
        ("proctored", ["proctored"]),
        ("practice", ["practice", "onboarding"]),
        ("onboarding", []),
        ("nonsense", []),
        ("", []),
    ],
)
def test_exams_are_found_by_the_dashboards_types(as_course_team: APIClient, wanted: str, found: list[str]) -> None:
    for exam_type in ("timed", "proctored", "practice", "onboarding"):
        ExamFactory.create(exam_type=exam_type)
    ExamFactory.create(exam_type="timed", is_active=False)
    shown = as_course_team.get(EXAMS, {"exam_type": wanted}).json()
    by_id = dict(Exam.objects.values_list("pk", "exam_type"))
    assert [by_id[exam["id"]] for exam in shown] == found


def test_an_attempt_has_these_fields(as_course_team: APIClient) -> None:
    attempt = running_attempt()
    page = as_course_team.get(f"{EXAMS}/{attempt.exam_id}/attempts").json()
    (shown,) = page.pop("results")
    assert page == {"next": None, "previous": None, "count": 1, "num_pages": 1, "current_page": 1, "start": 0}
    assert shown.pop("start_time")
    assert shown == {
        "id": attempt.pk,
        "user": {"id": attempt.user.lms_user_id, "username": attempt.user.username, "email": attempt.user.email},
        "exam_id": attempt.exam_id,
        "exam_name": attempt.exam.exam_name,
        "exam_type": "timed",
        "status": "started",
        "end_time": None,
        "allowed_time_limit_mins": attempt.allowed_time_limit_mins,
        "ready_to_resume": False,
    }


def test_a_person_whose_lms_id_is_unknown_has_a_negative_one(as_course_team: APIClient) -> None:
    attempt = running_attempt(user=UserFactory.create(lms_user_id=None))
    (shown,) = as_course_team.get(ATTEMPTS).json()["results"]
    assert shown["user"]["id"] == -attempt.user_id


def test_the_course_wide_list_has_attempts_of_retired_instances(as_course_team: APIClient) -> None:
    exam = ExamFactory.create()
    first = submitted_attempt(exam)
    Exam.objects.filter(pk=exam.pk).update(is_active=False)
    other_instance = submitted_attempt(ExamFactory.create(content_id=exam.content_id, exam_type="practice"))
    same_instance = OldAttemptFactory.create(exam=ExamFactory.create(content_id=exam.content_id, is_active=False))
    submitted_attempt(ExamFactory.create(course_id="course-v1:Other+C+R"))
    assert ids(as_course_team.get(ATTEMPTS)) == [same_instance.pk, other_instance.pk, first.pk]
    assert ids(as_course_team.get(f"{EXAMS}/{exam.pk}/attempts")) == [first.pk]


def ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


@pytest.fixture
def two_attempts(db: None) -> tuple[ExamAttempt, ExamAttempt]:
    """Attempts that every ordering tells apart, the smaller one first."""
    small = submitted_attempt(
        ExamFactory.create(exam_name="Algebra", time_limit_mins=30, exam_type="practice"),
        UserFactory.create(username="anna", email="a@example.com"),
    )
    large = submitted_attempt(
        ExamFactory.create(exam_name="Botany", time_limit_mins=60, exam_type="timed"),
        UserFactory.create(username="bert", email="b@example.com"),
    )
    act_as_staff(large, StaffAction.VERIFY, staff=UserFactory.create(is_staff=True))
    return small, large


ORDERINGS = [
    "username", "user.username", "email", "user.email", "exam_name", "proctored_exam.exam_name", "time_limit",
    "proctored_exam.time_limit_mins", "allowed_time_limit_mins", "type", "exam_type", "started_at", "start_time",
    "completed_at", "end_time", "status", "ready_to_resume",
]  # fmt: skip


def test_attempts_are_ordered_by_each_column_and_found_by_their_learner(
    as_course_team: APIClient, two_attempts: tuple[ExamAttempt, ExamAttempt]
) -> None:
    small, large = two_attempts
    for ordering in ORDERINGS:
        up, down = [small.pk, large.pk], [large.pk, small.pk]
        assert ids(as_course_team.get(ATTEMPTS, {"ordering": ordering})) == up, ordering
        assert ids(as_course_team.get(ATTEMPTS, {"ordering": f"-{ordering}"})) == down, ordering
    for unknown in ("password", "-", "--status", "user__password"):
        assert ids(as_course_team.get(ATTEMPTS, {"ordering": unknown})) == [large.pk, small.pk], unknown
    for text in ("BERT", "b@EXAMPLE", "er"):
        assert ids(as_course_team.get(ATTEMPTS, {"search": text})) == [large.pk], text
    for text in ("nobody", "%", "_", "bert b@example.com", "😀"):
        assert ids(as_course_team.get(ATTEMPTS, {"search": text})) == [], text


def test_a_page_costs_the_same_for_any_number_of_rows(as_course_team: APIClient, at_most: CountStatements) -> None:
    exam = ExamFactory.create()
    as_course_team.get(ATTEMPTS)
    for more_rows, rows in ((10, 10), (990, 1_000)):
        more = User.objects.bulk_create(User(username=f"one-of-{rows}-{place}") for place in range(more_rows))
        ExamAttempt.objects.bulk_create(
            ExamAttempt(exam=exam, user=learner, attempt_number=1, status="created") for learner in more
        )
        StudentAllowance.objects.bulk_create(
            StudentAllowance(exam=exam, user=learner, extra_time_mins=5, review_policy_exception="Paper is allowed.")
            for learner in more
        )
        query: dict[str, str | int] = {"page_size": 100, "ordering": "username", "search": "one-of"}
        with at_most(5):
            assert as_course_team.get(ATTEMPTS, query).json()["count"] == rows
        with at_most(5):
            assert as_course_team.get(f"{EXAMS}/{exam.pk}/attempts", query).json()["count"] == rows
        with at_most(6):
            assert as_course_team.get(ALLOWANCES, query).json()["count"] == 2 * rows


def test_a_page_that_is_not_there_is_404(as_course_team: APIClient) -> None:
    answer = as_course_team.get(ATTEMPTS, {"page": 2})
    assert answer.status_code == 404
    assert answer.json()["error"] == answer.json()["detail"]


def test_resetting_deletes_the_learners_attempt_of_this_exam(as_course_team: APIClient) -> None:
    attempt, other = submitted_attempt(), submitted_attempt()
    answer = as_course_team.post(f"{EXAMS}/{attempt.exam_id}/reset/{attempt.user.username}")
    assert answer.status_code == 200
    assert answer.json()["success"] is True
    assert list(ExamAttempt.objects.values_list("pk", flat=True)) == [other.pk]


def test_what_cannot_be_reset_is_404(as_course_team: APIClient, learner: User) -> None:
    attempt = submitted_attempt()
    taken, other = attempt.user.username, ExamFactory.create()
    elsewhere = ExamFactory.create(course_id="course-v1:Other+C+R")
    for path, status in (
        (f"{attempt.exam_id}/reset/nobody", 404),
        (f"{attempt.exam_id}/reset/{learner.username}", 404),
        (f"{attempt.exam_id}/reset/{taken.upper()}", 404),
        (f"{attempt.exam_id}/reset/{taken}%20", 404),
        (f"{attempt.exam_id}/reset/{taken}%00", 404),
        (f"{attempt.exam_id}/reset/{'x' * 3_000}", 404),
        (f"{attempt.exam_id}/reset/", 404),
        (f"{other.pk}/reset/{taken}", 404),
        (f"{elsewhere.pk}/reset/{taken}", 404),
        (f"999999/reset/{taken}", 404),
        (f"{'9' * 19}/reset/{taken}", 404),
        (f"{'9' * 20}/reset/{taken}", 404),
    ):
        answer = as_course_team.post(f"{EXAMS}/{path}")
        assert answer.status_code == status, (path[:80], answer.content)
        assert answer.json()["error"] == answer.json()["detail"], path[:80]
    assert ExamAttempt.objects.get() == attempt


OPERATIONS = [
    ("GET", "special_exams"), ("GET", "special_exams/1"), ("GET", "special_exams/attempts"),
    ("GET", "special_exams/1/attempts"), ("POST", "special_exams/1/reset/somebody"),
    ("GET", "special_exams/allowances"), ("POST", "special_exams/allowances"), ("POST", "special_exams/1/allowance"),
    ("DELETE", "special_exams/1/allowance"), ("GET", "proctoring_settings"), ("PATCH", "proctoring_settings"),
]  # fmt: skip


def test_each_operation_is_for_staff_of_the_course(
    client_for: ClientFor, as_nobody: APIClient, learner: User, course_team: User
) -> None:
    other, nonsense = "/api/instructor/v2/courses/course-v1:Other+C+R", "/api/instructor/v2/courses/nonsense"
    as_learner, as_team = client_for(learner), client_for(course_team)
    for client, place, status in (
        (as_nobody, COURSE, 401),
        (as_nobody, nonsense, 401),
        (as_learner, COURSE, 403),
        (as_team, other, 403),
        (as_team, nonsense, 404),
        (as_learner, nonsense, 404),
    ):
        for method, path in OPERATIONS:
            answer = client.generic(method, f"{place}/{path}", "{}", content_type="application/json")
            assert answer.status_code == status, (method, place, path, answer.content)
            assert answer.json()["error"] == answer.json()["detail"]


def test_whatever_else_is_asked_is_refused_in_the_same_shape(as_course_team: APIClient) -> None:
    for method, path, status in (
        ("PUT", "special_exams", 405),
        ("DELETE", "special_exams/attempts", 405),
        ("POST", "proctoring_settings", 405),
        ("GET", "special_exams/1/reset/ada", 405),
        ("GET", "special_exams/one", 404),
        ("GET", "special_exams/-1", 404),
        ("PUT", "special_exams/1/attempts/2/resume", 404),
        ("GET", "special_exams_and_more", 404),
        ("GET", "%0A/special_exams", 404),
        ("GET", "proctoring_settings/more", 404),
        ("GET", "special_exams/attempts?page=0", 400),
        ("GET", "special_exams/attempts?page=first", 400),
        ("GET", "special_exams/attempts?page_size=-1", 400),
        ("GET", "special_exams/attempts?search=%00", 400),
        ("GET", "special_exams/allowances?page=2", 404),
        ("POST", "special_exams/allowances", 415),
    ):
        answer = as_course_team.generic(method, f"{COURSE}/{path}", "a=b", content_type="text/plain")
        assert answer.status_code == status, (method, path, answer.content)
        assert answer.json()["error"] == answer.json()["detail"], path


def test_a_page_has_at_most_a_hundred_rows(as_course_team: APIClient) -> None:
    attempt = running_attempt()
    people = User.objects.bulk_create(User(username=f"one-of-many-{number}") for number in range(104))
    ExamAttempt.objects.bulk_create(
        ExamAttempt(exam=attempt.exam, user=person, attempt_number=1, status="created") for person in people
    )
    sizes = [len(as_course_team.get(ATTEMPTS, query).json()["results"]) for query in ({}, {"page_size": 1_000})]
    assert sizes == [10, 100]
    last = as_course_team.get(ATTEMPTS, {"page_size": 50, "page": 3}).json()
    assert (last["next"], last["num_pages"], last["start"], last["count"]) == (None, 3, 100, 105)


def test_an_exam_of_another_course_is_404(as_course_team: APIClient) -> None:
    exam = ExamFactory.create(course_id="course-v1:Other+C+R")
    assert as_course_team.get(f"{EXAMS}/{exam.pk}").status_code == 404
    assert as_course_team.get(f"{EXAMS}/{exam.pk}/attempts").status_code == 404
