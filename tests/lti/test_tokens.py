# SPDX-License-Identifier: AGPL-3.0-only
"""Access tokens: who gets one, and what they open."""

import json
import time
from typing import Any

import jwt
import pytest
from django.test import Client
from pytest_django import Settings

from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.lti import addresses, platform_keys
from edx_exams.apps.lti.models import LtiTool, UsedToken
from tests.conftest import person
from tests.lti.forgeries import ODD_VALUES
from tests.lti.vendor import AP, LTI, PLATFORM, SCOPE, Browser, FormClient, In, Vendor, dated, form_of, rsa_key

pytestmark = pytest.mark.django_db


def test_an_assertion_buys_a_token_for_an_hour(vendor: Vendor) -> None:
    answer = vendor.ask_for_token()
    body = answer.json()
    assert answer.status_code == 200
    assert body.pop("access_token")
    assert body == {"token_type": "bearer", "expires_in": 3600, "scope": SCOPE}
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "audience",
    [
        PLATFORM,
        f"{PLATFORM}/",
        [PLATFORM],
        ["https://elsewhere.example.com", PLATFORM],
        lambda tool: f"{PLATFORM}/lti/lti_consumer/v1/token/{tool.config_id}/",
    ],
)
def test_the_audience_is_the_token_url_or_the_issuer(vendor: Vendor, audience: Any) -> None:
    wanted = audience(vendor.tool) if callable(audience) else audience
    assert vendor.ask_for_token(vendor.assertion(aud=wanted)).status_code == 200


def test_what_is_asked_for_beyond_the_scope_is_not_granted(vendor: Vendor) -> None:
    assert vendor.ask_for_token(scope=f"openid {SCOPE} other").json()["scope"] == SCOPE


@pytest.mark.parametrize("scope", ["", "openid", f"{SCOPE}.more", None])
def test_without_the_scope_there_is_no_token(vendor: Vendor, scope: str | None) -> None:
    answer = vendor.ask_for_token(scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    assert not UsedToken.objects.exists(), "the assertion is not used up"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_assertion_type": None}, "invalid_request"),
        ({"client_assertion_type": "urn:other"}, "invalid_request"),
        ({"client_assertion": ""}, "invalid_request"),
        ({"scope": [SCOPE, SCOPE]}, "invalid_request"),
    ],
    ids=str,
)
def test_a_malformed_request_is_told_what_is_wrong(vendor: Vendor, changes: dict[str, Any], error: str) -> None:
    answer = vendor.ask_for_token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_only_a_form_by_post_is_read(vendor: Vendor) -> None:
    path = f"/lti/lti_consumer/v1/token/{vendor.tool.config_id}"
    assert Client().get(path).status_code == 405
    answer = Client().post(path, json.dumps(vendor.token_form()), content_type="application/json")
    assert answer.json()["error"] == "invalid_request"
    for unknown in ("00000000-0000-4000-8000-000000000000", "not-a-uuid"):
        answer = FormClient().post(f"/lti/lti_consumer/v1/token/{unknown}", vendor.token_form())
        assert (answer.status_code, answer["Content-Type"]) == (404, "application/json")


def test_a_parameter_that_we_do_not_know_is_passed_over_and_not_logged(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    unknown: dict[str, Any] = {"x\nERROR forged": ["1", "2"], "resource": "r"}
    assert vendor.ask_for_token(**unknown).status_code == 200
    assert vendor.ask_for_token(grant_type=["a", "b"], **unknown).status_code == 400
    assert "forged" not in caplog.text


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "someone else"},
        {"sub": None},
        {"iss": None},
        {"iss": ""},
        {"iss": 5},
        {"aud": "https://elsewhere.example.com"},
        {"aud": None},
        {"aud": []},
        {"aud": {"a": 1}},
        {"aud": f"{PLATFORM}/lti/lti_consumer/v1/token/00000000-0000-4000-8000-000000000000"},
        {"exp": In(31536000)},
        {"exp": In(7200)},
        {"exp": In(-3600)},
        {"exp": None},
        {"iat": None},
        {"iat": In(3600)},
        {"nbf": In(3600)},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": chr(0xD800)},
        {"iss": chr(0xD800)},
        {f"{LTI}message_type": "LtiStartAssessment"},
        {f"{AP}attempt_number": 1},
    ],
    ids=str,
)
def test_an_assertion_with_a_wrong_claim_buys_nothing(vendor: Vendor, changes: dict[str, Any]) -> None:
    answer = vendor.ask_for_token(vendor.assertion(**changes))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not UsedToken.objects.exists()


@pytest.mark.exhaustive
def test_no_value_of_any_claim_is_worse_than_a_refusal(vendor: Vendor) -> None:
    good = vendor.assertion_claims()
    for claim in [*good, "nbf"]:
        for value in ODD_VALUES:
            answer = vendor.ask_for_token(vendor.sign({**good, claim: value}))
            assert answer.status_code in (200, 401), (claim, value)


def test_a_message_of_a_launch_is_no_assertion(vendor: Vendor, browser: Browser, attempt: ExamAttempt) -> None:
    """It passes through the learner's browser: with a token for it, learners would verify themselves."""
    launch = browser.launch(attempt, vendor)
    audience = [PLATFORM, addresses.token_url(vendor.tool)]
    message = vendor.start_assessment(launch, aud=audience, sub=vendor.tool.client_id, jti="j")
    answer = vendor.ask_for_token(message)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_an_assertion_is_good_once(vendor: Vendor) -> None:
    assertion = vendor.assertion()
    assert vendor.ask_for_token(assertion).status_code == 200
    answer = vendor.ask_for_token(assertion)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_the_same_jti_of_another_tool_is_another(vendor: Vendor, other_vendor: Vendor) -> None:
    assert vendor.ask_for_token(vendor.assertion(jti="same")).status_code == 200
    assert other_vendor.ask_for_token(other_vendor.assertion(jti="same")).status_code == 200


