# SPDX-License-Identifier: AGPL-3.0-only
"""The Assessment Control Service: what a tool may do with an attempt, and what becomes of it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from edx_exams.apps.core.api import (
    act_as_learner,
    create_or_update_course_exam_configuration,
)
from edx_exams.apps.core.clock import seconds_remaining
from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transition_rules import LearnerAction
from tests.factories import COURSE_ID, ConfigurationFactory, make_attempt
from tests.lti.facts import events, owed_emails, row
from tests.lti.vendor import CONTROL_TYPE, Vendor, proctored_exam

pytestmark = pytest.mark.django_db


def statuses_in_history(attempt: ExamAttempt) -> list[str]:
    return list(ExamAttempt.history.filter(id=attempt.pk).order_by("history_id").values_list("status", flat=True))


# The verdict


@pytest.mark.parametrize(
    ("reason", "severity", "verdict"),
    [
        (1, 0, "verified"),
        ("1", "0.1", "verified"),
        (1, 0.25, "verified"),
        (1, 0.254, "second_review_required"),
        (1, "0.2500000000000000001", "second_review_required"),
        (1, 0.5, "second_review_required"),
        (1, ..., "second_review_required"),
        (0, 0, "error"),
        (9, 0.9, "error"),
        ("camera", 0, "error"),
        (..., 0, "error"),
    ],
)
def test_a_termination_leads_where_reason_and_severity_say(
    vendor: Vendor, exam: Exam, reason: Any, severity: Any, verdict: str
) -> None:
    attempt = make_attempt(exam, start_clock=True, then=(LearnerAction.SUBMIT,))
    answer = vendor.control(attempt, "terminate", reason_code=reason, incident_severity=severity)
    assert answer.json() == {"status": "terminated", "extra_time": 0}
    assert row(attempt).status == verdict


def test_a_running_attempt_that_ends_well_is_submitted_first(vendor: Vendor, running: ExamAttempt) -> None:
    vendor.control(running, "terminate", reason_code=1, incident_severity=0.1)
    assert events() == ["submitted", "verified"]
    assert statuses_in_history(running)[-2:] == ["submitted", "verified"]
    ended = row(running)
    assert ended.end_time
    assert seconds_remaining(ended, timezone.now()) > 0, "the time is not what ended it"
    assert not ended.is_in_progress


def test_the_learner_hears_once_of_a_verdict_that_comes_at_once(vendor: Vendor, running: ExamAttempt) -> None:
    vendor.control(running, "terminate", reason_code=1, incident_severity=0.1)
    assert owed_emails() == ["verified"]


def test_a_suspicious_end_of_a_running_attempt_is_a_submission_to_the_learner(
    vendor: Vendor, running: ExamAttempt
) -> None:
    vendor.control(running, "terminate", reason_code=1, incident_severity=0.7)
    assert owed_emails() == ["submitted"]
    assert events() == ["submitted"]


def test_an_error_ends_the_clock_and_owes_no_submission(vendor: Vendor, running: ExamAttempt) -> None:
    vendor.control(running, "terminate", reason_code=5)
    assert (row(running).status, row(running).end_time is None) == ("error", False)
    assert events() == ["errored"]


def test_a_terminated_pause_is_over(vendor: Vendor, running: ExamAttempt) -> None:
    vendor.control(running, "pause")
    vendor.control(running, "terminate", reason_code=1, incident_severity=0)
    assert (row(running).paused_at, row(running).status) == (None, "verified")


def test_the_same_termination_again_changes_nothing(vendor: Vendor, running: ExamAttempt) -> None:
    first = vendor.control(running, "terminate", reason_code=1, incident_severity=0.1)
    again = vendor.control(running, "terminate", reason_code="1", incident_severity=0.9)
    assert (again.status_code, again.json()) == (200, first.json())
    assert events() == ["submitted", "verified"]
    assert AssessmentControlResult.objects.count() == 1


def test_a_person_who_has_judged_has_the_last_word(
    vendor: Vendor, running: ExamAttempt, as_course_team: APIClient
) -> None:
    vendor.control(running, "terminate", reason_code=1, incident_severity=0.9)
    path = f"/api/v1/exams/attempt/{running.pk}"
    assert as_course_team.put(path, {"action": "reject"}, format="json").status_code == 200
    later = vendor.control(running, "terminate", reason_code=1, incident_severity=0, incident_time="2026-03-01T13:00Z")
    assert later.status_code == 400
    assert row(running).status == "rejected"
    assert vendor.control(running, "flag").json()["status"] == "terminated"


def test_what_ended_in_an_error_does_not_end_well_later(vendor: Vendor, running: ExamAttempt) -> None:
    act_as_learner(running, LearnerAction.ERROR, learner=running.user)
    good = vendor.control(running, "terminate", reason_code=1, incident_severity=0)
    assert (good.status_code, row(running).status) == (400, "error")
    bad = vendor.control(running, "terminate", reason_code=0)
    assert (bad.status_code, row(running).status) == (200, "error")
    assert AssessmentControlResult.objects.get().reason_code == "0"


# What is allowed where


ALLOWED = {
    "pause": {"started", "ready_to_submit"},
    "resume": set(),
    "update": {"created", "download_software_clicked", "ready_to_start", "started", "ready_to_submit"},
    "flag": set(ExamAttemptStatus.values) - {"created", "download_software_clicked", "ready_to_start"},
    "terminate": {
        "ready_to_start",
        "started",
        "ready_to_submit",
        "timed_out",
        "submitted",
        "second_review_required",
    },
}
ANSWERS = {
    "created": "none",
    "download_software_clicked": "none",
    "ready_to_start": "none",
    "started": "running",
    "ready_to_submit": "running",
    "error": "terminated",
}


@pytest.mark.parametrize("status", ExamAttemptStatus.values)
def test_each_action_is_allowed_where_it_makes_sense_and_nowhere_else(vendor: Vendor, exam: Exam, status: str) -> None:
    token = vendor.access_token()
    for action, statuses in ALLOWED.items():
        attempt = make_attempt(exam, start_clock=True)
        ExamAttempt.objects.filter(pk=attempt.pk).update(status=status)
        fields = {"extra_time": 5} if action == "update" else {"reason_code": 1, "incident_severity": 0}
        answer = vendor.control(attempt, action, token=token, **fields)
        assert answer.status_code == (200 if status in statuses else 400), (action, answer.content)
        if answer.status_code == 400:
            assert answer.json()["errors"]["action"]
            assert row(attempt).status == status
            assert not AssessmentControlResult.objects.filter(attempt=attempt).exists()
        elif action in ("flag", "update"):
            assert answer.json()["status"] == ANSWERS.get(status, "complete")


def test_pause_and_resume_alternate(vendor: Vendor, running: ExamAttempt) -> None:
    seen = [
        (vendor.control(running, action).status_code) for action in ("resume", "pause", "pause", "resume", "resume")
    ]
    assert seen == [400, 200, 400, 200, 400]
    assert list(AssessmentControlResult.objects.order_by("pk").values_list("action_type", flat=True)) == [
        "pause",
        "resume",
    ]
    assert vendor.control(running, "pause").json()["status"] == "paused"


def test_a_flag_is_kept_for_the_course_team(vendor: Vendor, running: ExamAttempt, as_course_team: APIClient) -> None:
    vendor.control(running, "flag", incident_severity="0.756", reason_code=9, reason_msg="Fenster geschlossen ⚠")
    vendor.control(running, "update", extra_time=5)
    path = f"/api/v1/instructor_view/course_id/{COURSE_ID}/attempts"
    (shown,) = as_course_team.get(path, {"include": "incidents"}).json()["results"]
    assert shown["proctored_review"] is None
    flag, update = shown["incidents"]
    assert flag == {
        "action": "flag",
        "incident_time": "2026-03-01T12:00:00Z",
        "severity": "0.76",
        "reason": "Closed or reloaded the exam tab",
        "message": "Fenster geschlossen ⚠",
        "extra_time_mins": None,
    }
    assert (update["action"], update["extra_time_mins"]) == ("update", 5)


def test_the_review_shows_the_tools_verdict(vendor: Vendor, running: ExamAttempt, as_course_team: APIClient) -> None:
    vendor.control(running, "terminate", reason_code=16)
    path = f"/api/v1/instructor_view/course_id/{COURSE_ID}/attempts"
    (shown,) = as_course_team.get(path).json()["results"]
    assert shown["proctored_review"] == {
        "submission_time": "2026-03-01T12:00:00Z",
        "severity": None,
        "submission_reason": "Unplugged camera or microphone",
    }


# Whose attempt


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"user": {"sub": "00000000-0000-4000-8000-000000000000"}}, 404),
        ({"user": {"sub": "not-a-uuid"}}, 404),
        ({"resource_link": {"id": "unknown"}}, 404),
        ({"attempt_number": 2}, 404),
    ],
)
def test_an_attempt_that_is_not_there_is_a_404(
    vendor: Vendor, running: ExamAttempt, changes: dict[str, Any], status: int
) -> None:
    assert vendor.control(running, **changes).status_code == status


def test_another_learners_attempt_is_not_the_one_meant(vendor: Vendor, running: ExamAttempt, course_team: User) -> None:
    assert vendor.control(running, user={"sub": str(course_team.anonymous_user_id)}).status_code == 404


def test_another_tools_attempt_is_a_403(vendor: Vendor, other_vendor: Vendor, running: ExamAttempt) -> None:
    theirs = make_attempt(proctored_exam(other_vendor), start_clock=True)
    for attempt, sender in ((theirs, vendor), (running, other_vendor)):
        assert sender.control(attempt, "terminate", reason_code=1).status_code == 403
        assert row(attempt).status == "started"


def test_an_attempt_of_an_exam_without_a_provider_is_a_403(vendor: Vendor, running: ExamAttempt) -> None:
    Exam.objects.update(provider=None)
    assert vendor.control(running).status_code == 403


def test_after_a_change_of_provider_each_tool_reaches_the_attempts_of_its_own_exam(
    vendor: Vendor, other_vendor: Vendor, learner: User
) -> None:
    first = proctored_exam(vendor)
    assert first.provider
    ConfigurationFactory.create(course_id=COURSE_ID, provider=first.provider)
    old = make_attempt(first, learner, start_clock=True, then=(LearnerAction.SUBMIT,))
    other_provider = proctored_exam(other_vendor, course_id="course-v1:Acme+Other+1").provider
    assert other_provider
    create_or_update_course_exam_configuration(COURSE_ID, other_provider.name, None)
    second = Exam.objects.get(resource_id=first.resource_id, is_active=True)
    new = make_attempt(second, learner, start_clock=True)
    assert (old.attempt_number, new.attempt_number) == (1, 2), "the two exams share their resource id"
    vendor.control(old, "terminate", reason_code=1, incident_severity=0)
    other_vendor.control(new, "pause")
    assert (row(old).status, row(new).status, row(new).paused_at is None) == ("verified", "started", False)


# How it is said


def test_the_answer_has_the_type_that_is_asked_for_or_the_requests_own(vendor: Vendor, running: ExamAttempt) -> None:
    body = json.dumps(vendor.control_body(running))
    token = vendor.access_token()
    for sent, accept, expected in (
        (CONTROL_TYPE, None, CONTROL_TYPE),
        ("application/json", None, "application/json"),
        ("application/json; charset=utf-8", "*/*", "application/json"),
        (CONTROL_TYPE, "application/json", "application/json"),
        ("application/json", CONTROL_TYPE, CONTROL_TYPE),
        ("application/json", f"{CONTROL_TYPE};q=0.5, application/json;q=0.9", "application/json"),
        (CONTROL_TYPE, "application/*", CONTROL_TYPE),
        (CONTROL_TYPE, "text/html", CONTROL_TYPE),
    ):
        headers = {"Authorization": f"Bearer {token}", **({"Accept": accept} if accept else {})}
        answer = APIClient().generic("POST", f"/lti/{vendor.tool.pk}/acs", body, content_type=sent, headers=headers)
        assert (answer.status_code, answer["Content-Type"]) == (200, expected)


def test_another_content_type_and_another_method_are_refused(vendor: Vendor, running: ExamAttempt) -> None:
    headers = {"Authorization": f"Bearer {vendor.access_token()}"}
    path = f"/lti/{vendor.tool.pk}/acs"
    body = json.dumps(vendor.control_body(running))
    assert APIClient().generic("POST", path, body, content_type="text/plain", headers=headers).status_code == 415
    assert APIClient().get(path, headers=headers).status_code == 405


def test_a_body_is_judged_whole_and_nothing_is_written(vendor: Vendor, running: ExamAttempt) -> None:
    answer = vendor.control(running, "stop", attempt_number="one", incident_time="noon", incident_severity=2)
    assert answer.status_code == 400
    assert answer.json()["errors"].keys() == {"action", "attempt_number", "incident_time", "incident_severity"}
    assert answer.json()["detail"]
    assert not AssessmentControlResult.objects.exists()


def test_an_attempt_keeps_a_thousand_flags(vendor: Vendor, running: ExamAttempt) -> None:
    one = {"attempt": running, "action_type": "flag", "incident_time": timezone.now()}
    AssessmentControlResult.objects.bulk_create(AssessmentControlResult(**one) for _ in range(999))
    token = vendor.access_token()
    assert vendor.control(running, "flag", token=token).status_code == 200
    answer = vendor.control(running, "flag", token=token)
    assert (answer.status_code, AssessmentControlResult.objects.count()) == (429, 1000)
    assert answer.json()["detail"]
    assert vendor.control(running, "pause", token=token).status_code == 200


def test_severity_is_stored_with_two_places(vendor: Vendor, running: ExamAttempt) -> None:
    vendor.control(running, incident_severity=0.125)
    assert AssessmentControlResult.objects.get().severity == Decimal("0.13")
