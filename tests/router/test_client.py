# SPDX-License-Identifier: AGPL-3.0-only
"""The client of the legacy service: one token, kept connections, one second try."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pytest_django import Settings

from edx_exams.apps.router.breaker import CircuitBreaker
from edx_exams.apps.router.client import LegacyClient, LegacyResponse, legacy_client
from edx_exams.apps.router.exceptions import LegacyServiceFailed, Unreachable, UnusableResponse
from tests.router.conftest import PassSeconds
from tests.router.legacy_lms import Behaviour, LegacyLms, answers, cuts, hangs, issues_token, sends

PATH = "proctored_exam/settings/exam_id/{}/"


@pytest.fixture
def legacy(lms: LegacyLms) -> LegacyClient:
    return legacy_client()


def ask(legacy: LegacyClient, *, retry: bool = True) -> LegacyResponse:
    return legacy.ask("GET", PATH, "7", retry=retry)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, the last from then on."""
    remaining = list(behaviours)

    def behave(handler: Any) -> None:
        (remaining.pop(0) if len(remaining) > 1 else remaining[0])(handler)

    return behave


def at_once(threads: int, call: Callable[[], Any]) -> list[Any]:
    """Results of the call in each of so many threads that begin together: a value, or the exception's class."""
    ready = threading.Barrier(threads)

    def run(_: int) -> Any:
        ready.wait()
        try:
            return call()
        except LegacyServiceFailed as failure:
            return type(failure)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_two_hundred_calls_need_one_token_request_and_one_connection(legacy: LegacyClient, lms: LegacyLms) -> None:
    assert {ask(legacy).status for _ in range(200)} == {200}
    assert (len(lms.asked), len(lms.token_requests), lms.connections) == (200, 1, 1)


def test_fifty_threads_with_an_expired_token_need_one_token_request(lms: LegacyLms, pass_seconds: PassSeconds) -> None:
    lms.issue = issues_token(lifetime=3600)
    ask(legacy_client())
    pass_seconds(3600)
    lms.issue = slowly(0.1, issues_token())

    results = at_once(50, lambda: ask(legacy_client()).status)

    assert results == [200] * 50
    assert len(lms.token_requests) == 2  # the first, and one for all


def slowly(seconds: float, behaviour: Behaviour) -> Behaviour:
    """The same after a while."""

    def behave(handler: Any) -> None:
        time.sleep(seconds)
        behaviour(handler)

    return behave


def test_threads_that_wait_for_a_token_share_the_failure(lms: LegacyLms) -> None:
    lms.issue = slowly(0.1, sends(500, b"down"))
    assert at_once(20, lambda: ask(legacy_client())) == [UnusableResponse] * 20
    assert len(lms.token_requests) == 1


def test_threads_wait_for_a_token_no_longer_than_for_an_answer(
    impatient: None, legacy: LegacyClient, lms: LegacyLms
) -> None:
    lms.issue = hangs
    start = time.monotonic()
    assert at_once(20, lambda: ask(legacy)) == [Unreachable] * 20
    assert time.monotonic() - start < 2


def test_a_failed_token_request_is_made_again_by_the_next_call(legacy: LegacyClient, lms: LegacyLms) -> None:
    lms.issue = in_turn(sends(500, b"down"), issues_token())
    with pytest.raises(UnusableResponse):
        ask(legacy)
    assert ask(legacy).status == 200


def accepts(token: str) -> Behaviour:
    """An LMS that knows this token alone."""

    def behave(handler: Any) -> None:
        is_known = handler.headers["Authorization"] == f"JWT {token}"
        (answers(200, {"a": 1}) if is_known else answers(401, {"detail": "Unknown signature."}))(handler)

    return behave


def gives(token: str) -> Behaviour:
    """An LMS that issues this token."""
    return answers(200, {"access_token": token, "expires_in": 3600})


def test_a_token_that_was_accepted_and_now_is_refused_is_replaced_and_the_read_repeated(
    legacy: LegacyClient, lms: LegacyLms
) -> None:
    lms.issue, lms.behave = gives("first"), accepts("first")
    ask(legacy)
    lms.issue, lms.behave = gives("second"), accepts("second")
    assert [ask(legacy) for _ in range(5)] == [LegacyResponse(200, {"a": 1})] * 5
    assert (len(lms.asked), len(lms.token_requests)) == (7, 2)


