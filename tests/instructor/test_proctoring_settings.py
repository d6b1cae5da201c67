# SPDX-License-Identifier: AGPL-3.0-only
"""A course's proctoring settings in the dashboard."""

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import CourseExamConfiguration, ProctoringProvider
from tests.api.conftest import Unchanged
from tests.factories import COURSE_ID, ExamFactory, ProviderFactory
from tests.instructor.dashboard import SETTINGS

pytestmark = pytest.mark.django_db

NONE = {
    "proctoring_provider": None,
    "proctoring_escalation_email": None,
    "create_zendesk_tickets": False,
    "enable_proctored_exams": False,
    "supports_onboarding": False,
    "review_dashboard_available": False,
}


@pytest.fixture
def proctored(db: None) -> dict[str, Any]:
    """The settings of a course that has a provider."""
    provider = ProviderFactory.create(verbose_name="Acme Proctoring")
    CourseExamConfiguration.objects.create(course_id=COURSE_ID, provider=provider, escalation_email="a@example.com")
    return NONE | {
        "proctoring_provider": "Acme Proctoring",
        "proctoring_escalation_email": "a@example.com",
        "enable_proctored_exams": True,
    }


def test_a_course_without_a_provider_has_none(as_course_team: APIClient) -> None:
    assert as_course_team.get(SETTINGS).json() == NONE


@pytest.mark.parametrize("none", [None, ""])
def test_the_escalation_address_is_changed(
    as_course_team: APIClient, proctored: dict[str, Any], none: str | None
) -> None:
    assert as_course_team.get(SETTINGS).json() == proctored
    assert as_course_team.patch(SETTINGS, proctored, format="json").json() == proctored
    wanted = {"proctoring_escalation_email": "b@example.com", "enable_proctored_exams": True}
    answer = as_course_team.patch(SETTINGS, wanted, format="json")
    assert (answer.status_code, answer.json()) == (200, proctored | {"proctoring_escalation_email": "b@example.com"})
    answer = as_course_team.patch(SETTINGS, {"proctoring_escalation_email": none}, format="json")
    assert answer.json()["proctoring_escalation_email"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"enable_proctored_exams": False},
        {"create_zendesk_tickets": True},
        {"create_zendesk_tickets": "no"},
        {"create_zendesk_tickets": None},
        {"supports_onboarding": True},
        {"review_dashboard_available": True},
        {"proctoring_provider": "Somebody else"},
        {"proctoring_escalation_email": "b@example.com", "enable_proctored_exams": False},
        {"proctoring_escalation_email": "nonsense"},
        {"proctoring_escalation_email": 5},
        [],
    ],
)
def test_what_cannot_be_changed_is_refused_in_words(
    as_course_team: APIClient, proctored: dict[str, Any], unchanged: Unchanged, change: Any
) -> None:
    with unchanged():
        answer = as_course_team.patch(SETTINGS, change, format="json")
    assert answer.status_code == 400
    assert answer.json()["error"] == answer.json()["detail"]


def test_an_address_without_a_provider_is_refused(as_course_team: APIClient) -> None:
    answer = as_course_team.patch(SETTINGS, {"proctoring_escalation_email": "b@example.com"}, format="json")
    assert answer.status_code == 400


REVIEWS = f"/api/edx_proctoring/v1/instructor/{COURSE_ID}"


def test_the_review_dashboard_is_the_launch_of_the_instructor_tool(
    as_course_team: APIClient, settings: Settings, proctored: dict[str, Any]
) -> None:
    exam = ExamFactory.create(exam_type="proctored", provider=ProctoringProvider.objects.get())
    assert as_course_team.get(REVIEWS).status_code == 404
    settings.INSTRUCTOR_API_REVIEW_DASHBOARD = True
    assert as_course_team.get(SETTINGS).json()["review_dashboard_available"] is True
    for path in (REVIEWS, f"{REVIEWS}/{exam.pk}"):
        answer = as_course_team.get(path)
        assert (answer.status_code, answer["Location"]) == (
            302,
            f"{settings.ROOT_URL}/lti/exam/{exam.pk}/instructor_tool",
        )
