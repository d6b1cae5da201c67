"""Exams and attempts as the dashboard lists them, and the reset."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.api import act_as_staff
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import StaffAction
from tests.conftest import ClientFor, CountStatements
from tests.factories import (
    COURSE_ID,
    ExamFactory,
    ProviderFactory,
    UserFactory,
    running_attempt,
    submitted_attempt,
)
from tests.instructor.dashboard import ATTEMPTS, COURSE, EXAMS

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
    second = submitted_attempt(ExamFactory.create(content_id=exam.content_id))
    submitted_attempt(ExamFactory.create(course_id="course-v1:Other+C+R"))
    assert ids(as_course_team.get(ATTEMPTS)) == [second.pk, first.pk]
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
        UserFactory.create(username="Bert", email="b@example.com"),
    )
    act_as_staff(large, StaffAction.VERIFY, staff=UserFactory.create(is_staff=True))
    return small, large


@pytest.mark.parametrize(
    "ordering",
    [
        "email", "user.email", "exam_name", "proctored_exam.exam_name", "time_limit", "proctored_exam.time_limit_mins",
        "allowed_time_limit_mins", "type", "exam_type", "started_at", "start_time", "completed_at", "end_time",
        "status", "ready_to_resume",
    ],
)  # fmt: skip
def test_attempts_are_ordered_by_each_column(
    as_course_team: APIClient, two_attempts: tuple[ExamAttempt, ExamAttempt], ordering: str
) -> None:
    small, large = two_attempts
    assert ids(as_course_team.get(ATTEMPTS, {"ordering": ordering})) == [small.pk, large.pk]
    assert ids(as_course_team.get(ATTEMPTS, {"ordering": f"-{ordering}"})) == [large.pk, small.pk]


def test_an_unknown_ordering_is_ignored(
    as_course_team: APIClient, two_attempts: tuple[ExamAttempt, ExamAttempt]
) -> None:
    small, large = two_attempts
    assert ids(as_course_team.get(ATTEMPTS, {"ordering": "password"})) == [large.pk, small.pk]


@pytest.mark.parametrize("text", ["BERT", "b@EXAMPLE", "er"])
def test_a_search_finds_part_of_username_or_email(
    as_course_team: APIClient, two_attempts: tuple[ExamAttempt, ExamAttempt], text: str
) -> None:
    assert ids(as_course_team.get(ATTEMPTS, {"search": text})) == [two_attempts[1].pk]


@pytest.mark.parametrize("attempts", [3, 30])
def test_a_page_costs_the_same_for_any_number_of_attempts(
    as_course_team: APIClient, at_most: CountStatements, attempts: int
) -> None:
    exam = ExamFactory.create()
    for _ in range(attempts):
        running_attempt(exam)
    as_course_team.get(ATTEMPTS)
    with at_most(5):
        as_course_team.get(ATTEMPTS, {"page_size": "100", "ordering": "username"})


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


@pytest.mark.parametrize("path", ["{exam}/reset/nobody", "{exam}/reset/{idle}", "999999/reset/{idle}"])
def test_what_cannot_be_reset_is_404(as_course_team: APIClient, learner: User, path: str) -> None:
    exam = ExamFactory.create()
    answer = as_course_team.post(f"{EXAMS}/{path.format(exam=exam.pk, idle=learner.username)}")
    assert answer.status_code == 404
    assert answer.json()["error"]


PATHS = ["special_exams", "special_exams/1", "special_exams/attempts", "special_exams/1/attempts",
         "special_exams/allowances", "proctoring_settings"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_only_staff_of_the_course_may_look(
    client_for: ClientFor, as_nobody: APIClient, learner: User, course_team: User, path: str
) -> None:
    assert as_nobody.get(f"{COURSE}/{path}").status_code == 401
    refused = client_for(learner).get(f"{COURSE}/{path}")
    assert refused.status_code == 403
    assert refused.json()["error"] == refused.json()["detail"]
    elsewhere = f"/api/instructor/v2/courses/course-v1:Other+C+R/{path}"
    assert client_for(course_team).get(elsewhere).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_a_course_id_that_is_not_a_course_key_is_404(as_course_team: APIClient, path: str) -> None:
    answer = as_course_team.get(f"/api/instructor/v2/courses/nonsense/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_an_exam_of_another_course_is_404(as_course_team: APIClient) -> None:
    exam = ExamFactory.create(course_id="course-v1:Other+C+R")
    assert as_course_team.get(f"{EXAMS}/{exam.pk}").status_code == 404
    assert as_course_team.get(f"{EXAMS}/{exam.pk}/attempts").status_code == 404
