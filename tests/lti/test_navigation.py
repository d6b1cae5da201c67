# SPDX-License-Identifier: AGPL-3.0-only
"""Links that change an attempt: followed on a page of the platform, confirmed by a button, or refused."""

from typing import Any, Final

import pytest
from django.test import Client
from django.test.client import MULTIPART_CONTENT
from pytest_django import Settings

from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.lti.navigation import Verdict, judge, origin_of
from tests.conftest import person
from tests.lti.facts import status
from tests.lti.vendor import FormClient, form_of

MFE: Final = "https://learning.example.com"
TRUSTED: Final = frozenset({MFE, "https://exams.example.com"})
NAVIGATE: Final = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "same-site"}
FRAME: Final = {**NAVIGATE, "Sec-Fetch-Dest": "iframe"}
ACT, CONFIRM, REFUSE = Verdict.ACT, Verdict.CONFIRM, Verdict.REFUSE


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        # followed on a page of the platform
        ({**NAVIGATE, "Referer": f"{MFE}/course/x"}, ACT),
        ({**NAVIGATE, "Sec-Fetch-Site": "same-origin", "Referer": "https://EXAMS.example.com:443/"}, ACT),
        ({**FRAME, "Referer": f"{MFE}/"}, ACT),
        ({**NAVIGATE, "Sec-Fetch-Dest": "frame", "Referer": f"{MFE}/"}, ACT),
        ({"Referer": f"{MFE}/"}, ACT),
        # nothing says where
        (NAVIGATE, CONFIRM),
        ({**NAVIGATE, "Sec-Fetch-Site": "none"}, CONFIRM),
        ({**NAVIGATE, "Referer": ""}, CONFIRM),
        ({}, CONFIRM),
        (FRAME, REFUSE),
        # another page
        ({**NAVIGATE, "Referer": "https://blog.example.com/"}, REFUSE),
        ({**NAVIGATE, "Referer": f"{MFE}.evil.example/"}, REFUSE),
        ({**NAVIGATE, "Referer": f"{MFE}:444/"}, REFUSE),
        ({**NAVIGATE, "Referer": f"{MFE}@evil.example/"}, REFUSE),
        ({**NAVIGATE, "Referer": "http://learning.example.com/"}, REFUSE),
        ({**NAVIGATE, "Referer": "null"}, REFUSE),
        ({**NAVIGATE, "Referer": "https://[x/"}, REFUSE),
        ({**NAVIGATE, "Sec-Fetch-Site": "cross-site"}, REFUSE),
        ({**NAVIGATE, "Sec-Fetch-Site": "cross-site", "Referer": f"{MFE}/"}, REFUSE),
        # no navigation
        *(
            ({**NAVIGATE, "Sec-Fetch-Dest": destination, "Referer": f"{MFE}/"}, REFUSE)
            for destination in ("image", "script", "style", "empty", "object", "embed", "fencedframe", "video")
        ),
        *(
            ({**NAVIGATE, "Sec-Fetch-Mode": mode, "Referer": f"{MFE}/"}, REFUSE)
            for mode in ("no-cors", "cors", "same-origin", "websocket", "NO-CORS")
        ),
    ],
)
def test_a_link_is_followed_confirmed_or_refused(headers: dict[str, str], expected: Verdict) -> None:
    assert judge(headers, trusted_origins=TRUSTED, has_token_header=False) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ACT),
        (NAVIGATE, ACT),
        ({"Referer": "https://evil.example/"}, ACT),
        ({**NAVIGATE, "Sec-Fetch-Site": "cross-site"}, REFUSE),
        ({**NAVIGATE, "Sec-Fetch-Mode": "no-cors"}, REFUSE),
    ],
)
def test_the_authorization_header_needs_no_referer(headers: dict[str, str], expected: Verdict) -> None:
    assert judge(headers, trusted_origins=TRUSTED, has_token_header=True) == expected


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a.example/x?y", "https://a.example"),
        ("HTTPS://A.example:443", "https://a.example"),
        ("http://a.example:80/", "http://a.example"),
        ("http://[::1]:2000/x", "http://[::1]:2000"),
        ("https://user:pw@a.example:8443/", "https://a.example:8443"),
        *((url, "") for url in ("", "null", "a.example", "ftp://a.example", "https://", "https://a:b/", "https://[")),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


# The views


@pytest.fixture
def tab(learner: User) -> Client:
    """The learner's browser, which has the LMS's cookies alone."""
    client = FormClient(enforce_csrf_checks=True)
    client.cookies.load(person(learner).cookies())
    return client


LINKS: Final = {"start_proctoring": "download_software_clicked", "end_assessment": "submitted"}


@pytest.mark.django_db
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    "origin", ["http://localhost:2000", "http://localhost:2020", "https://studio.example.com", "http://testserver"]
)
def test_the_platforms_own_pages_need_no_click_more(
    link: str, origin: str, tab: Client, attempt: ExamAttempt, settings: Settings
) -> None:
    settings.CORS_ORIGIN_WHITELIST = ["https://studio.example.com"]
    for destination in ("document", "iframe"):
        headers = {**NAVIGATE, "Sec-Fetch-Dest": destination, "Referer": f"{origin}/page"}
        assert tab.get(f"/lti/{link}/{attempt.pk}", headers=headers).status_code == 302
    assert status(attempt) == LINKS[link]


@pytest.mark.django_db
@pytest.mark.parametrize("link", LINKS)
def test_a_bookmark_leads_to_a_button_which_acts_with_the_cookies_alone(
    link: str, tab: Client, attempt: ExamAttempt
) -> None:
    path = f"/lti/{link}/{attempt.pk}"
    page: Any = tab.get(path, headers={**NAVIGATE, "Sec-Fetch-Site": "none"})
    assert page.status_code == 200
    assert status(attempt) == "created"
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "form-action" not in page["Content-Security-Policy"]
    assert page["Referrer-Policy"] == "strict-origin-when-cross-origin"
    form = form_of(page)
    assert tab.post(path, form.fields, content_type=MULTIPART_CONTENT).status_code == 415
    assert tab.post(path).status_code == 401, "no token"
    assert status(attempt) == "created"
    answer = tab.post(path, form.fields, headers={"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 302, answer.content
    assert status(attempt) == LINKS[link]


@pytest.mark.django_db
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image", "Sec-Fetch-Site": "same-site"},
        {**NAVIGATE, "Referer": "https://blog.localhost/"},
        FRAME,
    ],
)
def test_another_page_of_the_same_site_changes_nothing(
    link: str, headers: dict[str, str], tab: Client, attempt: ExamAttempt
) -> None:
    answer = tab.get(f"/lti/{link}/{attempt.pk}", headers={**headers, "Accept": "text/html"})
    assert answer.status_code == 403
    assert status(attempt) == "created"
    assert not answer.cookies


@pytest.mark.django_db
def test_the_button_is_shown_to_nobody_without_a_token(attempt: ExamAttempt) -> None:
    assert Client().get(f"/lti/end_assessment/{attempt.pk}", headers=NAVIGATE).status_code == 401
    basic = {"Authorization": "Basic bGVhcm5lcjpwdw==", "Referer": "https://evil.example/"}
    client = Client()
    client.cookies.load(person(attempt.user).cookies())
    assert client.get(f"/lti/end_assessment/{attempt.pk}", headers=basic).status_code in (401, 403)
    assert status(attempt) == "created"
