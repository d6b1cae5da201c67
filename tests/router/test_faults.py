# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever the legacy service does: a status of the contract in bounded time, and our own attempts all the same."""

import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from tests.api.contract import assert_refused
from tests.factories import submitted_attempt
from tests.router import legacy_lms
from tests.router.conftest import SHORT_TIMEOUT
from tests.router.legacy_lms import Behaviour, LegacyLms, answers, issues_token, sends
from tests.router.test_forwarding import EXAM, EXAMS, LATEST, ONBOARDING, PROVIDER

pytestmark = pytest.mark.django_db

#: Seconds: what a call that gets no answer may take, and something for a machine that is busy.
BOUND: Final = 2 * SHORT_TIMEOUT + 1
HTML: Final = b"<!doctype html><h1>Oops</h1>"


class Fault(NamedTuple):
    """A fault, the status that we answer, and whether the breaker opens."""

    status: int
    behave: Behaviour = answers(200, {})
    issue: Behaviour = issues_token()
    pauses: bool = True


FAULTS: Final[dict[str, Fault]] = {
    "404 in JSON": Fault(404, answers(404, {"detail": "No such exam."}), pauses=False),
    "404 in HTML": Fault(404, sends(404, HTML)),
    "403 in HTML": Fault(403, sends(403, HTML)),
    "500 in HTML": Fault(502, sends(500, HTML)),
    "503 in HTML": Fault(502, sends(503, HTML)),
    "200 that is no JSON": Fault(502, sends(200, HTML)),
    "200 that is empty": Fault(502, sends(200, b"", "application/json")),
    "204": Fault(502, sends(204, b"")),
    "200 with NaN": Fault(502, sends(200, b'{"exam": NaN}', "application/json")),
    "200 with a number without bounds": Fault(502, sends(200, b'{"exam": 1e999}', "application/json")),
    "200 with half a surrogate pair": Fault(502, sends(200, b'{"exam": "\\ud800"}', "application/json")),
    "200 nested without end": Fault(502, sends(200, b"[" * 100_000, "application/json")),
    "200 that is no UTF-8": Fault(502, sends(200, b'"\xff\xfe"', "application/json")),
    "200 whose gzip is broken": Fault(502, sends(200, b"no gzip", "application/json", Content_Encoding="gzip")),
    "a status that there is not": Fault(502, sends(799, b"{}", "application/json")),
    "redirect": Fault(502, sends(302, b"", Location="/login")),
    "bad headers": Fault(502, legacy_lms.sends_bad_headers),
    "half an answer": Fault(502, legacy_lms.sends_half),
    "half an answer, then silence": Fault(504, legacy_lms.sends_half_then_hangs),
    "100 MB": Fault(502, legacy_lms.sends_without_end),
    "silence": Fault(504, legacy_lms.hangs),
    "a head that drips": Fault(504, legacy_lms.drips_its_head),
    "a body that drips": Fault(504, legacy_lms.drips_its_body),
    "cut connection": Fault(504, legacy_lms.cuts),
    "no HTTP": Fault(504, legacy_lms.speaks_no_http),
    "token: 401": Fault(502, issue=answers(401, {"error": "invalid_client"})),
    "token: 500": Fault(502, issue=sends(500, HTML)),
    "token: HTML": Fault(502, issue=sends(200, HTML)),
    "token: JSON without a token": Fault(502, issue=answers(200, {})),
    "token: list": Fault(502, issue=answers(200, [])),
    "token: with a line break": Fault(502, issue=answers(200, {"access_token": "a\r\nX-Y: z", "expires_in": 60})),
    "token: no ASCII": Fault(502, issue=answers(200, {"access_token": "学", "expires_in": 60})),
    "token: for how long?": Fault(502, issue=answers(200, {"access_token": "a", "expires_in": "soon"})),
    "token: silence": Fault(504, issue=legacy_lms.hangs),
    "token: drips": Fault(504, issue=legacy_lms.drips_its_body),
    "token: redirect": Fault(502, issue=sends(307, b"", Location="/elsewhere")),
}


@pytest.fixture(autouse=True)
def _the_log_names_nobody(learner: User, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level("DEBUG")
    yield
    for private in (legacy_lms.TOKEN, legacy_lms.SECRET, learner.username, learner.email, f"={learner.lms_user_id}"):
        assert private not in caplog.text


def timed[T](call: Callable[[], T]) -> tuple[T, float]:
    """The result and the seconds that it took."""
    start = time.monotonic()
    return call(), time.monotonic() - start


def assert_endured(client: APIClient, learner: User, status: int) -> None:
    """Each path answers in time, the polled one with our attempt."""
    attempt = submitted_attempt(user=learner)
    answer, seconds = timed(lambda: client.get(EXAM))
    assert_refused(answer, status)
    assert seconds < BOUND
    answer, seconds = timed(lambda: client.get(LATEST, {"content_id": attempt.exam.content_id}))
    assert (answer.status_code, answer.json()["attempt_id"]) == (200, attempt.pk)
    assert seconds < BOUND


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_whatever_it_does_the_answer_is_the_contracts_in_time(
    fault: Fault, lms: LegacyLms, request: pytest.FixtureRequest, learner: User, as_learner: APIClient
) -> None:
    if fault.status == 504:
        request.getfixturevalue("impatient")
    lms.behave, lms.issue = fault.behave, fault.issue
    assert_endured(as_learner, learner, fault.status)

    asked = len(lms.asked) + len(lms.token_requests)
    assert as_learner.get(LATEST).json() == {}
    assert (len(lms.asked) + len(lms.token_requests) == asked) is fault.pauses


@pytest.mark.parametrize("name", ["500 in HTML", "404 in HTML", "cut connection", "token: 401"])
def test_every_forwarded_path_answers_alike(name: str, lms: LegacyLms, as_course_team: APIClient) -> None:
    fault = FAULTS[name]
    lms.behave, lms.issue = fault.behave, fault.issue
    for path in (PROVIDER, ONBOARDING):
        assert_refused(as_course_team.get(path), fault.status)
    assert_refused(as_course_team.patch(EXAMS, [], format="json"), fault.status)


@pytest.mark.usefixtures("with_legacy_service", "impatient")
@pytest.mark.parametrize("address", ["closed_port", "deaf_port", "http://lms.invalid", "lms"])
def test_an_lms_that_cannot_be_reached_is_a_504_in_time(
    address: str, request: pytest.FixtureRequest, settings: Settings, learner: User, as_learner: APIClient
) -> None:
    if address.endswith("_port"):
        address = f"http://127.0.0.1:{request.getfixturevalue(address)}"
    settings.LMS_ROOT_URL = address
    assert_endured(as_learner, learner, 504)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_redirected_with_our_token_or_secret(
    status: int, lms: LegacyLms, other_host: LegacyLms, as_learner: APIClient
) -> None:
    lms.behave = sends(status, b"", Location=f"{other_host.url}{legacy_lms.API}proctored_exam/settings/exam_id/77/")
    assert_refused(as_learner.get(PROVIDER), 502)
    lms.issue = sends(status, b"", Location=f"{other_host.url}{legacy_lms.TOKENS}")
    assert_refused(as_learner.get(PROVIDER), 502)
    assert not other_host.connections


def test_a_redirect_to_what_is_no_address_is_a_fault_of_the_lms(lms: LegacyLms, as_learner: APIClient) -> None:
    lms.behave = sends(302, b"", Location="http://[bad")
    assert_refused(as_learner.get(PROVIDER), 502)
    lms.issue = sends(302, b"", Location="http://[bad")
    assert_refused(as_learner.get(PROVIDER), 502)
