# SPDX-License-Identifier: AGPL-3.0-only
"""Whoever meddles with the way to a tool is refused in plain words, and nothing changes."""

from typing import Any

import pytest
from django.utils import timezone

from edx_exams.apps.core.api import act_as_learner
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.transition_rules import LearnerAction
from edx_exams.apps.lti.models import LtiLaunch, LtiTool
from tests.factories import UserFactory, make_attempt
from tests.lti.facts import row
from tests.lti.vendor import (
    AUTHORIZE,
    Browser,
    Vendor,
    authentication_request,
    form_of,
)

pytestmark = pytest.mark.django_db


def assert_no_id_token(response: Any) -> None:
    """The tool is told of an error, or the person; nobody gets a message."""
    form = form_of(response)
    assert "id_token" not in form.fields
    assert form.fields.get("error") or response.status_code == 400
    assert not LtiLaunch.objects.filter(used_at__isnull=False).exists()


# The authentication request


def test_someone_elses_hint_is_worth_nothing(vendor: Vendor, attempt: ExamAttempt, exam: Exam) -> None:
    victims = Browser(attempt.user).start(attempt)
    attacker = Browser(UserFactory.create())
    own = attacker.start(make_attempt(exam, attacker.user))
    assert_no_id_token(attacker.authorize(victims, vendor))
    assert_no_id_token(attacker.authorize({**own, "lti_message_hint": victims["lti_message_hint"]}, vendor))
    assert_no_id_token(attacker.authorize({**own, "login_hint": victims["login_hint"]}, vendor))


def test_the_same_person_in_another_browser_is_another_session(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt
) -> None:
    told = browser.start(attempt)
    elsewhere = Browser(attempt.user)
    elsewhere.start(attempt)
    assert_no_id_token(elsewhere.authorize(told, vendor))


def test_a_session_that_has_become_someone_elses_loses_its_launches(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, exam: Exam
) -> None:
    told = browser.start(attempt)
    browser.user = UserFactory.create()
    browser.start(make_attempt(exam, browser.user))
    assert_no_id_token(browser.authorize(told, vendor))


def test_a_hint_is_good_once(vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    told = browser.start(attempt)
    assert "id_token" in form_of(browser.authorize(told, vendor)).fields
    again = form_of(browser.authorize(told, vendor))
    assert again.fields.keys() == {"error", "error_description", "state"}
    assert again.action == vendor.tool.launch_url


def test_a_hint_expires(vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    told = browser.start(attempt)
    LtiLaunch.objects.update(expires_at=timezone.now())
    assert_no_id_token(browser.authorize(told, vendor))


def test_a_hint_is_one_tools(vendor: Vendor, other_vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    told = browser.start(attempt)
    assert_no_id_token(browser.authorize(told, other_vendor))


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example.com/",
        "https://vendor.example.com/launch/",
        "https://vendor.example.com/launch?x",
        "",
        None,
    ],
)
def test_nothing_goes_to_an_address_that_is_not_registered(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, redirect_uri: str | None
) -> None:
    response = browser.authorize(browser.start(attempt), vendor, redirect_uri=redirect_uri)
    assert response.status_code == 400
    assert form_of(response).fields == {}
    assert b"evil" not in response.content
    assert_no_id_token(response)


def test_a_list_of_redirect_uris_is_the_whole_list(vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    LtiTool.objects.update(redirect_uris=["https://vendor.example.com/other"])
    told = browser.start(attempt)
    assert browser.authorize(told, vendor).status_code == 400
    response = browser.authorize(told, vendor, redirect_uri="https://vendor.example.com/other")
    assert form_of(response).action == "https://vendor.example.com/other"
    assert "id_token" in form_of(response).fields


@pytest.mark.parametrize("client_id", ["unknown", "", None, "x" * 5000, "\0"])
def test_an_unknown_tool_is_a_page(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, client_id: str | None
) -> None:
    response = browser.authorize(browser.start(attempt), vendor, client_id=client_id)
    assert response.status_code == 400
    assert_no_id_token(response)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"nonce": None}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"login_hint": None}, "invalid_request"),
        ({"lti_message_hint": None}, "invalid_request"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
        ({"response_type": "code"}, "unsupported_response_type"),
        ({"response_mode": "query"}, "invalid_request"),
        ({"response_mode": None}, "invalid_request"),
        ({"nonce": ["a", "b"]}, "invalid_request"),
        ({"nonce": "n" * 9000}, "invalid_request"),
        ({"lti_message_hint": "guess"}, "login_required"),
    ],
)
def test_a_request_that_lacks_something_is_an_error_for_the_tool(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, changes: dict[str, Any], error: str
) -> None:
    response = browser.authorize(browser.start(attempt), vendor, **changes)
    form = form_of(response)
    assert (form.action, form.fields["error"]) == (vendor.tool.launch_url, error)
    assert_no_id_token(response)


def test_a_browser_that_keeps_our_cookie_back_is_offered_a_window_of_its_own(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt
) -> None:
    told = browser.start(attempt)
    framed = Browser(attempt.user)
    response = framed.post(AUTHORIZE, authentication_request(told, vendor))
    form = form_of(response)
    assert response.status_code == 400
    assert form.target == "_blank"
    assert "id_token" in form_of(browser.post(form.action, form.fields)).fields, "the cookie comes along there"


def test_the_answer_without_a_cookie_is_offered_a_window_too(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt
) -> None:
    launch = browser.launch(attempt, vendor)
    response = Browser(attempt.user).answer(vendor.start_assessment(launch))
    form = form_of(response)
    assert (response.status_code, form.target, row(attempt).status) == (400, "_blank", "download_software_clicked")
    assert browser.post(form.action, form.fields).status_code == 200


def test_an_attempt_that_ends_meanwhile_is_not_launched(vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    told = browser.start(attempt)
    act_as_learner(attempt, LearnerAction.SUBMIT, learner=attempt.user)
    assert_no_id_token(browser.authorize(told, vendor))


def test_an_attempt_that_is_reset_meanwhile_is_not_launched(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, course_team: User
) -> None:
    from edx_exams.apps.core.api import reset_exam_attempt  # noqa: PLC0415

    told = browser.start(attempt)
    launch = browser.launch(attempt, vendor)
    reset_exam_attempt(attempt, course_team)
    assert "error" in form_of(browser.authorize(told, vendor)).fields
    assert browser.answer(vendor.start_assessment(launch)).status_code == 400
