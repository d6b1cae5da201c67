# SPDX-License-Identifier: AGPL-3.0-only
"""Browsers on the way to a tool and back, and their other tabs, which must go on working."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import DataError, connection
from django.test import Client
from pytest_django import Settings

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.lti.models import LtiTool
from tests.conftest import person
from tests.lti.facts import status
from tests.lti.test_platform import assert_frameable
from tests.lti.vendor import (
    AUTHORIZE,
    START_ASSESSMENT,
    Browser,
    Vendor,
    authentication_request,
    form_of,
    query_of,
)

pytestmark = pytest.mark.django_db


def by_cookies(user: User) -> Browser:
    """A browser as it is: the LMS's cookies say who one is, and CSRF tokens count."""
    browser = Browser(user)
    browser.handler.enforce_csrf_checks = True
    browser.cookies.load(person(user).cookies())
    return browser


def test_the_exam_that_is_open_in_another_tab_goes_on_after_a_launch(attempt: ExamAttempt, settings: Settings) -> None:
    settings.PROCTORED_START_REQUIRES_TOOL = False
    browser = by_cookies(attempt.user)
    token = browser.get("/csrf/api/v1/token").json()["csrfToken"]
    for _ in range(2):
        link = f"/lti/start_proctoring/{attempt.pk}"
        assert browser.get(link, headers={"Referer": "http://localhost:2000/"}).status_code == 302
    started = browser.put(
        f"/api/v1/exams/attempt/{attempt.pk}",
        {"action": "start"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert started.status_code == 200, started.content


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "too many fields": (b"&".join(b"a%d=1" % number for number in range(1100)), "application/x-www-form-urlencoded"),
    "too large": (b"JWT=" + b"x" * 2_700_000, "application/x-www-form-urlencoded"),
    "no boundary": (b"--x\r\nfoo", "multipart/form-data; boundary="),
    "a boundary of bytes": (b"garbage", "multipart/form-data; boundary=\xc3\xa9"),
    "another encoding": (b"JWT=x", "application/x-www-form-urlencoded; charset=utf-16"),
    "a codec that is slow": (b"JWT=" + b"a" * 100_000, "application/x-www-form-urlencoded; charset=punycode"),
    "a codec that is none": (b"JWT=x", "application/x-www-form-urlencoded; charset=hex"),
    "multipart": (b"--x\r\n", "multipart/form-data; boundary=x"),
    "an unknown encoding": (b"JWT=x", "application/x-www-form-urlencoded; charset=bogus"),
    "no text": (b"JWT=%ff%00&client_id=%ff%00", "application/x-www-form-urlencoded"),
    "no form": (b"{}", "application/json"),
}


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("path", [AUTHORIZE, START_ASSESSMENT])
def test_a_form_that_cannot_be_read_is_refused_by_a_page_that_may_be_framed(
    browser: Browser, attempt: ExamAttempt, path: str, what: str
) -> None:
    browser.start(attempt)
    body, content_type = UNREADABLE[what]
    response = browser.generic("POST", path, body, content_type)
    assert response.status_code == {"too large": 413}.get(what, 415 if "multipart" in content_type else 400)
    assert "<h1>" in response.content.decode()
    assert_frameable(response)
    assert status(attempt) == "download_software_clicked"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("UTF-8", "utf-8"), ("us-ascii", "ascii"), ("ISO-8859-1", "latin-1"), ('"windows-1252"', "cp1252")],
)
def test_forms_come_in_the_charsets_that_tools_use(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor, charset: str, codec: str
) -> None:
    content_type = f"application/x-www-form-urlencoded; charset={charset}"
    state = "st\xe4te" if codec != "ascii" else "state"
    fields = authentication_request(browser.start(attempt), vendor, state=state)
    page = browser.post(AUTHORIZE, urlencode(fields, encoding=codec), content_type=content_type)
    assert form_of(page).fields["state"] == state
    assert vendor.ask_for_token(content_type=content_type).status_code == 200


