# SPDX-License-Identifier: AGPL-3.0-only
"""The LMS's CSRF cookie counts on the LMS's host, ours on our own."""

from typing import Final

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.core.models import CourseExamConfiguration, User
from tests.conftest import person
from tests.factories import COURSE_ID, ProviderFactory
from tests.instructor.dashboard import SETTINGS

pytestmark = pytest.mark.django_db

LMS: Final = "courses.example.org"
TOKEN: Final = "a" * 32
OTHER: Final = "b" * 32


@pytest.fixture(autouse=True)
def _behind_the_lms(settings: Settings) -> None:
    settings.LMS_ROOT_URL = f"http://{LMS}"
    settings.CSRF_TRUSTED_ORIGINS = ["http://apps.example.org"]
    CourseExamConfiguration.objects.create(course_id=COURSE_ID, provider=ProviderFactory.create())


def patch(
    user: User,
    *,
    host: str = LMS,
    cookie: tuple[str, str] = ("csrftoken", TOKEN),
    shown: str = TOKEN,
    origin: str = f"http://{LMS}",
) -> int:
    """Change the settings as a browser does, and return the status."""
    client = Client(enforce_csrf_checks=True)
    for name, value in (*person(user).cookies().items(), cookie):
        client.cookies[name] = value
    headers = {"Host": host, "Origin": origin, "X-CSRFToken": shown, "USE-JWT-COOKIE": "true"}
    answer = client.patch(SETTINGS, "{}", content_type="application/json", headers=headers)
    assert "csrftoken" not in answer.cookies
    return answer.status_code


def test_the_lms_cookie_is_enough_on_the_lms_host(course_team: User) -> None:
    assert patch(course_team) == 200
    assert patch(course_team, origin="http://apps.example.org") == 200


def test_another_name_of_the_cookie_can_be_set(course_team: User, settings: Settings) -> None:
    settings.INSTRUCTOR_API_CSRF_COOKIE = "lms_csrf"
    assert patch(course_team) == 401
    assert patch(course_team, cookie=("lms_csrf", TOKEN)) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"shown": OTHER},
        {"shown": ""},
        {"cookie": ("edx_exams_csrftoken", TOKEN)},
        {"cookie": ("csrftoken", "too short")},
        {"origin": "http://evil.example.org"},
        {"host": "exams.example.org"},
    ],
    ids=str,
)
def test_anything_less_is_refused(course_team: User, changed: dict[str, str]) -> None:
    assert patch(course_team, **changed) == 401  # type: ignore[arg-type]


def test_settings_of_a_wrong_type_are_found_at_the_start(settings: Settings) -> None:
    settings.INSTRUCTOR_API_FORWARDER = "nowhere.forward"
    settings.INSTRUCTOR_API_CSRF_COOKIE = None
    settings.INSTRUCTOR_API_REVIEW_DASHBOARD = "yes"
    found = run_checks(tags=[TAG])
    assert [message.id for message in found if "INSTRUCTOR_API" in message.msg] == ["edx_exams.instructor.E001"] * 3


def test_our_cookie_counts_on_our_own_host(course_team: User) -> None:
    status = patch(
        course_team,
        host="exams.example.org",
        cookie=("edx_exams_csrftoken", TOKEN),
        origin="http://exams.example.org",
    )
    assert status == 200