def test_fifty_threads_with_a_revoked_token_need_one_token_request_and_all_are_answered(
    legacy: LegacyClient, lms: LegacyLms
) -> None:
    lms.issue, lms.behave = gives("first"), accepts("first")
    ask(legacy)
    lms.issue, lms.behave = slowly(0.1, gives("second")), accepts("second")
    assert at_once(50, lambda: ask(legacy).status) == [200] * 50
    assert len(lms.token_requests) == 2


def test_a_write_with_a_revoked_token_is_not_repeated_but_the_next_has_another(
    legacy: LegacyClient, lms: LegacyLms
) -> None:
    lms.issue, lms.behave = gives("first"), accepts("first")
    ask(legacy)
    lms.issue, lms.behave = gives("second"), accepts("second")
    assert [ask(legacy, retry=False).status for _ in range(2)] == [401, 200]


def test_a_token_that_never_was_accepted_is_asked_for_again_after_a_while(
    legacy: LegacyClient, lms: LegacyLms, pass_seconds: PassSeconds
) -> None:
    lms.issue, lms.behave = gives("first"), accepts("second")
    assert ask(legacy).status == 401
    lms.issue = gives("second")
    assert ask(legacy).status == 401
    pass_seconds(31)
    assert ask(legacy).status == 200


def test_a_fresh_token_that_is_refused_is_not_asked_for_again(legacy: LegacyClient, lms: LegacyLms) -> None:
    lms.behave = answers(401, {"detail": "Not you."})
    assert [ask(legacy).status for _ in range(5)] == [401] * 5
    assert (len(lms.asked), len(lms.token_requests)) == (5, 1)


def test_a_read_is_tried_once_more_when_the_connection_is_cut(legacy: LegacyClient, lms: LegacyLms) -> None:
    lms.behave = in_turn(cuts, answers(200, {"a": 1}))
    assert ask(legacy) == LegacyResponse(200, {"a": 1})
    lms.behave = cuts
    with pytest.raises(Unreachable):
        ask(legacy)
    assert len(lms.asked) == 4


@pytest.mark.parametrize("behaviour", [hangs, sends(500, b"no"), sends(503, b"no")])
def test_a_slow_or_failing_service_is_not_asked_twice(
    behaviour: Behaviour, impatient: None, legacy: LegacyClient, lms: LegacyLms
) -> None:
    lms.behave = behaviour
    with pytest.raises(LegacyServiceFailed):
        ask(legacy)
    assert len(lms.asked) == 1


def test_a_write_is_never_tried_twice(legacy: LegacyClient, lms: LegacyLms) -> None:
    lms.behave = cuts
    with pytest.raises(Unreachable):
        legacy.ask("PATCH", "proctored_exam/exam_registration/course_id/{}", "x", body=b"[]")
    assert len(lms.asked) == 1


def test_connections_are_kept_after_failures_of_all_kinds_too(legacy: LegacyClient, lms: LegacyLms) -> None:
    lms.behave = sends(404, b"<h1>Not found</h1>")
    assert [ask(legacy).status for _ in range(10)] == [404] * 10
    assert lms.connections == 1


def test_the_cookies_of_the_lms_are_not_kept(legacy: LegacyClient, lms: LegacyLms) -> None:
    lms.behave = sends(200, b"{}", "application/json", Set_Cookie="sessionid=abc; Path=/")
    ask(legacy)
    ask(legacy)
    assert all("Cookie" not in asked.headers for asked in lms.asked)


def test_the_librarys_own_methods_are_authenticated_too(legacy: LegacyClient, lms: LegacyLms) -> None:
    assert legacy.get(f"{lms.url}/api/whatever").status_code == 200
    assert lms.request.headers["Authorization"].startswith("JWT ")


def test_a_process_has_one_client_until_the_settings_change(lms: LegacyLms, settings: Settings) -> None:
    clients = Counter(map(id, at_once(20, legacy_client)))
    assert len(clients) == 1
    settings.LMS_ROOT_URL = "http://elsewhere.invalid"
    assert id(legacy_client()) not in clients


def test_a_breaker_lets_one_of_many_probe_after_its_pause(pass_seconds: PassSeconds) -> None:
    breaker = CircuitBreaker(30)
    assert all(at_once(10, breaker.allows))
    breaker.failed()
    assert not any(at_once(10, breaker.allows))
    pass_seconds(30)
    assert sum(at_once(10, breaker.allows)) == 1
    breaker.succeeded()
    assert all(at_once(10, breaker.allows))


def test_a_breaker_survives_a_probe_that_never_tells(pass_seconds: PassSeconds) -> None:
    breaker = CircuitBreaker(30)
    breaker.failed()
    for _ in range(2):
        pass_seconds(30)
        assert breaker.allows()
        assert not breaker.allows()
