# SPDX-License-Identifier: AGPL-3.0-only
"""The exam in a frame of ours, for tools without a browser extension; practice without a tool."""

from __future__ import annotations

from typing import Final

import pytest
from django.test import override_settings

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.lti.models import LtiTool
from tests.factories import ExamFactory, ProviderFactory, make_attempt
from tests.lti.vendor import Browser, Vendor, proctored_exam, register

LEARNING: Final = "https://learning.example.com/learning"
IN_A_FRAME: Final = {"Sec-Fetch-Dest": "iframe", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-site"}

pytestmark = pytest.mark.usefixtures("learning_interface")


@pytest.fixture
def learning_interface() -> object:
    with override_settings(LEARNING_MICROFRONTEND_URL=LEARNING):
        yield


@pytest.fixture
def plain_vendor(db: None) -> Vendor:
    """A vendor whose tool has no extension, which is what a new tool is taken for."""
    return register("plain", extension_answers=False)


@pytest.fixture
def plain_attempt(plain_vendor: Vendor, learner: User) -> ExamAttempt:
    return make_attempt(proctored_exam(plain_vendor, exam_name="Final <exam>"), learner)


def status(attempt: ExamAttempt) -> str:
    return ExamAttempt.objects.get(pk=attempt.pk).status


def test_a_new_tool_is_taken_for_one_without_an_extension() -> None:
    assert LtiTool().extension_answers is False


def test_the_ready_page_holds_the_exam_and_answers_the_learning_interface_alone(
    browser: Browser, plain_attempt: ExamAttempt, plain_vendor: Vendor
) -> None:
    page = browser.answer(plain_vendor.start_assessment(browser.launch(plain_attempt, plain_vendor)))
    assert page.status_code == 200
    assert status(plain_attempt) == "ready_to_start"
    text = page.content.decode()
    exam = plain_attempt.exam
    assert f'src="{LEARNING}/course/{exam.course_id}/{exam.content_id}"' in text
    assert 'data-origin="https://learning.example.com"' in text
    assert "Final &lt;exam&gt;" in text
    assert "http-equiv" not in text
    policy = page["Content-Security-Policy"]
    assert "frame-src https://learning.example.com 'self'" in policy
    assert "default-src 'none'" in policy
    cookie = browser.cookies["edx_exams_exam_frame"]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/lti/")


def test_a_tool_with_an_extension_keeps_its_way(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    page = browser.answer(vendor.start_assessment(browser.launch(attempt, vendor)))
    assert "<iframe" not in page.content.decode()
    assert "edx_exams_exam_frame" not in browser.cookies


def test_the_page_opens_again_in_the_browser_in_which_the_tool_let_the_exam_begin(
    browser: Browser, plain_attempt: ExamAttempt, plain_vendor: Vendor, learner: User
) -> None:
    browser.answer(plain_vendor.start_assessment(browser.launch(plain_attempt, plain_vendor)))
    address = f"/lti/exam_frame/{plain_attempt.pk}"
    assert "<iframe" in browser.get(address).content.decode()
    assert Browser(learner).follow(address).status_code == 403
    assert browser.get(f"/lti/exam_frame/{plain_attempt.pk + 1}").status_code == 403
    assert browser.post(address).status_code == 405
    forged = Browser(learner)
    forged.cookies["edx_exams_exam_frame"] = browser.cookies["edx_exams_exam_frame"].value[:-1]
    assert forged.get(address).status_code == 403

    ExamAttempt.objects.filter(pk=plain_attempt.pk).update(status="submitted")
    assert browser.get(address)["Location"].startswith(LEARNING)


def test_links_inside_the_frame_lead_the_whole_window_on(
    browser: Browser, plain_attempt: ExamAttempt, plain_vendor: Vendor
) -> None:
    claim = "https://purl.imsglobal.org/spec/lti-ap/claim/end_assessment_return"
    launch = browser.launch(plain_attempt, plain_vendor)
    browser.answer(plain_vendor.start_assessment(launch, **{claim: True}))
    end = f"/lti/end_assessment/{plain_attempt.pk}"
    page = browser.follow(end, **IN_A_FRAME)
    assert page.status_code == 200
    assert plain_vendor.tool.oidc_login_url.partition("?")[0] in page.content.decode()
    assert 'target="_top"' in page.content.decode()
    assert status(plain_attempt) == "submitted"
    # A window of its own goes on as ever.
    assert browser.follow(end).status_code == 302


def test_a_frame_that_is_not_ours_is_redirected_as_ever(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    assert browser.follow(f"/lti/start_proctoring/{attempt.pk}", **IN_A_FRAME).status_code == 302
    assert vendor.tool.extension_answers


@pytest.mark.parametrize("exam_type", ["practice", "onboarding"])
@pytest.mark.parametrize("provider", ["none", "without a tool"])
def test_practice_without_a_tool_is_ready_at_once(
    exam_type: str, provider: str, browser: Browser, learner: User
) -> None:
    exam = ExamFactory.create(exam_type=exam_type, provider=None if provider == "none" else ProviderFactory.create())
    attempt = make_attempt(exam, learner)
    for _ in range(2):
        response = browser.follow(f"/lti/start_proctoring/{attempt.pk}")
        assert response.status_code == 302
        assert response["Location"] == f"{LEARNING}/course/{exam.course_id}/{exam.content_id}"
        assert status(attempt) == "ready_to_start"
    assert ExamAttempt.history.filter(id=attempt.pk, status="ready_to_start").count() == 1

    ExamAttempt.objects.filter(pk=attempt.pk).update(status="verified")
    assert browser.follow(f"/lti/start_proctoring/{attempt.pk}").status_code == 403
    assert status(attempt) == "verified"


def test_a_proctored_exam_without_a_tool_is_not_ready(browser: Browser, learner: User) -> None:
    exam: Exam = ExamFactory.create(exam_type="proctored", provider=ProviderFactory.create())
    attempt = make_attempt(exam, learner)
    assert browser.follow(f"/lti/start_proctoring/{attempt.pk}").status_code == 400
    assert status(attempt) == "created"
