# SPDX-License-Identifier: AGPL-3.0-only
"""`exams/attempt/latest`: the attempt that the caller is working on."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.events.models import OutboxEvent
from tests.api.conftest import Unchanged
from tests.api.contract import API
from tests.conftest import ClientFor
from tests.factories import (
    CourseStaffRoleFactory,
    ExamFactory,
    OldAttemptFactory,
    make_attempt,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

LATEST: Final = f"{API}/exams/attempt/latest"
HOUR: Final = timedelta(hours=1)


def latest(client: APIClient, content_id: str | None = None) -> Any:
    answer = client.get(LATEST, {} if content_id is None else {"content_id": content_id})
    assert answer.status_code == 200
    return answer.json()


def test_an_attempt_has_these_fields(as_learner: APIClient, learner: User, settings: Settings) -> None:
    exam = ExamFactory.create(exam_name="Midterm “é”", exam_type="proctored")
    attempt = running_attempt(exam, learner)
    said = latest(as_learner)
    remaining = said.pop("time_remaining_seconds")
    assert 3500 < remaining <= 3600
    assert said == {
        "attempt_id": attempt.pk,
        "attempt_status": "started",
        "course_id": exam.course_id,
        "exam_type": "proctored",
        "exam_display_name": "Midterm “é”",
        "exam_url_path": f"{settings.LEARNING_MICROFRONTEND_URL}/course/{exam.course_id}/{exam.content_id}",
    }


def test_nothing_in_progress_is_an_empty_object(as_learner: APIClient, learner: User) -> None:
    running_attempt()
    submitted_attempt(user=learner)
    make_attempt(user=learner)
    assert latest(as_learner) == {}


@pytest.mark.parametrize("action", ["start", "stop"])
def test_the_attempt_in_progress_is_found_without_a_content_id(
    action: str, as_learner: APIClient, learner: User
) -> None:
    attempt = running_attempt(user=learner)
    if action == "stop":
        as_learner.put(f"{API}/exams/attempt/{attempt.pk}", {"action": "stop"}, format="json")
    make_attempt(user=learner)
    assert latest(as_learner)["attempt_id"] == attempt.pk


@pytest.mark.parametrize(
    "content_id",
    [
        "",
        "unreadable",
        "block-v1:Acme+BIO101+2026+type@sequential+block@unknown",
        "course-v1:Acme+BIO101+2026",
        "i4x://",
        "i4x://Acme/BIO101/sequential/unknown",
        "\x00",
        "💥" * 300,
    ],
)
def test_content_that_nobody_knows_is_as_none(content_id: str, as_learner: APIClient, learner: User) -> None:
    attempt = running_attempt(user=learner)
    assert latest(as_learner, content_id)["attempt_id"] == attempt.pk


@pytest.mark.parametrize("encoded", [str, quote], ids=["raw", "percent-encoded"])
def test_a_content_id_may_be_written_raw_or_percent_encoded(
    encoded: Callable[[str], str], as_learner: APIClient, learner: User
) -> None:
    attempt = submitted_attempt(user=learner)
    assert as_learner.get(f"{LATEST}?content_id={encoded(attempt.exam.content_id)}").json()["attempt_id"] == attempt.pk


SHOWN: Final[Mapping[str, tuple[str, str]]] = {
    # status: of a timed exam, of a proctored one
    "created": ("created", "created"),
    "download_software_clicked": ("download_software_clicked", "download_software_clicked"),
    "ready_to_start": ("ready_to_start", "ready_to_start"),
    "started": ("started", "started"),
    "ready_to_submit": ("ready_to_submit", "ready_to_submit"),
    "timed_out": ("submitted", "submitted"),
    "submitted": ("submitted", "submitted"),
    "second_review_required": ("submitted", "second_review_required"),
    "verified": ("submitted", "verified"),
    "rejected": ("submitted", "rejected"),
    "error": ("submitted", "error"),
    "expired": ("submitted", "submitted"),
}


@pytest.mark.parametrize("status", ExamAttemptStatus.values)
def test_a_learner_sees_statuses_that_the_learning_interface_has_a_page_for(
    status: str, as_learner: APIClient, learner: User
) -> None:
    for exam_type, shown in zip(("timed", "proctored"), SHOWN[status], strict=True):
        exam = ExamFactory.create(exam_type=exam_type)
        attempt = OldAttemptFactory.create(
            exam=exam, user=learner, status=status, start_time=timezone.now(), allowed_time_limit_mins=60
        )
        path = f"{API}/student/exam/attempt/course_id/{exam.course_id}/content_id/{exam.content_id}"
        for said in (latest(as_learner, exam.content_id), as_learner.get(path).json()["exam"]["attempt"]):
            assert (said["attempt_id"], said["attempt_status"]) == (attempt.pk, shown)
            assert (said["time_remaining_seconds"] > 0) == (status in ExamAttemptStatus.in_progress_statuses)
        attempt.delete()


# Which attempt


class Own(NamedTuple):
    """An attempt of the learner's: of the instance that is active, of a retired one, or of another exam."""

    of: Literal["active", "retired", "other"]
    state: Literal["running", "overdue", "submitted"]


