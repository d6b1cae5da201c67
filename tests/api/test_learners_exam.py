# SPDX-License-Identifier: AGPL-3.0-only
"""`student/exam/attempt/…`: an exam as the learner who asks meets it; and onboarding, which we do not have."""

from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.events.models import OutboxEvent
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused
from tests.factories import (
    COURSE_ID,
    AllowanceFactory,
    ExamFactory,
    OldAttemptFactory,
    ProviderFactory,
    make_attempt,
    overdue_attempt,
    running_attempt,
)

pytestmark = pytest.mark.django_db

HOUR: Final = timedelta(hours=1)


def ask(client: APIClient, content_id: str, course_id: str = COURSE_ID) -> Any:
    answer = client.get(f"{API}/student/exam/attempt/course_id/{course_id}/content_id/{content_id}")
    assert answer.status_code == 200
    said = answer.json()
    assert list(said) == ["exam"]
    return said["exam"]


def test_an_exam_has_these_fields(as_learner: APIClient) -> None:
    provider = ProviderFactory.create(verbose_name="Acme Proctoring")
    exam = ExamFactory.create(exam_type="proctored", provider=provider, exam_name="Midterm")
    assert ask(as_learner, exam.content_id) == {
        "id": exam.pk,
        "exam_name": "Midterm",
        "course_id": COURSE_ID,
        "content_id": exam.content_id,
        "time_limit_mins": 60,
        "due_date": None,
        "exam_type": "proctored",
        "hide_after_due": False,
        "is_active": True,
        "type": "proctored",
        "is_proctored": True,
        "is_practice_exam": False,
        "backend": "Acme Proctoring",
        "passed_due_date": False,
        "total_time": 60,
        "attempt": {},
    }


@pytest.mark.parametrize(
    ("exam_type", "is_proctored", "is_practice"),
    [("proctored", True, False), ("timed", False, False), ("practice", True, True), ("onboarding", True, True)],
)
def test_what_a_type_means_is_told(
    exam_type: str, is_proctored: bool, is_practice: bool, as_learner: APIClient
) -> None:
    said = ask(as_learner, ExamFactory.create(exam_type=exam_type).content_id)
    assert (said["exam_type"], said["type"]) == (exam_type, exam_type)
    assert (said["is_proctored"], said["is_practice_exam"], said["backend"]) == (is_proctored, is_practice, None)


@pytest.mark.parametrize(
    ("exam_type", "when", "passed"),
    [
        ("timed", None, False),
        ("timed", HOUR, False),
        ("timed", -HOUR, True),
        ("proctored", -HOUR, True),
        ("practice", -HOUR, False),
        ("onboarding", -HOUR, False),
    ],
)
def test_a_due_date_passes_for_exams_that_count(
    exam_type: str, when: timedelta | None, passed: bool, as_learner: APIClient
) -> None:
    exam = ExamFactory.create(exam_type=exam_type, due_date=when and timezone.now() + when)
    assert ask(as_learner, exam.content_id)["passed_due_date"] is passed


def test_the_total_time_includes_the_learners_own_extra_time(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=45)
    AllowanceFactory.create(exam=exam, extra_time_mins=1000)
    AllowanceFactory.create(user=learner, extra_time_mins=1000)
    said = ask(as_learner, exam.content_id)
    assert (said["total_time"], said["time_limit_mins"]) == (105, 60)


@pytest.mark.parametrize(
    ("due_in", "exam_type", "total"),
    [
        (HOUR * 9, "timed", 105),
        (timedelta(minutes=30, seconds=50), "timed", 30),
        (timedelta(seconds=50), "timed", 0),
        (-HOUR, "timed", 0),
        (timedelta(minutes=30, seconds=50), "practice", 105),
    ],
)
def test_the_total_time_is_what_a_start_now_would_give(
    due_in: timedelta, exam_type: str, total: int, as_learner: APIClient, learner: User
) -> None:
    exam = ExamFactory.create(exam_type=exam_type, due_date=timezone.now() + due_in)
    AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=45)
    assert ask(as_learner, exam.content_id)["total_time"] == total