def test_tools_that_send_no_jti_can_be_let_in(vendor: Vendor, settings: Settings) -> None:
    settings.LTI_REQUIRE_JTI = False
    assert vendor.ask_for_token(vendor.assertion(jti=None)).status_code == 200
    assertion = vendor.assertion()
    assert [vendor.ask_for_token(assertion).status_code for _ in range(2)] == [200, 401]


def test_an_assertion_that_the_tool_did_not_sign_buys_nothing(vendor: Vendor, other_vendor: Vendor) -> None:
    claims = vendor.assertion_claims()
    for forged in (
        jwt.encode(claims, "", "none"),
        vendor.sign(claims, key=rsa_key("stranger")),
        other_vendor.sign(claims),
        platform_keys.sign(vendor.tool, claims),
        "not a token",
    ):
        assert vendor.ask_for_token(forged).status_code == 401


def test_a_tool_that_is_switched_off_gets_nothing(vendor: Vendor, running: ExamAttempt) -> None:
    token = vendor.access_token()
    LtiTool.objects.update(is_enabled=False)
    assert vendor.ask_for_token().status_code == 404
    assert vendor.control(running, token=token).status_code == 401


# At the Assessment Control Service


def at_control(vendor: Vendor, attempt: ExamAttempt, authorization: str | None) -> Any:
    headers = {} if authorization is None else {"Authorization": authorization}
    body = json.dumps(vendor.control_body(attempt))
    return Client().post(f"/lti/{vendor.tool.pk}/acs", body, content_type="application/json", headers=headers)


def own_token(vendor: Vendor, typ: str = "at+jwt", **changes: Any) -> str:
    """A token signed with our own key, as nobody else can: to see that each claim of it counts."""
    now = int(time.time())
    claims = {
        "iss": PLATFORM,
        "sub": vendor.tool.client_id,
        "aud": addresses.acs_url(vendor.tool),
        "iat": now,
        "exp": now + 60,
        "scope": SCOPE,
        **changes,
    }
    return platform_keys.sign(
        vendor.tool, dated({name: value for name, value in claims.items() if value is not None}), typ=typ
    )


def test_a_token_of_ours_opens_the_door(vendor: Vendor, running: ExamAttempt) -> None:
    assert at_control(vendor, running, f"Bearer {own_token(vendor)}").status_code == 200
    assert at_control(vendor, running, f"bearer {own_token(vendor)}").status_code == 200


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer a.b.c", "Bearer é", "x"])
def test_without_a_token_there_is_a_challenge(vendor: Vendor, running: ExamAttempt, authorization: str | None) -> None:
    answer = at_control(vendor, running, authorization)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": In(-3600)},
        {"exp": None},
        {"iss": "https://elsewhere.example.com"},
        {"aud": "https://elsewhere.example.com"},
        {"sub": "someone else"},
        {"scope": None},
        {"scope": 7},
        {"typ": "JWT"},
    ],
    ids=str,
)
def test_a_token_with_a_wrong_claim_opens_nothing(
    vendor: Vendor, running: ExamAttempt, changes: dict[str, Any]
) -> None:
    assert at_control(vendor, running, f"Bearer {own_token(vendor, **changes)}").status_code == 401


@pytest.mark.parametrize("kid", ["", "\0", chr(0xD800), "x" * 300, "another"])
def test_a_token_of_a_key_that_cannot_be_ours_opens_nothing(vendor: Vendor, running: ExamAttempt, kid: str) -> None:
    token = vendor.sign({"sub": "x"}, kid=kid, typ="at+jwt")
    assert at_control(vendor, running, f"Bearer {token}").status_code == 401


def test_a_token_without_the_scope_is_a_403(vendor: Vendor, running: ExamAttempt) -> None:
    answer = at_control(vendor, running, f"Bearer {own_token(vendor, scope='openid')}")
    assert answer.status_code == 403
    assert "insufficient_scope" in answer["WWW-Authenticate"]


def test_another_tools_token_is_a_403(vendor: Vendor, other_vendor: Vendor, running: ExamAttempt) -> None:
    assert at_control(vendor, running, f"Bearer {other_vendor.access_token()}").status_code == 403


def test_a_token_of_a_retired_key_is_worth_nothing(vendor: Vendor, running: ExamAttempt) -> None:
    token = vendor.access_token()
    first = vendor.tool.platform_keys.get()
    platform_keys.rotate_key(vendor.tool)
    assert at_control(vendor, running, f"Bearer {token}").status_code == 200
    assert platform_keys.retire_key(first)
    assert at_control(vendor, running, f"Bearer {token}").status_code == 401


def test_no_other_token_that_a_learner_can_have_is_taken(
    vendor: Vendor, browser: Browser, attempt: ExamAttempt, learner: User
) -> None:
    id_token = form_of(browser.authorize(browser.start(attempt), vendor)).fields["id_token"]
    for token in (id_token, person(learner).token(), person(learner).token("RS512"), vendor.assertion()):
        assert at_control(vendor, attempt, f"Bearer {token}").status_code == 401
