# SPDX-License-Identifier: AGPL-3.0-only
"""Attacks on access tokens and on the Assessment Control Service, each as in `lti_attacks_on_launches`."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from edx_exams.apps.lti import platform_keys
from tests.lti.forgeries import unsigned
from tests.lti.vendor import PLATFORM, In
from tests.services.courses import Attempt
from tests.services.lti_scene import Blow, Scene

ONE_YEAR: Final = 365 * 24 * 3600

# On access tokens


def a_message_of_a_launch(scene: Scene) -> Blow:
    _, launch, _ = scene.launched()
    audience = [PLATFORM, scene.vendor.assertion_claims()["aud"]]
    message = scene.vendor.start_assessment(launch, aud=audience, sub=scene.vendor.tool.client_id, jti="j")
    return lambda: scene.ask(message)


def an_assertion_used_twice(scene: Scene) -> Blow:
    assertion = scene.vendor.assertion()
    assert scene.ask(assertion)[0].status == 200
    return lambda: scene.ask(assertion)


def _assertion(**changes: Any) -> Callable[[Scene], Blow]:
    return lambda scene: lambda: scene.ask(scene.vendor.assertion(**changes))


TOKEN: Final[dict[str, Callable[[Scene], Blow]]] = {
    "LtiStartAssessment as client assertion": a_message_of_a_launch,
    "assertion replayed (jti)": an_assertion_used_twice,
    "assertion good for a year": _assertion(exp=In(ONE_YEAR)),
    "assertion expired": _assertion(exp=In(-120)),
    "assertion without jti": _assertion(jti=None),
    "assertion for another tool's token URL": lambda scene: (
        lambda: scene.ask(scene.vendor.assertion(aud=scene.competitor.assertion_claims()["aud"]))
    ),
    "another tool's assertion": lambda scene: lambda: scene.ask(scene.competitor.assertion(), scene.vendor),
    "assertion, alg none": lambda scene: lambda: scene.ask(unsigned(scene.vendor, scene.vendor.assertion_claims())),
    "our id_token as assertion": lambda scene: lambda: scene.ask(platform_keys.sign(scene.vendor.tool, {"sub": "x"})),
}


# On the Assessment Control Service


def _with_token(token: Callable[[Scene, Attempt], str]) -> Callable[[Scene], Blow]:
    def prepare(scene: Scene) -> Blow:
        attempt = scene.running()
        return lambda: scene.control(attempt, token=token(scene, attempt))

    return prepare


def an_attempt_of_another_provider(scene: Scene) -> Blow:
    theirs = scene.stage.attempt(scene.competitor, "start")
    return lambda: scene.control(theirs)


def an_attempt_of_another_course(scene: Scene) -> Blow:
    own, other = scene.running(), scene.running()
    link = {"id": scene.stage.row(other).exam.resource_id}
    return lambda: scene.control(own, resource_link=link)


def an_attempt_of_another_user(scene: Scene) -> Blow:
    own, other = scene.running(), scene.running()
    user = {"sub": str(scene.stage.row(other).user.anonymous_user_id)}
    return lambda: scene.control(own, user=user)


WRONG_TYPES: Final[Sequence[Any]] = (True, [], [1], {}, {"a": 1}, "", "x", -1, 1.5, 10**30)
RIGHT: Final[dict[str, tuple[type, ...]]] = {
    "user": (),
    "resource_link": (),
    "attempt_number": (),
    "action": (),
    "incident_time": (),
    "incident_severity": (),
    "reason_code": (str, int, float),
    "reason_msg": (str,),
    "extra_time": (),
}
BODIES: Final[dict[str, list[dict[str, Any]]]] = {
    f"{field} of every wrong type": [
        {field: value} for value in WRONG_TYPES if type(value) not in RIGHT[field] or isinstance(value, bool)
    ]
    for field in RIGHT
} | {
    "severity 2, -1, NaN": [{"incident_severity": value} for value in (2, -1, "NaN", float("nan"))],
    "a time without zone": [{"incident_time": "2026-03-01T12:00:00"}],
    "attempt number 'one', 0, 2**63": [{"attempt_number": value} for value in ("one", 0, 2**63)],
    "a message of 5,000 characters": [{"reason_msg": "x" * 5000}],
    "extra time -1, 2**63": [{"extra_time": value} for value in (-1, 2**63)],
}


def _bodies(changes: Sequence[dict[str, Any]]) -> Callable[[Scene], Blow]:
    def prepare(scene: Scene) -> Blow:
        attempt, token = scene.running(), scene.token()
        return lambda: [scene.control(attempt, token=token, **{"action": "flag", **change})[0] for change in changes]

    return prepare


def pause_of_a_pause(scene: Scene) -> Blow:
    attempt = scene.running()
    assert scene.control(attempt, "pause")[0].status == 200
    return lambda: scene.control(attempt, "pause")


def resume_without_a_pause(scene: Scene) -> Blow:
    attempt = scene.running()
    return lambda: scene.control(attempt, "resume")


def a_second_verdict(scene: Scene) -> Blow:
    attempt = scene.running()
    assert scene.control(attempt, reason_code=5)[0].status == 200
    return lambda: scene.control(attempt, incident_time="2026-03-01T13:00:00Z")


CONTROL: Final[dict[str, Callable[[Scene], Blow]]] = {
    "another tool's token": _with_token(lambda scene, _: scene.token(scene.competitor)),
    "an expired token": _with_token(lambda scene, _: scene.own_token(exp=int(time.time()) - 120)),
    "a token without the scope": _with_token(lambda scene, _: scene.own_token(scope="openid")),
    "the learner's JWT": _with_token(lambda _, attempt: attempt.learner.token()),
    "the learner's JWT, RS512": _with_token(lambda _, attempt: attempt.learner.token("RS512")),
    "an assertion as token": _with_token(lambda scene, _: scene.vendor.assertion()),
    "an attempt of another provider": an_attempt_of_another_provider,
    "an attempt of another course": an_attempt_of_another_course,
    "an attempt of another user": an_attempt_of_another_user,
    **{name: _bodies(changes) for name, changes in BODIES.items()},
    "pause twice": pause_of_a_pause,
    "resume without pause": resume_without_a_pause,
    "a good end after an error": a_second_verdict,
}