def test_an_attempt_in_progress_has_what_it_has_and_is_not_past_due(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create(due_date=timezone.now() + HOUR * 9)
    attempt = running_attempt(exam, learner)
    ExamAttempt.objects.filter(pk=attempt.pk).update(extra_time_mins=7)
    Exam.objects.filter(pk=exam.pk).update(due_date=timezone.now() - HOUR, time_limit_mins=5)
    said = ask(as_learner, exam.content_id)
    assert (said["total_time"], said["passed_due_date"], said["attempt"]["attempt_status"]) == (67, False, "started")


def test_the_instance_on_which_the_learner_is_running_comes_before_the_active_one(
    as_learner: APIClient, learner: User
) -> None:
    retired = ExamFactory.create()
    attempt = running_attempt(retired, learner)
    Exam.objects.filter(pk=retired.pk).update(is_active=False)
    active = ExamFactory.create(content_id=retired.content_id, exam_type="proctored")
    said = ask(as_learner, retired.content_id)
    assert (said["id"], said["is_active"], said["attempt"]["attempt_id"]) == (retired.pk, False, attempt.pk)
    ExamAttempt.objects.update(start_time=timezone.now() - HOUR * 3)
    said = ask(as_learner, retired.content_id)
    assert (said["id"], said["attempt"]) == (active.pk, {})
    assert ExamAttempt.objects.get().status == "submitted"


def test_the_learners_attempt_comes_with_it(as_learner: APIClient, learner: User, settings: Settings) -> None:
    exam = ExamFactory.create()
    running_attempt(exam)
    attempt = running_attempt(exam, learner)
    said = ask(as_learner, exam.content_id)["attempt"]
    assert 3500 < said.pop("time_remaining_seconds") <= 3600
    assert said == {
        "attempt_id": attempt.pk,
        "attempt_status": "started",
        "course_id": COURSE_ID,
        "exam_type": "timed",
        "exam_display_name": exam.exam_name,
        "exam_url_path": f"{settings.LEARNING_MICROFRONTEND_URL}/course/{COURSE_ID}/{exam.content_id}",
    }


def test_an_attempt_not_started_has_no_time_remaining(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    make_attempt(exam, learner)
    assert ask(as_learner, exam.content_id)["attempt"]["time_remaining_seconds"] == 0


def test_the_latest_attempt_is_shown(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    OldAttemptFactory.create(exam=exam, user=learner, status="submitted")
    latest = OldAttemptFactory.create(exam=exam, user=learner, attempt_number=2)
    assert ask(as_learner, exam.content_id)["attempt"]["attempt_id"] == latest.pk


def test_an_attempt_whose_time_is_over_is_submitted_first(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    overdue_attempt(exam, learner)
    for _ in range(2):
        said = ask(as_learner, exam.content_id)["attempt"]
        assert (said["attempt_status"], said["time_remaining_seconds"]) == ("submitted", 0)
    assert OutboxEvent.objects.count() == 1


@pytest.mark.parametrize(
    "content_id",
    [
        "block-v1:Acme+BIO101+2026+type@sequential+block@unknown",
        "i4x://Acme/BIO101/sequential/unknown",
        "unreadable",
        "course-v1:Acme+BIO101+2026",
        "%00",
        "%ED%A0%80",
        "x" * 3000,
    ],
)
def test_content_that_is_no_exam_is_an_empty_object(
    content_id: str, as_learner: APIClient, unchanged: Unchanged
) -> None:
    ExamFactory.create()
    with unchanged():
        assert ask(as_learner, content_id) == {}


def test_an_inactive_exam_is_none(as_learner: APIClient) -> None:
    assert ask(as_learner, ExamFactory.create(is_active=False).content_id) == {}


def test_an_exam_must_belong_to_the_course(as_learner: APIClient) -> None:
    exam = ExamFactory.create()
    assert ask(as_learner, exam.content_id, "course-v1:Acme+BIO101+2027") == {}
    assert ask(as_learner, exam.content_id.replace("Acme", "acme")) == {}


def test_of_two_courses_with_the_same_old_key_each_has_its_own_exam(as_learner: APIClient) -> None:
    content_id = "i4x://Acme/BIO101/sequential/midterm"
    runs = ["Acme/BIO101/2025", "Acme/BIO101/2026"]
    exams: list[Exam] = [ExamFactory.create(course_id=run, content_id=content_id) for run in runs]
    assert [ask(as_learner, content_id, run)["id"] for run in runs] == [exam.pk for exam in exams]


def test_onboarding_lives_elsewhere(as_learner: APIClient) -> None:
    said = assert_refused(as_learner.get(f"{API}/student/course_id/{COURSE_ID}/onboarding"), 404)
    assert set(said) == {"detail"}
