# SPDX-License-Identifier: AGPL-3.0-only
"""A launch is not a log-in: its cookie opens the steps of a launch and the roster, and touches no session."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.lti.launch_sessions import COOKIE_NAME
from edx_exams.apps.lti.launches import purge
from edx_exams.apps.lti.models import LaunchSession, LtiLaunch
from tests.conftest import person
from tests.factories import UserFactory, make_attempt
from tests.lti.vendor import AUTHORIZE, Browser, Vendor, authentication_request, form_of

pytestmark = pytest.mark.django_db

BACKEND = "django.contrib.auth.backends.ModelBackend"


def launch_path(attempt: ExamAttempt) -> str:
    return f"/lti/start_proctoring/{attempt.pk}"


def roster_path(exam: Exam) -> str:
    return f"/lti/exam/{exam.pk}/instructor_tool/roster"


def test_the_cookie_comes_along_from_other_sites_to_the_lti_pages_alone(browser: Browser, attempt: ExamAttempt) -> None:
    browser.start(attempt)
    cookie = browser.cookies[COOKIE_NAME]
    attributes = {name: cookie[name] for name in ("samesite", "secure", "httponly", "path", "max-age", "domain")}
    assert attributes == {
        "samesite": "None",
        "secure": True,
        "httponly": True,
        "path": "/lti/",
        "max-age": 7200,
        "domain": "",
    }
    assert "partitioned" not in cookie.OutputString().lower()
    assert len(cookie.value) >= 43, "256 random bits"
    assert cookie.value not in str(list(LaunchSession.objects.values())), "the database holds no secret"


def test_a_launch_makes_no_session_and_opens_nothing_else(browser: Browser, attempt: ExamAttempt, exam: Exam) -> None:
    User.objects.filter(pk=attempt.user_id).update(is_staff=True, is_superuser=True)
    attempt.user.refresh_from_db()
    browser.user = attempt.user
    browser.start(attempt)
    assert list(browser.cookies) == [COOKIE_NAME]
    assert not Session.objects.exists()
    admin = browser.get("/admin/")
    assert (admin.status_code, admin.headers["Location"]) == (302, "/admin/login/?next=/admin/")
    for path in ("/api/v1/exams/attempt/latest", launch_path(attempt), f"/lti/exam/{exam.pk}/instructor_tool"):
        assert browser.get(path).status_code == 401, path
    assert browser.get(roster_path(exam)).status_code == 200


def test_an_administrator_who_is_logged_in_stays_so_through_a_learners_launch(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    administrator = UserFactory.create(is_staff=True, is_superuser=True)
    browser.force_login(administrator, backend=BACKEND)
    session = browser.session
    session["edx-oauth2_state"] = "of the administrator's own"
    session.save()
    before = list(Session.objects.values())
    browser.answer(vendor.start_assessment(browser.launch(attempt, vendor)))
    assert list(Session.objects.values()) == before
    assert browser.get("/admin/").wsgi_request.user == administrator


def test_a_second_tab_goes_on_with_the_first_ones_cookie(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    first = browser.start(attempt)
    secret = browser.cookies[COOKIE_NAME].value
    second = browser.start(attempt)
    assert browser.cookies[COOKIE_NAME].value == secret
    for told in (first, second):
        assert "id_token" in form_of(browser.authorize(told, vendor)).fields


def test_another_persons_launch_empties_the_browsers_launch_session(
    browser: Browser, attempt: ExamAttempt, exam: Exam
) -> None:
    browser.start(attempt)
    first = browser.cookies[COOKIE_NAME].value
    browser.user = UserFactory.create()
    browser.start(make_attempt(exam, browser.user))
    assert browser.cookies[COOKIE_NAME].value != first
    assert [session.user for session in LaunchSession.objects.all()] == [browser.user]
    assert len(set(LtiLaunch.objects.values_list("session_hash", flat=True))) == 2


@pytest.mark.parametrize("planted", ["known-to-somebody", "x" * 5000, "\xe9\xff", ""])
def test_a_cookie_that_was_planted_is_replaced(browser: Browser, attempt: ExamAttempt, planted: str) -> None:
    browser.cookies[COOKIE_NAME] = planted
    browser.start(attempt)
    assert browser.cookies[COOKIE_NAME].value != planted
    assert LaunchSession.objects.count() == 1


def test_the_cookie_lives_two_hours_from_the_last_launch(
    browser: Browser, exam: Exam, course_team: User, vendor: Vendor
) -> None:
    browser.user = course_team
    launch = f"/lti/exam/{exam.pk}/instructor_tool"
    for _ in range(2):
        assert browser.follow(launch).status_code == 302
        remaining = LaunchSession.objects.get().expires_at - timezone.now()
        assert timedelta(minutes=119) < remaining <= timedelta(hours=2)
        LaunchSession.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert browser.get(roster_path(exam)).status_code == 200
    LaunchSession.objects.update(expires_at=timezone.now())
    assert browser.get(roster_path(exam)).status_code == 401
    purge()
    assert not LaunchSession.objects.exists()


def test_rights_of_global_staff_are_those_of_the_launch_and_of_now(exam: Exam, browser: Browser) -> None:
    administrator = UserFactory.create(is_staff=True)
    browser.user = administrator
    launch, roster = f"/lti/exam/{exam.pk}/instructor_tool", roster_path(exam)
    browser.follow(launch)
    assert browser.get(roster).status_code == 200
    LaunchSession.objects.update(is_staff=False)
    assert browser.get(roster).status_code == 403
    LaunchSession.objects.update(is_staff=True)
    User.objects.update(is_staff=False)
    assert browser.get(roster).status_code == 403


@pytest.mark.parametrize("step", ["launch", "roster"])
def test_the_cookie_of_a_person_who_was_deactivated_opens_nothing(
    step: str, exam: Exam, course_team: User, vendor: Vendor
) -> None:
    browser = Browser(course_team)
    attempt = make_attempt(exam, course_team)
    told = browser.start(attempt)
    User.objects.filter(pk=course_team.pk).update(is_active=False)
    answer: Any = browser.authorize(told, vendor) if step == "launch" else browser.get(roster_path(exam))
    assert b"id_token" not in answer.content
    assert answer.status_code == (200 if step == "launch" else 403), "the tool is told login_required"


def test_a_bearer_token_that_is_about_to_expire_buys_no_more_than_a_launch(attempt: ExamAttempt) -> None:
    User.objects.filter(pk=attempt.user_id).update(is_superuser=True, is_staff=True)
    client = Client()
    headers = person(attempt.user).authorization()
    assert client.get(launch_path(attempt), headers=headers).status_code == 302
    assert client.get("/admin/").status_code == 302
    assert not Session.objects.exists()


@pytest.mark.parametrize("is_last", [True, False])
def test_a_cookie_of_that_name_from_another_service_of_the_domain_stops_no_launch(
    is_last: bool, browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    attacker = UserFactory.create()
    theirs = Browser(attacker)
    theirs.start(make_attempt(attempt.exam, attacker))
    request = authentication_request(browser.start(attempt), vendor)
    own = browser.cookies[COOKIE_NAME].value
    browser.cookies.clear()

    def answer(*values: str) -> Any:
        cookies = "; ".join(f"{COOKIE_NAME}={value}" for value in values)
        return form_of(browser.post(AUTHORIZE, request, headers={"Cookie": cookies})).fields

    for planted in ("planted", theirs.cookies[COOKIE_NAME].value):
        assert "id_token" not in answer(planted)
    assert "id_token" in answer(*((planted, own) if is_last else (own, planted)))
