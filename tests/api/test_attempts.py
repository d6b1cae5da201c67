# SPDX-License-Identifier: AGPL-3.0-only
"""`exams/attempt…`: created, moved on, judged, reset."""

from datetime import timedelta
from typing import Any, Final

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transition_rules import LearnerAction, StaffAction
from edx_exams.apps.events.models import OutboxEvent
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused
from tests.conftest import ClientFor
from tests.factories import (
    AllowanceFactory,
    ExamFactory,
    OldAttemptFactory,
    overdue_attempt,
    running_attempt,
    submitted_attempt,
)

pytestmark = pytest.mark.django_db

ATTEMPTS: Final = f"{API}/exams/attempt"
PRACTICE: Final = ["practice", "onboarding"]
COUNTING: Final = ["timed", "proctored"]
HOUR: Final = timedelta(hours=1)
STATUSES: Final = list(ExamAttemptStatus.values)
UNFINISHED: Final = ExamAttemptStatus.incomplete_statuses


def create(client: APIClient, exam: Exam | int, **more: Any) -> Any:
    exam_id = exam if isinstance(exam, int) else exam.pk
    return client.post(ATTEMPTS, {"exam_id": exam_id, **more}, format="json")


def act(client: APIClient, attempt: ExamAttempt | int, action: Any, **more: Any) -> Any:
    attempt_id = attempt if isinstance(attempt, int) else attempt.pk
    return client.put(f"{ATTEMPTS}/{attempt_id}", {"action": action, **more}, format="json")


def delete(client: APIClient, attempt: ExamAttempt | int) -> Any:
    attempt_id = attempt if isinstance(attempt, int) else attempt.pk
    return client.delete(f"{ATTEMPTS}/{attempt_id}")


def status_of(attempt: ExamAttempt) -> str:
    return str(ExamAttempt.objects.get(pk=attempt.pk).status)


def in_status(status: str, user: User, **exam_fields: Any) -> ExamAttempt:
    """An attempt in a status; where its clock runs, with time remaining."""
    started = timezone.now() if status in ExamAttemptStatus.in_progress_statuses else None
    return OldAttemptFactory.create(
        user=user,
        exam=ExamFactory.create(**exam_fields),
        status=status,
        start_time=started,
        allowed_time_limit_mins=60 if started else None,
    )


# POST


