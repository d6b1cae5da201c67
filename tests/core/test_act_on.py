# SPDX-License-Identifier: AGPL-3.0-only
"""Whatever is asked of an attempt whose time is over: it is submitted first, and no refusal undoes that."""

from collections.abc import Callable
from typing import Final

import pytest
from django.db import transaction
from django.utils import timezone

from edx_exams.apps.core.api import (
    ControlReport,
    act_as_learner,
    act_as_staff,
    control_attempt,
    launch_tool,
    mark_ready,
    reset_and_recreate,
    reset_exam_attempt,
    reset_own_attempt,
    submit_if_unfinished,
    update_attempt_status,
)
from edx_exams.apps.core.exceptions import (
    ControlNotAllowed,
    ExamBaseException,
    ExamIllegalStatusTransition,
    ExamPermissionDenied,
)
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.transition_rules import ControlAction, LearnerAction, StaffAction
from edx_exams.apps.core.transitions import act_on
from tests.core.conftest import EventsOwed, Trail, reloaded
from tests.factories import overdue_attempt, running_attempt

pytestmark = pytest.mark.django_db

Action = Callable[[ExamAttempt], object]


def learner_does(action: LearnerAction) -> Action:
    return lambda attempt: act_as_learner(attempt, action, learner=attempt.user)


def tool_does(action: ControlAction) -> Action:
    return lambda attempt: control_attempt(attempt, ControlReport(action, timezone.now(), extra_time_mins=5))


REFUSED: Final[dict[str, tuple[Action, type[ExamBaseException]]]] = {
    "stop": (learner_does(LearnerAction.STOP), ExamIllegalStatusTransition),
    "start": (learner_does(LearnerAction.START), ExamIllegalStatusTransition),
    "error": (learner_does(LearnerAction.ERROR), ExamIllegalStatusTransition),
    "click": (learner_does(LearnerAction.CLICK_DOWNLOAD_SOFTWARE), ExamIllegalStatusTransition),
    "launch": (lambda attempt: launch_tool(attempt, attempt.user), ExamIllegalStatusTransition),
    "mark ready": (lambda attempt: mark_ready(attempt, attempt.user), ExamIllegalStatusTransition),
    "own reset": (lambda attempt: reset_own_attempt(attempt, attempt.user), ExamPermissionDenied),
    "begin again": (lambda attempt: reset_and_recreate(attempt, attempt.user), ExamIllegalStatusTransition),
    "status by operator": (lambda attempt: update_attempt_status(attempt.pk, "created"), ExamIllegalStatusTransition),
    "pause": (tool_does(ControlAction.PAUSE), ControlNotAllowed),
    "resume": (tool_does(ControlAction.RESUME), ControlNotAllowed),
    "update": (tool_does(ControlAction.UPDATE), ControlNotAllowed),
}
DONE: Final[dict[str, tuple[Action, list[str]]]] = {
    "submit": (learner_does(LearnerAction.SUBMIT), []),
    "end of the assessment": (lambda attempt: submit_if_unfinished(attempt, attempt.user), []),
    "verify": (lambda attempt: act_as_staff(attempt, StaffAction.VERIFY, staff=attempt.user), ["verified"]),
    "flag": (tool_does(ControlAction.FLAG), []),
    "terminate": (tool_does(ControlAction.TERMINATE), ["errored"]),
    "reset by staff": (lambda attempt: reset_exam_attempt(attempt, attempt.user), ["reset"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_submission(name: str, trail: Trail, events_owed: EventsOwed) -> None:
    attempt = overdue_attempt()
    action, refusal = REFUSED[name]
    with pytest.raises(refusal):
        action(attempt)
    assert trail(attempt) == ["created", "started", "submitted"]
    assert events_owed() == ["submitted"]
    assert reloaded(attempt).end_time is not None


@pytest.mark.parametrize("name", DONE)
def test_what_is_done_comes_after_the_submission(name: str, trail: Trail, events_owed: EventsOwed) -> None:
    attempt = overdue_attempt()
    action, events = DONE[name]
    action(attempt)
    assert trail(attempt)[:3] == ["created", "started", "submitted"]
    assert events_owed() == ["submitted", *events]


def test_a_refusal_while_there_is_time_changes_nothing(trail: Trail) -> None:
    attempt = running_attempt()
    with pytest.raises(ExamIllegalStatusTransition):
        act_as_learner(attempt, LearnerAction.START, learner=attempt.user)
    assert trail(attempt) == ["created", "started"]


def test_an_action_that_fails_undoes_what_it_wrote(trail: Trail) -> None:
    attempt = running_attempt()

    def write_then_refuse(locked: ExamAttempt, _: object) -> None:
        locked.status = "error"
        locked.save()
        raise ExamIllegalStatusTransition

    with pytest.raises(ExamIllegalStatusTransition):
        act_on(attempt, write_then_refuse, by=None)
    assert trail(attempt) == ["created", "started"]


@pytest.mark.django_db(transaction=True)
class TestWithinAnotherTransaction:
    """An outer transaction could undo the submission, so there is none of it: an error, not a silent loss."""

    @pytest.mark.parametrize("name", ["stop", "own reset", "pause"])
    def test_an_attempt_out_of_time_cannot_be_acted_on(self, name: str, trail: Trail, events_owed: EventsOwed) -> None:
        attempt = overdue_attempt()
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            REFUSED[name][0](attempt)
        assert trail(attempt) == ["created", "started"]
        assert events_owed() == []

    def test_one_that_has_time_can(self, learner: User, trail: Trail) -> None:
        attempt = running_attempt(user=learner)
        with transaction.atomic():
            act_as_learner(attempt, LearnerAction.STOP, learner=learner)
        assert trail(attempt) == ["created", "started", "ready_to_submit"]