@pytest.mark.parametrize("what", UNREADABLE)
def test_a_request_of_a_tools_server_that_cannot_be_read_is_refused_in_json(vendor: Vendor, what: str) -> None:
    body, content_type = UNREADABLE[what]
    token, acs = f"/lti/lti_consumer/v1/token/{vendor.tool.config_id}", f"/lti/{vendor.tool.pk}/acs"
    for path, sent_as in ((token, content_type), (acs, content_type), (acs, "application/json")):
        headers = {"Authorization": f"Bearer {vendor.access_token()}"}
        answer = Client().generic("POST", path, body, sent_as, headers=headers)
        assert answer.status_code in (400, 413, 415), (path, sent_as)
        assert answer.json()["error" if path == token else "detail"], "RFC 6749, section 5.2"


def test_text_that_a_column_cannot_hold_is_the_senders_mistake_and_not_an_outage(
    vendor: Vendor, running: ExamAttempt
) -> None:
    """Tables of old databases may be of a character set without emojis."""

    def refuse(execute: Any, sql: str, *rest: Any) -> Any:
        if "INSERT INTO" in sql and "assessmentcontrolresult" in sql:
            raise DataError(1366, "Incorrect string value")
        return execute(sql, *rest)

    token = vendor.access_token()
    with connection.execute_wrapper(refuse):
        answer = vendor.control(running, "terminate", token=token, reason_code="\N{CLAPPER BOARD}")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert answer.json()["errors"]
    assert status(running) == "started"


@pytest.mark.parametrize("url", ["", "vendor", "https://[vendor]/login", "javascript:alert(1)", "https://"])
@pytest.mark.parametrize("field", ["oidc_login_url", "launch_url"])
def test_a_tool_without_a_web_address_is_not_launched(
    browser: Browser, attempt: ExamAttempt, field: str, url: str
) -> None:
    """As an imported registration may be."""
    LtiTool.objects.update(**{field: url})
    assert browser.follow(f"/lti/start_proctoring/{attempt.pk}").status_code == 400
    assert status(attempt) == "created"


def test_no_form_is_sent_to_what_is_no_web_address(browser: Browser, attempt: ExamAttempt, vendor: Vendor) -> None:
    LtiTool.objects.update(redirect_uris=["javascript:alert(1)"])
    response = browser.authorize(browser.start(attempt), vendor, redirect_uri="javascript:alert(1)")
    assert response.status_code == 400
    assert b"javascript" not in response.content


def test_the_end_of_an_attempt_that_was_deleted_behind_our_back_is_not_told(
    browser: Browser, attempt: ExamAttempt, vendor: Vendor
) -> None:
    """The earlier service deletes attempts during a deploy, and knows nothing of launches."""
    browser.answer(vendor.start_assessment(browser.launch(attempt, vendor)))
    told = query_of(browser.follow(f"/lti/end_assessment/{attempt.pk}"))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM exams_examattempt WHERE id = %s", [attempt.pk])
    fields = form_of(browser.authorize(told, vendor)).fields
    assert fields["error"] == "login_required"
    assert "id_token" not in fields


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "FOO"])
def test_no_other_method_does_anything(
    browser: Browser, attempt: ExamAttempt, exam: Exam, vendor: Vendor, method: str
) -> None:
    config_id = vendor.tool.config_id
    paths = [
        f"/lti/start_proctoring/{attempt.pk}",
        f"/lti/end_assessment/{attempt.pk}",
        f"/lti/exam/{exam.pk}/instructor_tool",
        AUTHORIZE,
        START_ASSESSMENT,
        f"/lti/lti_consumer/v1/token/{config_id}",
        f"/lti/{vendor.tool.pk}/acs",
    ]
    if method != "HEAD":
        paths += [f"/lti/exam/{exam.pk}/instructor_tool/roster", f"/lti/lti_consumer/v1/public_keysets/{config_id}"]
    for path in paths:
        response: Any = browser.generic(method, path, headers=person(attempt.user).authorization())
        assert response.status_code == 405, path
    assert status(attempt) == "created"