def test_creating_answers_the_attempts_id(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    answer = create(as_learner, exam)
    attempt = ExamAttempt.objects.get()
    assert (answer.status_code, answer.json()) == (200, {"exam_attempt_id": attempt.pk})
    assert (attempt.user, attempt.exam, attempt.status, attempt.attempt_number) == (learner, exam, "created", 1)
    assert (attempt.start_time, attempt.allowed_time_limit_mins) == (None, None)


@pytest.mark.parametrize("start_clock", ["true", True, "True"])
def test_creating_starts_the_clock_where_asked_to(start_clock: Any, as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    AllowanceFactory.create(exam=exam, user=learner, extra_time_mins=15)
    create(as_learner, exam, start_clock=start_clock, attempt_proctored="false")
    attempt = ExamAttempt.objects.get()
    assert (attempt.status, attempt.allowed_time_limit_mins) == ("started", 75)
    assert attempt.start_time


@pytest.mark.parametrize("start_clock", ["yes", "1", 1, 1.0, "on", None])
def test_what_is_neither_true_nor_false_starts_nothing(start_clock: Any, as_learner: APIClient) -> None:
    assert_refused(create(as_learner, ExamFactory.create(), start_clock=start_clock), 400)
    assert not ExamAttempt.objects.exists()


@pytest.mark.parametrize("start_clock", ["false", False])
def test_creating_leaves_the_clock_alone_where_asked_to(start_clock: Any, as_learner: APIClient) -> None:
    create(as_learner, ExamFactory.create(), start_clock=start_clock)
    assert ExamAttempt.objects.get().status == "created"


@pytest.mark.parametrize("proctored", [True, "true", None, 5, [], {"a": []}, "x" * 100_000])
def test_what_is_said_of_proctoring_is_ignored(proctored: Any, as_learner: APIClient) -> None:
    assert create(as_learner, ExamFactory.create(), attempt_proctored=proctored, unknown=1).status_code == 200


def test_numbers_count_reset_attempts_too(as_learner: APIClient, as_course_team: APIClient) -> None:
    exam = ExamFactory.create()
    for number in (1, 2, 3):
        attempt_id = create(as_learner, exam).json()["exam_attempt_id"]
        assert ExamAttempt.objects.get().attempt_number == number
        assert delete(as_course_team, attempt_id).status_code == 204


@pytest.mark.parametrize("exam_id", [0, 2**31 - 1])
def test_an_exam_that_is_not_there_cannot_be_begun(exam_id: int, as_learner: APIClient, unchanged: Unchanged) -> None:
    with unchanged():
        assert_refused(create(as_learner, exam_id), 400)


def test_an_inactive_exam_cannot_be_begun(as_learner: APIClient, unchanged: Unchanged) -> None:
    exam = ExamFactory.create(is_active=False)
    with unchanged():
        assert_refused(create(as_learner, exam), 400)


@pytest.mark.parametrize("status", STATUSES)
def test_there_is_one_attempt_of_an_exam(
    status: str, as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    attempt = in_status(status, learner)
    with unchanged():
        assert_refused(create(as_learner, attempt.exam), 400)


@pytest.mark.parametrize("exam_type", COUNTING)
def test_an_exam_that_was_due_cannot_be_begun(exam_type: str, as_learner: APIClient, unchanged: Unchanged) -> None:
    exam = ExamFactory.create(exam_type=exam_type, due_date=timezone.now())
    with unchanged():
        assert_refused(create(as_learner, exam), 400)


@pytest.mark.parametrize("exam_type", PRACTICE)
def test_practice_can_be_begun_whenever(exam_type: str, as_learner: APIClient) -> None:
    exam = ExamFactory.create(exam_type=exam_type, due_date=timezone.now() - HOUR)
    assert create(as_learner, exam, start_clock=True).status_code == 200
    assert ExamAttempt.objects.get().allowed_time_limit_mins == 60


def test_an_attempt_whose_start_is_refused_is_not_left_behind(
    as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    running_attempt(user=learner)
    exam = ExamFactory.create()
    with unchanged():
        assert_refused(create(as_learner, exam, start_clock=True), 400)
    assert create(as_learner, exam, start_clock=False).status_code == 200


def test_an_attempt_elsewhere_whose_time_is_over_is_submitted_by_a_start(as_learner: APIClient, learner: User) -> None:
    other = overdue_attempt(user=learner)
    assert create(as_learner, ExamFactory.create(), start_clock=True).status_code == 200
    assert status_of(other) == "submitted"


# PUT by the learner

#: Where each action leads, and from where it may be taken.
ACTIONS: Final = {
    "click_download_software": ("download_software_clicked", {"created", "download_software_clicked"}),
    "start": ("started", {"created", "download_software_clicked", "ready_to_start", "ready_to_submit"}),
    "stop": ("ready_to_submit", {"started", "ready_to_submit"}),
    "submit": ("submitted", UNFINISHED),
    "error": ("error", UNFINISHED),
}
#: Answered with 200, and nothing changes.
DONE_ALREADY: Final = {
    ("click_download_software", "ready_to_start"),
    ("submit", "submitted"),
    ("error", "error"),
    ("stop", "ready_to_submit"),
    ("click_download_software", "download_software_clicked"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
def test_a_learners_action_leads_on_from_where_it_may_be_taken(
    action: str, status: str, as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    attempt = in_status(status, learner)
    to_status, allowed = ACTIONS[action]
    if (action, status) in DONE_ALREADY:
        with unchanged():
            answer = act(as_learner, attempt, action)
        assert (answer.status_code, answer.json()) == (200, {"exam_attempt_id": attempt.pk})
    elif status in allowed:
        answer = act(as_learner, attempt, action)
        assert (answer.status_code, answer.json()) == (200, {"exam_attempt_id": attempt.pk})
        assert status_of(attempt) == to_status
        assert ExamAttempt.history.filter(id=attempt.pk).latest().history_user == learner
    else:
        with unchanged():
            assert_refused(act(as_learner, attempt, action), 400)


def test_an_action_that_learners_do_not_have_is_400(as_learner: APIClient, learner: User, unchanged: Unchanged) -> None:
    attempt = running_attempt(user=learner)
    with unchanged():
        for action in ("verify", "reject", "", " ", "started", "SUBMIT", "unknown", "delete", "x" * 64):
            assert_refused(act(as_learner, attempt, action), 400)


@pytest.mark.parametrize("exam_type", COUNTING)
def test_an_exam_that_counts_cannot_be_begun_again(
    exam_type: str, as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    attempt = submitted_attempt(user=learner, exam_type=exam_type)
    with unchanged():
        assert_refused(act(as_learner, attempt, "reset_attempt"), 400)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("exam_type", PRACTICE)
def test_practice_can_be_begun_again_unless_in_progress(
    exam_type: str, status: str, as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    attempt = in_status(status, learner, exam_type=exam_type)
    if status in ExamAttemptStatus.in_progress_statuses:
        with unchanged():
            assert_refused(act(as_learner, attempt, "reset_attempt"), 400)
        return
    answer = act(as_learner, attempt, "reset_attempt")
    fresh = ExamAttempt.objects.get()
    assert (answer.status_code, answer.json()) == (200, {"exam_attempt_id": fresh.pk})
    assert fresh.pk != attempt.pk
    assert (fresh.status, fresh.attempt_number, fresh.exam, fresh.user) == ("created", 2, attempt.exam, learner)
    assert OutboxEvent.objects.get().event_type.endswith(".reset.v1")


@pytest.mark.parametrize("detail", ["camera lost", "x" * 1000, "", None])
def test_what_went_wrong_is_kept_with_an_error(detail: str | None, as_learner: APIClient, learner: User) -> None:
    attempt = running_attempt(user=learner)
    assert act(as_learner, attempt, "error", detail=detail).status_code == 200
    reason = ExamAttempt.history.filter(id=attempt.pk).latest().history_change_reason
    assert reason is not None
    assert reason == (detail or "learner: error")[:100]


def test_an_attempt_whose_time_is_over_is_submitted_before_the_action_is_judged(
    as_learner: APIClient, learner: User
) -> None:
    attempt = overdue_attempt(user=learner)
    assert_refused(act(as_learner, attempt, "stop"), 400)
    after = ExamAttempt.objects.get()
    assert after.status == "submitted"
    assert after.start_time
    assert after.end_time == after.start_time + HOUR
    assert act(as_learner, attempt, "submit").status_code == 200
    assert OutboxEvent.objects.count() == 1


@pytest.mark.parametrize(("exam_type", "status"), [("practice", 200), ("timed", 400)])
def test_an_attempt_whose_time_is_over_is_submitted_before_it_is_begun_again(
    exam_type: str, status: int, as_learner: APIClient, learner: User
) -> None:
    attempt = overdue_attempt(user=learner, exam_type=exam_type)
    assert act(as_learner, attempt, "reset_attempt").status_code == status
    assert ExamAttempt.history.filter(id=attempt.pk, status="submitted").exists()
    assert OutboxEvent.objects.order_by("pk")[0].event_type.endswith(".submitted.v1")
    assert ExamAttempt.objects.get().status == {200: "created", 400: "submitted"}[status]


def test_submitting_after_time_is_over_is_200(as_learner: APIClient, learner: User) -> None:
    attempt = overdue_attempt(user=learner)
    assert act(as_learner, attempt, "submit").status_code == 200
    assert OutboxEvent.objects.count() == 1


# PUT by course staff


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("action", ["verify", "reject"])
def test_course_staff_judge_at_any_time(
    action: str, status: str, as_course_team: APIClient, learner: User, course_team: User
) -> None:
    to_status = {"verify": "verified", "reject": "rejected"}[action]
    attempt = in_status(status, learner)
    answer = act(as_course_team, attempt, action)
    assert (answer.status_code, answer.json()) == (200, {"exam_attempt_id": attempt.pk})
    assert status_of(attempt) == to_status
    if status != to_status:
        assert ExamAttempt.history.filter(id=attempt.pk).latest().history_user == course_team
        assert OutboxEvent.objects.get().event_type.endswith(f".{to_status}.v1")


def test_course_staff_have_two_actions_only(as_course_team: APIClient, learner: User, unchanged: Unchanged) -> None:
    attempt = running_attempt(user=learner)
    with unchanged():
        for action in (*LearnerAction, "reset_attempt", "unknown", ""):
            assert_refused(act(as_course_team, attempt, action), 400)


def test_course_staff_are_the_learners_of_their_own_attempts_and_do_not_judge_them(
    as_course_team: APIClient, course_team: User, unchanged: Unchanged
) -> None:
    attempt = running_attempt(user=course_team)
    with unchanged():
        for action in StaffAction:
            assert_refused(act(as_course_team, attempt, action), 400)
    assert act(as_course_team, attempt, "stop").status_code == 200
    assert act(as_course_team, attempt, "submit").status_code == 200
    assert status_of(attempt) == "submitted"


def test_global_staff_have_both_on_their_own_attempts(client_for: ClientFor, global_staff: User) -> None:
    attempt = running_attempt(user=global_staff)
    client = client_for(global_staff)
    assert [act(client, attempt, action).status_code for action in ("submit", "verify")] == [200, 200]
    assert status_of(attempt) == "verified"


# PUT and DELETE, whoever asks


@pytest.mark.parametrize("attempt_id", [0, 2**31 - 1, 2**31, 2**62, 9999999999999999999])
@pytest.mark.parametrize("who", ["learner", "course_team", "global_staff"])
def test_an_attempt_that_is_not_there_is_400(
    who: str, attempt_id: int, request: pytest.FixtureRequest, client_for: ClientFor, unchanged: Unchanged
) -> None:
    client = client_for(request.getfixturevalue(who))
    with unchanged():
        assert_refused(act(client, attempt_id, "submit"), 400)
        assert_refused(delete(client, attempt_id), 400)


# DELETE


@pytest.mark.parametrize("status", STATUSES)
def test_course_staff_reset_any_attempt(
    status: str, as_course_team: APIClient, learner: User, course_team: User
) -> None:
    attempt = in_status(status, learner)
    answer = delete(as_course_team, attempt)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not ExamAttempt.objects.exists()
    history = ExamAttempt.history.filter(id=attempt.pk).latest()
    assert (history.history_type, history.history_user) == ("-", course_team)
    event = OutboxEvent.objects.get()
    assert event.event_type.endswith(".reset.v1")
    exam_attempt = event.data["exam_attempt"]
    assert exam_attempt["student_user"]["id"] == learner.lms_user_id
    assert exam_attempt["requesting_user"]["id"] == course_team.lms_user_id


@pytest.mark.parametrize("exam_type", COUNTING)
def test_learners_reset_no_attempt_that_counts(
    exam_type: str, as_learner: APIClient, learner: User, unchanged: Unchanged
) -> None:
    attempts = [in_status(status, learner, exam_type=exam_type) for status in STATUSES]
    with unchanged():
        for attempt in attempts:
            assert_refused(delete(as_learner, attempt), 403)


@pytest.mark.parametrize("exam_type", PRACTICE)
def test_learners_reset_practice_unless_in_progress(exam_type: str, as_learner: APIClient, learner: User) -> None:
    for status in STATUSES:
        attempt = in_status(status, learner, exam_type=exam_type)
        if status in ExamAttemptStatus.in_progress_statuses:
            assert_refused(delete(as_learner, attempt), 403)
        else:
            assert delete(as_learner, attempt).status_code == 204
    left = ExamAttempt.objects.values_list("status", flat=True)
    assert set(left) == ExamAttemptStatus.in_progress_statuses
