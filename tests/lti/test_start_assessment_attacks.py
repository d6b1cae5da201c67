# SPDX-License-Identifier: AGPL-3.0-only
"""Whoever meddles with the answer of a tool is refused in plain words, changes nothing, leaves no token in the log."""

import logging
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.db.models import F
from django.utils import timezone

from edx_exams.apps.core.api import act_as_learner
from edx_exams.apps.core.models import Exam, ExamAttempt
from edx_exams.apps.core.transition_rules import LearnerAction
from edx_exams.apps.lti.launches import purge
from edx_exams.apps.lti.models import LtiLaunch, LtiTool, ProctoredAttempt, UsedToken
from tests.factories import UserFactory, make_attempt
from tests.lti.facts import row
from tests.lti.forgeries import FORGERIES, ODD_VALUES
from tests.lti.vendor import (
    LTI,
    START_ASSESSMENT,
    Browser,
    In,
    Vendor,
    pem_of,
    rsa_key,
)

pytestmark = pytest.mark.django_db


#: Valid JSON, and no text that can be encoded.
HALF_A_CHARACTER = chr(0xD800)


@pytest.fixture
def launch(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> dict[str, Any]:
    """The message that the tool has received."""
    return browser.launch(attempt, vendor)


def assert_refused(response: Any, attempt: ExamAttempt, status: str = "download_software_clicked") -> None:
    assert response.status_code == 400, response.content
    assert "<h1>" in response.content.decode(), "a page, in plain words"
    assert row(attempt).status == status
    assert not ProctoredAttempt.objects.exists()
    assert not UsedToken.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://another-platform.example.com"},
        {"aud": ["https://another-platform.example.com"]},
        {"aud": None},
        {"aud": 7},
        {"aud": [7]},
        {"iss": "https://vendor.example.com"},
        {"iss": None},
        {"iss": ["x"]},
        {"iss": HALF_A_CHARACTER},
        {"iss": "\0"},
        {"nonce": HALF_A_CHARACTER},
        {"session_data": HALF_A_CHARACTER},
        {"resource_link": {"id": HALF_A_CHARACTER}},
        {"azp": "someone else"},
        {"deployment_id": "2"},
        {"deployment_id": None},
        {"resource_link": {"id": "another exam"}},
        {"resource_link": None},
        {"resource_link": "text"},
        {"resource_link": {"id": 5}},
        {"attempt_number": 2},
        {"attempt_number": "2"},
        {"attempt_number": 1.5},
        {"attempt_number": "one"},
        {"attempt_number": True},
        {"attempt_number": 2**63},
        {"attempt_number": None},
        {"session_data": "guess"},
        {"session_data": ""},
        {"session_data": None},
        {"message_type": "LtiResourceLinkRequest"},
        {"message_type": "LtiStartProctoring"},
        {"message_type": None},
        {"version": "1.1"},
        {"nonce": None},
        {"nonce": ""},
        {"nonce": 5},
        {"nonce": "n" * 5000},
        {"end_assessment_return": "yes"},
        {"exp": In(-3600)},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 10**400},
        {"exp": float("1e300")},
        {"iat": In(3600)},
        {"iat": None},
        {"nbf": In(3600)},
        {"nbf": "later"},
    ],
    ids=str,
)
def test_a_message_with_a_wrong_claim_is_refused(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert_refused(browser.answer(vendor.start_assessment(launch, **changes)), attempt)


@pytest.mark.exhaustive
def test_no_value_of_any_claim_is_worse_than_a_refusal(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    good = vendor.start_assessment_claims(launch)
    for claim in [*good, "azp", "nbf"]:
        for value in ODD_VALUES:
            status = browser.answer(vendor.sign({**good, claim: value})).status_code
            assert status in (200, 400), (claim, value)
            if status == 200:
                good = vendor.start_assessment_claims(browser.launch(attempt, vendor))


@pytest.mark.parametrize(
    "changes", [{"exp": In(-20)}, {"iat": In(40)}, {"nbf": In(40)}, {"aud": ["x", "http://testserver"]}], ids=str
)
def test_clocks_may_differ_a_little_and_there_may_be_several_audiences(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any], changes: dict[str, Any]
) -> None:
    assert browser.answer(vendor.start_assessment(launch, **changes)).status_code == 200


@pytest.mark.usefixtures("other_vendor")
@pytest.mark.parametrize("how", FORGERIES)
def test_a_message_that_the_tool_did_not_sign_is_refused(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any], how: str
) -> None:
    assert_refused(browser.answer(FORGERIES[how](vendor, vendor.start_assessment_claims(launch))), attempt)


def test_another_tool_cannot_answer(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, other_vendor: Vendor, launch: dict[str, Any]
) -> None:
    assert_refused(browser.answer(other_vendor.start_assessment(launch)), attempt)
    assert_refused(browser.answer(other_vendor.start_assessment(launch, iss=vendor.tool.client_id)), attempt)


@pytest.mark.parametrize("message", ["", "x", "a.b.c", "é.é.é", "e30.e30.e30", "." * 50, "x" * 40_000, "\0"])
def test_what_is_no_message_is_refused(
    browser: Browser, attempt: ExamAttempt, launch: dict[str, Any], message: str
) -> None:
    assert_refused(browser.answer(message), attempt)


