# SPDX-License-Identifier: AGPL-3.0-only
"""The learner's active attempt, of whichever system."""

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from tests.factories import ExamFactory, overdue_attempt, running_attempt, submitted_attempt
from tests.router.conftest import PassSeconds
from tests.router.legacy_lms import API, LegacyLms, answers, cuts, issues_token, sends
from tests.router.test_forwarding import EXAM, LATEST

pytestmark = pytest.mark.django_db

LEGACY = {"attempt_id": 4711, "attempt_status": "started", "exam_display_name": "Old exam", "in_timed_exam": True}


def test_a_running_attempt_of_ours_is_answered_without_asking(
    lms: LegacyLms, learner: User, as_learner: APIClient
) -> None:
    attempt = running_attempt(user=learner)
    assert as_learner.get(LATEST).json()["attempt_id"] == attempt.pk
    assert as_learner.get(LATEST, {"content_id": attempt.exam.content_id}).json()["attempt_id"] == attempt.pk
    assert not lms.connections


def test_an_active_attempt_of_the_legacy_service_passes_through(
    lms: LegacyLms, learner: User, as_learner: APIClient
) -> None:
    lms.behave = answers(200, LEGACY)
    assert as_learner.get(LATEST).json() == LEGACY
    assert (lms.request.method, lms.request.path) == ("GET", f"{API}proctored_exam/active_attempt")
    assert lms.request.query == f"user_id={learner.lms_user_id}"


def test_it_comes_before_an_attempt_of_ours_that_is_over(lms: LegacyLms, learner: User, as_learner: APIClient) -> None:
    lms.behave = answers(200, LEGACY)
    over, late = submitted_attempt(user=learner), overdue_attempt(user=learner)
    for attempt in (over, late):
        assert as_learner.get(LATEST, {"content_id": attempt.exam.content_id}).json() == LEGACY
    late.refresh_from_db()
    assert late.status == "submitted"


@pytest.mark.parametrize("nothing", [{}, None, []])
def test_without_one_it_is_ours_whatever_its_status(
    nothing: object, lms: LegacyLms, learner: User, as_learner: APIClient
) -> None:
    lms.behave = answers(200, nothing)
    attempt = submitted_attempt(user=learner)
    answer = as_learner.get(LATEST, {"content_id": attempt.exam.content_id})
    assert (answer.json()["attempt_id"], answer.json()["attempt_status"]) == (attempt.pk, "submitted")
    assert as_learner.get(LATEST, {"content_id": ExamFactory.create().content_id}).json() == {}
    assert as_learner.get(LATEST).json() == {}
    assert len(lms.asked) == 3


def test_after_a_failure_the_legacy_service_is_left_alone_for_a_while_and_then_probed_once(
    lms: LegacyLms, pass_seconds: PassSeconds, as_learner: APIClient
) -> None:
    lms.behave = sends(500, b"<h1>Server error</h1>")
    assert [as_learner.get(LATEST).json() for _ in range(5)] == [{}] * 5
    assert len(lms.asked) == 1

    pass_seconds(25)
    assert as_learner.get(LATEST).json() == {}
    assert len(lms.asked) == 1

    pass_seconds(5)
    assert [as_learner.get(LATEST).json() for _ in range(5)] == [{}] * 5
    assert len(lms.asked) == 2

    lms.behave = answers(200, LEGACY)
    pass_seconds(30)
    assert [as_learner.get(LATEST).json() for _ in range(5)] == [LEGACY] * 5
    assert len(lms.asked) == 7


@pytest.mark.parametrize("status", [400, 404])
def test_a_refusal_that_speaks_of_one_learner_does_not_keep_the_others_from_asking(
    status: int, lms: LegacyLms, as_learner: APIClient
) -> None:
    lms.behave = answers(status, {"detail": "No such user."})
    assert [as_learner.get(LATEST).json() for _ in range(2)] == [{}] * 2
    assert len(lms.asked) == 2


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_a_refusal_that_speaks_of_us_is_a_failure(status: int, lms: LegacyLms, as_learner: APIClient) -> None:
    lms.behave = answers(status, {"detail": "Not you."})
    assert [as_learner.get(LATEST).json() for _ in range(2)] == [{}] * 2
    assert len(lms.asked) == 1


def test_nothing_is_tried_twice(lms: LegacyLms, as_learner: APIClient) -> None:
    lms.behave = cuts
    assert as_learner.get(LATEST).json() == {}
    assert len(lms.asked) == 1


def test_polls_that_have_failed_leave_the_forwarded_paths_alone(lms: LegacyLms, as_learner: APIClient) -> None:
    lms.issue = sends(500, b"down")
    assert as_learner.get(LATEST).json() == {}
    lms.issue = issues_token()
    lms.behave = answers(200, {"exam": {"id": 1}})
    assert as_learner.get(EXAM).json() == {"exam": {"id": 1}}
