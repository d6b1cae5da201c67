# SPDX-License-Identifier: AGPL-3.0-only
"""SQL statements of each step of a launch and each action of a tool, however many attempts there are."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from edx_exams.apps.core.api import act_as_learner
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.core.transition_rules import LearnerAction
from edx_exams.apps.lti import platform_keys
from tests.factories import make_attempt
from tests.lti.vendor import Browser, Vendor, form_of

pytestmark = pytest.mark.django_db

#: Within a test's transaction, where BEGIN and COMMIT are SAVEPOINT and RELEASE.
MOST: Final[Mapping[str, int]] = {
    "set out": 20,
    "set out again": 12,
    "get the id_token": 9,
    "bring the tool's answer": 18,
    "end": 16,
    "key set": 2,
    "access token": 8,
    "flag": 8,
    "pause": 10,
    "resume": 10,
    "update": 10,
    "terminate, running": 16,
    "terminate, again": 10,
}


@pytest.mark.parametrize("others", [0, 30])
def test_each_step_costs_so_many_statements_however_many_attempts_there_are(
    vendor: Vendor,
    browser: Browser,
    attempt: ExamAttempt,
    others: int,
    statements_of: Callable[[Callable[[], Any]], list[str]],
) -> None:
    for _ in range(others):
        make_attempt(attempt.exam)
    made: dict[str, list[str]] = {}

    def count(step: str, call: Callable[[], Any]) -> Any:
        answers = []
        made[step] = statements_of(lambda: answers.append(call()))
        return answers[0]

    count("set out", lambda: browser.start(attempt))
    told = count("set out again", lambda: browser.start(attempt))
    issued = count("get the id_token", lambda: browser.authorize(told, vendor))
    launch = vendor.read_launch(form_of(issued), platform_keys.key_set(vendor.tool))
    count("bring the tool's answer", lambda: browser.answer(vendor.start_assessment(launch)))
    count("key set", lambda: browser.get(f"/lti/lti_consumer/v1/public_keysets/{vendor.tool.config_id}"))
    token = count("access token", vendor.access_token)
    act_as_learner(attempt, LearnerAction.START, learner=attempt.user)
    for action, fields in (("flag", {}), ("pause", {}), ("resume", {}), ("update", {"extra_time": 5})):
        answer = count(action, lambda: vendor.control(attempt, action, token=token, **fields))  # noqa: B023
        assert answer.status_code == 200, answer.content
    verdict = {"reason_code": 1, "incident_severity": 0}
    for step in ("terminate, running", "terminate, again"):
        answer = count(step, lambda: vendor.control(attempt, "terminate", token=token, **verdict))
        assert answer.status_code == 200, answer.content
    count("end", lambda: browser.follow(f"/lti/end_assessment/{attempt.pk}"))

    assert made.keys() == MOST.keys()
    too_many = {step: statements for step, statements in made.items() if len(statements) > MOST[step]}
    counts = {step: len(statements) for step, statements in made.items()}
    assert not too_many, counts
