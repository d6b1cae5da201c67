# SPDX-License-Identifier: AGPL-3.0-only
"""
Attacks on launches and on what comes back from them.

Each sets its stage and returns the attack itself, so that only what the attack changes is held against it.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from edx_exams.apps.core.models import Exam, ExamAttempt, ProctoringProvider
from edx_exams.apps.lti.models import LtiLaunch
from tests.lti.forgeries import FORGERIES, Forge
from tests.lti.vendor import START_ASSESSMENT, In
from tests.services.courses import act
from tests.services.lti_scene import Blow, Scene
from tests.services.server import Call


def someone_elses_message_hint(scene: Scene) -> Blow:
    _, victims, _ = scene.departed()
    _, own, cookie = scene.departed()
    return lambda: scene.authorize({**own, "lti_message_hint": victims["lti_message_hint"]}, cookie)


def someone_elses_login_hint(scene: Scene) -> Blow:
    _, victims, _ = scene.departed()
    _, own, cookie = scene.departed()
    return lambda: scene.authorize({**own, "login_hint": victims["login_hint"]}, cookie)


def both_hints_of_someone_else(scene: Scene) -> Blow:
    _, victims, _ = scene.departed()
    _, _, cookie = scene.departed()
    return lambda: scene.authorize(victims, cookie)


def a_hint_that_was_used(scene: Scene) -> Blow:
    _, told, cookie = scene.departed()
    scene.authorize(told, cookie)
    return lambda: scene.authorize(told, cookie)


def a_hint_that_has_expired(scene: Scene) -> Blow:
    attempt, told, cookie = scene.departed()
    of_it = LtiLaunch.objects.using(scene.stage.alias).filter(attempt_id=attempt.id)
    of_it.update(expires_at=timezone.now() - timedelta(seconds=1))
    return lambda: scene.authorize(told, cookie)


def a_hint_in_another_session_of_the_same_person(scene: Scene) -> Blow:
    attempt, told, _ = scene.departed()
    _, other_cookie = scene.stage.depart(attempt)
    return lambda: scene.authorize(told, other_cookie)


def a_hint_without_any_session(scene: Scene) -> Blow:
    _, told, _ = scene.departed()
    return lambda: scene.authorize(told, "")


def a_hint_at_another_tool(scene: Scene) -> Blow:
    _, told, cookie = scene.departed()
    return lambda: scene.authorize(told, cookie, scene.competitor)


def a_redirect_uri_that_is_not_registered(scene: Scene) -> Blow:
    _, told, cookie = scene.departed()
    return lambda: scene.authorize(told, cookie, redirect_uri="https://evil.example.com/")


def no_nonce(scene: Scene) -> Blow:
    _, told, cookie = scene.departed()
    return lambda: scene.authorize(told, cookie, nonce=None)


def _link(path: str, **headers: str) -> Callable[[Scene], Blow]:
    def prepare(scene: Scene) -> Blow:
        attempt = scene.attempt()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return lambda: scene.send(Call("GET", f"/lti/{path}/{attempt.id}", attempt.learner, headers=sent))

    return prepare


def _by_cookies(path: str, **headers: str) -> Callable[[Scene], Blow]:
    """A link that another page of the same site has the learner's browser open: the LMS's cookies go along."""

    def prepare(scene: Scene) -> Blow:
        attempt = scene.attempt()
        cookies = "; ".join(f"{name}={value}" for name, value in attempt.learner.cookies().items())
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"Cookie": cookies}
        return lambda: scene.send(Call("GET", f"/lti/{path}/{attempt.id}", headers=sent))

    return prepare


def a_multipart_form(scene: Scene) -> Blow:
    _, _, cookie = scene.launched()
    headers = {"Content-Type": "multipart/form-data; boundary=x; charset=punycode", "Cookie": cookie}
    return lambda: scene.send(Call("POST", START_ASSESSMENT, body=b"--x\r\n" + b"a" * 100_000, headers=headers))


def an_answer_after_a_change_of_the_tool(scene: Scene) -> Blow:
    attempt, launch, cookie = scene.launched()
    alias = scene.stage.alias
    exam = ExamAttempt.objects.using(alias).select_related("exam").get(pk=attempt.id).exam
    other = ProctoringProvider.objects.using(alias).get(lti_configuration_id=str(scene.competitor.tool.pk))
    Exam.objects.using(alias).filter(pk=exam.pk).update(provider=other)
    return lambda: scene.answer(scene.vendor.start_assessment(launch), cookie)


def someone_elses_attempt(scene: Scene) -> Blow:
    victims, own = scene.running(), scene.attempt()
    return lambda: scene.send(
        Call("GET", f"/lti/start_proctoring/{victims.id}", own.learner),
        Call("GET", f"/lti/end_assessment/{victims.id}", own.learner),
    )


def a_launch_of_a_finished_attempt(scene: Scene) -> Blow:
    attempt = scene.attempt("submit")
    return lambda: scene.send(Call("GET", f"/lti/start_proctoring/{attempt.id}", attempt.learner))


LAUNCH: Final[dict[str, Callable[[Scene], Blow]]] = {
    "someone else's lti_message_hint": someone_elses_message_hint,
    "someone else's login_hint": someone_elses_login_hint,
    "both of someone else": both_hints_of_someone_else,
    "a hint used twice": a_hint_that_was_used,
    "an expired hint": a_hint_that_has_expired,
    "a hint of another session": a_hint_in_another_session_of_the_same_person,
    "a hint without a session": a_hint_without_any_session,
    "a hint of another tool": a_hint_at_another_tool,
    "redirect_uri not registered": a_redirect_uri_that_is_not_registered,
    "no nonce": no_nonce,
    "launch link fetched ahead": _link("start_proctoring", sec_purpose="prefetch;prerender"),
    "end link fetched ahead": _link("end_assessment", sec_purpose="prefetch;prerender"),
    "launch link on another site": _link("start_proctoring", sec_fetch_site="cross-site"),
    "end link on another site": _link("end_assessment", sec_fetch_site="cross-site"),
    "end as an image of the same site": _by_cookies("end_assessment", sec_fetch_mode="no-cors", sec_fetch_dest="image"),
    "launch as an image of the same site": _by_cookies(
        "start_proctoring", sec_fetch_mode="no-cors", sec_fetch_dest="image"
    ),
    "end in a frame without a referrer": _by_cookies(
        "end_assessment", sec_fetch_mode="navigate", sec_fetch_dest="iframe"
    ),
    "end by a link of another page": _by_cookies("end_assessment", referer="https://blog.example.org/"),
    "multipart in a slow charset": a_multipart_form,
    "answer after a change of the tool": an_answer_after_a_change_of_the_tool,
    "someone else's attempt": someone_elses_attempt,
    "launch of a finished attempt": a_launch_of_a_finished_attempt,
}


# On the tool's answer

CLAIMED: Final[dict[str, dict[str, Any]]] = {
    "expired": {"exp": In(-120)},
    "not yet valid": {"nbf": In(600)},
    "issued in the future": {"iat": In(600)},
    "wrong aud": {"aud": "https://another.example.com"},
    "wrong iss": {"iss": "https://vendor.example.com"},
    "wrong azp": {"azp": "someone else"},
    "wrong deployment": {"deployment_id": "2"},
    "wrong resource link": {"resource_link": {"id": str(uuid.UUID(int=1))}},
    "wrong attempt number": {"attempt_number": 2},
    "wrong session data": {"session_data": "guess"},
    "wrong message type": {"message_type": "LtiStartProctoring"},
    "no nonce": {"nonce": None},
}


def _forged(forge: Forge) -> Callable[[Scene], Blow]:
    def prepare(scene: Scene) -> Blow:
        _, launch, cookie = scene.launched()
        message = forge(scene.vendor, scene.vendor.start_assessment_claims(launch))
        return lambda: scene.answer(message, cookie)

    return prepare


def _claimed(changes: dict[str, Any]) -> Callable[[Scene], Blow]:
    def prepare(scene: Scene) -> Blow:
        _, launch, cookie = scene.launched()
        return lambda: scene.answer(scene.vendor.start_assessment(launch, **changes), cookie)

    return prepare


def a_replay(scene: Scene) -> Blow:
    attempt, launch, cookie = scene.launched()
    message = scene.vendor.start_assessment(launch)
    assert scene.answer(message, cookie)[0].status == 200
    scene.stage.service.expect(act(attempt.learner, attempt, "start"), 200)
    return lambda: scene.answer(message, cookie)


def an_answer_in_another_session(scene: Scene) -> Blow:
    _, launch, _ = scene.launched()
    _, _, other_cookie = scene.launched()
    return lambda: scene.answer(scene.vendor.start_assessment(launch), other_cookie)


def an_answer_of_another_tool(scene: Scene) -> Blow:
    _, launch, cookie = scene.launched()
    return lambda: scene.answer(scene.competitor.start_assessment(launch), cookie)


def an_answer_for_a_finished_attempt(scene: Scene) -> Blow:
    attempt, launch, cookie = scene.launched()
    scene.stage.service.expect(act(attempt.learner, attempt, "submit"), 200)
    return lambda: scene.answer(scene.vendor.start_assessment(launch), cookie)


ANSWER: Final[dict[str, Callable[[Scene], Blow]]] = {
    "replayed, attempt running": a_replay,
    **{name: _claimed(changes) for name, changes in CLAIMED.items()},
    **{name: _forged(forge) for name, forge in FORGERIES.items()},
    "in another session": an_answer_in_another_session,
    "of another tool": an_answer_of_another_tool,
    "for a finished attempt": an_answer_for_a_finished_attempt,
}
