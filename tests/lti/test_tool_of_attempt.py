# SPDX-License-Identifier: AGPL-3.0-only
"""Whose tool may let an attempt begin and end, and pages that lead back to the exam."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from edx_exams.apps.core.models import Exam, ExamAttempt, ProctoringProvider
from edx_exams.apps.lti.models import ProctoredAttempt
from tests.factories import ExamFactory, make_attempt
from tests.lti.facts import status
from tests.lti.vendor import Browser, Vendor, form_of, query_of

pytestmark = pytest.mark.django_db


def exam_url(settings: Settings, exam: Exam) -> str:
    return f"{settings.LEARNING_MICROFRONTEND_URL}/course/{exam.course_id}/{exam.content_id}"


# A change of the provider's tool


def change_tool(vendor: Vendor) -> None:
    ProctoringProvider.objects.update(lti_configuration_id=str(vendor.tool.pk))


def test_the_old_tools_message_is_refused_after_a_change_and_the_page_leads_back(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, other_vendor: Vendor, settings: Settings
) -> None:
    launch = browser.launch(attempt, vendor)
    change_tool(other_vendor)
    page = browser.answer(vendor.start_assessment(launch))
    assert (page.status_code, status(attempt)) == (400, "download_software_clicked")
    assert "another proctoring tool" in page.content.decode()
    assert "has not begun" in page.content.decode()
    assert f'href="{exam_url(settings, attempt.exam)}"' in page.content.decode()
    assert not ProctoredAttempt.objects.exists()


def test_a_launch_that_is_under_way_ends_with_a_change_of_the_tool(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, other_vendor: Vendor
) -> None:
    told = browser.start(attempt)
    change_tool(other_vendor)
    assert form_of(browser.authorize(told, vendor)).fields["error"] == "login_required"


def test_the_end_is_told_to_nobody_who_did_not_let_it_begin(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, other_vendor: Vendor, settings: Settings
) -> None:
    browser.answer(vendor.start_assessment(browser.launch(attempt, vendor)))
    change_tool(other_vendor)
    ended = browser.follow(f"/lti/end_assessment/{attempt.pk}")
    assert ended.headers["Location"] == exam_url(settings, attempt.exam)
    change_tool(vendor)
    assert "lti_message_hint" in query_of(browser.follow(f"/lti/end_assessment/{attempt.pk}"))


# Practice without a tool, refusals


@pytest.mark.parametrize("exam_type", ["practice", "onboarding"])
def test_practice_without_a_tool_is_ready_at_once(exam_type: str, browser: Browser, settings: Settings) -> None:
    attempt = make_attempt(ExamFactory.create(exam_type=exam_type, provider=None), browser.user)
    answer = browser.follow(f"/lti/start_proctoring/{attempt.pk}")
    assert (answer.status_code, answer.headers["Location"]) == (302, exam_url(settings, attempt.exam))
    assert status(attempt) == "ready_to_start"


@pytest.mark.parametrize("exam_type", ["proctored", "timed"])
def test_what_counts_needs_a_tool(exam_type: str, browser: Browser) -> None:
    attempt = make_attempt(ExamFactory.create(exam_type=exam_type, provider=None), browser.user)
    answer = browser.follow(f"/lti/start_proctoring/{attempt.pk}", Accept="text/html")
    assert (answer.status_code, status(attempt)) == (400, "created")
    assert "has not begun" in answer.content.decode()
    assert "Go back to the exam" in answer.content.decode()


def test_session_data_with_one_letter_accented_is_refused(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    launch = browser.launch(attempt, vendor)
    name = next(name for name in launch if name.endswith("session_data"))
    accented = "\N{LATIN SMALL LETTER A WITH ACUTE}" + launch[name][1:]
    assert browser.answer(vendor.start_assessment(launch, session_data=accented)).status_code == 400


@pytest.mark.parametrize(("wish", "asked"), [(True, True), (1, True), ("true", True), (0, False), ("false", False)])
def test_the_wish_for_the_end_comes_as_tools_write_it(
    wish: Any, asked: bool, browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    message = vendor.start_assessment(
        browser.launch(attempt, vendor), end_assessment_return=wish, attempt_number=str(attempt.attempt_number)
    )
    assert browser.answer(message).status_code == 200
    assert ProctoredAttempt.objects.get().end_assessment_return is asked


def test_the_extension_is_linked_from_the_page_that_misses_it(client: Client, settings: Settings) -> None:
    assert 'href="https://getproctorio.com"' in client.get("/browser_lock/").content.decode()
    settings.LTI_BROWSER_EXTENSION_URL = ""
    assert "getproctorio" not in client.get("/browser_lock/").content.decode()


def test_the_older_services_setting_of_the_custom_url_is_not_read(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, settings: Settings
) -> None:
    settings.LTI_CUSTOM_URL_CLAIM = "elsewhere.example.com"
    launch = browser.launch(attempt, vendor)
    assert launch["https://purl.imsglobal.org/spec/lti/claim/custom"]["custom_url"] == "testserver/browser_lock/"