def test_no_message_at_all_is_refused(browser: Browser, attempt: ExamAttempt, launch: dict[str, Any]) -> None:
    assert_refused(browser.post(START_ASSESSMENT), attempt)
    assert browser.get(START_ASSESSMENT).status_code == 405


def test_a_message_is_taken_once(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    message = vendor.start_assessment(launch)
    assert browser.answer(message).status_code == 200
    assert browser.answer(message).status_code == 400
    assert browser.answer(vendor.start_assessment(launch)).status_code == 400, (
        "session data is good once, whatever the nonce"
    )


def test_a_nonce_is_taken_once_even_for_another_launch(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    assert browser.answer(vendor.start_assessment(launch, nonce="same")).status_code == 200
    second = browser.launch(attempt, vendor)
    assert browser.answer(vendor.start_assessment(second, nonce="same")).status_code == 400
    assert browser.answer(vendor.start_assessment(second, nonce="other")).status_code == 200, "the refusal cost nothing"


def test_a_nonce_is_remembered_for_as_long_as_its_message_is_good(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    assert browser.answer(vendor.start_assessment(launch, nonce="same", exp=In(6 * 3600))).status_code == 200
    UsedToken.objects.update(expires_at=F("expires_at") - timedelta(hours=5))  # five hours go by
    purge()
    second = browser.launch(attempt, vendor)
    assert browser.answer(vendor.start_assessment(second, nonce="same")).status_code == 400


@pytest.mark.parametrize("exp", [253_402_300_799, 10**11])
def test_a_message_that_is_good_for_ever_is_no_trouble(
    browser: Browser, vendor: Vendor, launch: dict[str, Any], exp: int
) -> None:
    assert browser.answer(vendor.start_assessment(launch, exp=exp)).status_code == 200


def test_a_replay_never_takes_a_running_attempt_back(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    message = vendor.start_assessment(launch)
    browser.answer(message)
    act_as_learner(attempt, LearnerAction.START, learner=attempt.user)
    before = row(attempt)
    assert browser.answer(message).status_code == 400
    assert (row(attempt).status, row(attempt).start_time) == ("started", before.start_time)


@pytest.mark.parametrize("finished", ["submitted", "verified", "rejected", "error", "expired"])
def test_a_finished_attempt_cannot_be_begun_again(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any], finished: str
) -> None:
    ExamAttempt.objects.filter(pk=attempt.pk).update(status=finished)
    assert_refused(browser.answer(vendor.start_assessment(launch)), attempt, finished)


def test_session_data_that_never_left_us_is_refused(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    """The launch must have been used: its data is known to nobody before."""
    browser.start(attempt)
    unused = LtiLaunch.objects.get()
    claims = {
        f"{LTI}resource_link": {"id": attempt.exam.resource_id},
        "https://purl.imsglobal.org/spec/lti-ap/claim/attempt_number": 1,
        "https://purl.imsglobal.org/spec/lti-ap/claim/session_data": unused.session_data,
    }
    assert_refused(browser.answer(vendor.start_assessment(claims)), attempt)


def test_the_victims_answer_is_worth_nothing_in_another_session(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any], exam: Exam
) -> None:
    attacker = Browser(UserFactory.create())
    own = make_attempt(exam, attacker.user)
    attacker.launch(own, vendor)
    assert_refused(attacker.answer(vendor.start_assessment(launch)), attempt)
    elsewhere = Browser(attempt.user)
    elsewhere.start(attempt)
    assert_refused(elsewhere.answer(vendor.start_assessment(launch)), attempt)
    assert row(own).status == "download_software_clicked"


def test_an_answer_that_comes_too_late_is_refused(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    LtiLaunch.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert_refused(browser.answer(vendor.start_assessment(launch)), attempt)


def test_a_tool_that_was_switched_off_is_refused(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]
) -> None:
    LtiTool.objects.update(is_enabled=False)
    assert_refused(browser.answer(vendor.start_assessment(launch)), attempt)


def test_a_short_key_is_no_key(browser: Browser, attempt: ExamAttempt, vendor: Vendor, launch: dict[str, Any]) -> None:
    weak = rsa_key("weak", 1024)
    LtiTool.objects.update(public_key=pem_of(weak))
    message = jwt.encode(vendor.start_assessment_claims(launch), weak, "RS256")
    assert_refused(browser.answer(message), attempt)


def test_no_hint_no_token_and_no_name_gets_into_the_log(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = browser.start(attempt)
    launch = browser.bring(told, vendor)
    browser.authorize(told, vendor)
    message = vendor.start_assessment(launch)
    browser.answer(vendor.start_assessment(launch, aud="elsewhere"))
    browser.answer(message)
    browser.answer(message)
    token = vendor.access_token()
    vendor.control(attempt, "flag", token=token + "x")
    vendor.control(attempt, "terminate", token=token)
    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    text = "\n".join(record.getMessage() for record in ours)
    assert "LtiStartAssessment refused: claim aud" in text
    for secret in (
        told["lti_message_hint"],
        message,
        message.split(".")[2],
        token,
        str(attempt.user.anonymous_user_id),
        attempt.user.username,
        launch["https://purl.imsglobal.org/spec/lti-ap/claim/session_data"],
    ):
        assert secret not in text