@pytest.mark.parametrize(
    ("attempts", "asked", "expected"),
    [
        ([], "active", None),
        ([Own("active", "running")], "active", ("active", "started")),
        ([Own("retired", "running")], "active", ("retired", "started")),
        ([Own("other", "running")], "active", ("other", "started")),
        ([Own("active", "submitted"), Own("other", "running")], "active", ("other", "started")),
        ([Own("active", "submitted"), Own("retired", "running")], "active", ("retired", "started")),
        ([Own("retired", "running"), Own("other", "running")], "active", ("retired", "started")),  # an old database
        ([Own("active", "overdue"), Own("other", "running")], "active", ("other", "started")),
        ([Own("active", "submitted")], "active", ("active", "submitted")),
        ([Own("active", "overdue")], "active", ("active", "submitted")),
        ([Own("retired", "overdue")], "active", ("retired", "submitted")),
        ([Own("active", "submitted"), Own("retired", "overdue")], "active", ("active", "submitted")),
        ([Own("retired", "submitted")], "active", None),
        ([Own("other", "overdue")], "active", None),
        ([Own("other", "submitted")], "active", None),
        ([Own("other", "running")], "", ("other", "started")),
        ([Own("other", "overdue")], "", ("other", "submitted")),
        ([Own("other", "submitted")], "", None),
        ([Own("other", "running")], "unreadable", ("other", "started")),
    ],
)
def test_a_running_attempt_comes_first_whatever_exam_is_asked_for(
    attempts: list[Own], asked: str, expected: tuple[str, str] | None, as_learner: APIClient, learner: User
) -> None:
    active = ExamFactory.create()
    exams = {
        "active": active,
        "retired": ExamFactory.create(content_id=active.content_id, exam_type="proctored", is_active=False),
        "other": ExamFactory.create(),
    }
    ids = {}
    for of, state in attempts:
        began = timezone.now() - (HOUR * 3 if state == "overdue" else HOUR / 2)
        status = "submitted" if state == "submitted" else "started"
        row = OldAttemptFactory.create(
            exam=exams[of], user=learner, status=status, start_time=began, allowed_time_limit_mins=60
        )
        ids[row.pk] = of
    said = latest(as_learner, active.content_id if asked == "active" else asked)
    assert (said and (ids[said["attempt_id"]], said["attempt_status"])) == (expected or {})


def test_a_content_id_that_differs_in_case_is_another(as_learner: APIClient, learner: User) -> None:
    attempt = submitted_attempt(user=learner)
    assert latest(as_learner, attempt.exam.content_id.replace("Acme", "acme")) == {}


def test_a_usage_key_names_its_course_even_where_another_has_the_same_content(
    as_learner: APIClient, learner: User
) -> None:
    attempt = submitted_attempt(user=learner)
    content_id = attempt.exam.content_id
    submitted_attempt(ExamFactory.create(course_id="course-v1:Acme+BIO101+2027", content_id=content_id), learner)
    assert latest(as_learner, content_id)["attempt_id"] == attempt.pk


def test_an_old_key_names_the_newest_exam_with_it(as_learner: APIClient, learner: User) -> None:
    content_id = "i4x://Acme/BIO101/sequential/midterm"
    submitted_attempt(ExamFactory.create(course_id="Acme/BIO101/2025", content_id=content_id), learner)
    newest = submitted_attempt(ExamFactory.create(course_id="Acme/BIO101/2026", content_id=content_id), learner)
    assert latest(as_learner, content_id)["attempt_id"] == newest.pk


def test_one_that_ran_out_of_time_is_submitted_first(as_learner: APIClient, learner: User) -> None:
    attempt = overdue_attempt(user=learner)
    said = latest(as_learner)
    assert (said["attempt_id"], said["attempt_status"], said["time_remaining_seconds"]) == (attempt.pk, "submitted", 0)
    assert latest(as_learner) == {}
    assert OutboxEvent.objects.count() == 1


def test_looking_at_a_running_attempt_changes_nothing(
    as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    running_attempt(user=learner)
    with unchanged():
        latest(as_learner)


def test_staff_of_a_course_see_their_own_attempt_only(client_for: ClientFor) -> None:
    running_attempt()
    assert latest(client_for(CourseStaffRoleFactory.create().user)) == {}
