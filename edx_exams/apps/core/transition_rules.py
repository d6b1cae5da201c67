# SPDX-License-Identifier: AGPL-3.0-only
"""Rules of transitions as tables: who may do what to an attempt, and from which status. Code has no exceptions."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from edx_exams.apps.core.statuses import ExamAttemptStatus


class Transition(NamedTuple):
    """Target of an action, and the statuses from which it may be taken."""

    to: ExamAttemptStatus
    #: Statuses from which the action moves the attempt.
    allowed_from: frozenset[str]
    #: Statuses in which the action is answered as done, and nothing changes.
    noop_in: frozenset[str]


class LearnerAction(StrEnum):
    """Actions that learners ask for on their own attempts."""

    STOP = "stop"
    START = "start"
    SUBMIT = "submit"
    CLICK_DOWNLOAD_SOFTWARE = "click_download_software"
    ERROR = "error"


class StaffAction(StrEnum):
    """Actions that course staff ask for on attempts in their course."""

    VERIFY = "verify"
    REJECT = "reject"


class ControlAction(StrEnum):
    """Actions of a proctoring tool: those of the Assessment Control Service, Proctoring Services 1.0."""

    PAUSE = "pause"
    RESUME = "resume"
    UPDATE = "update"
    FLAG = "flag"
    TERMINATE = "terminate"


#: The learner's action that replaces the attempt by a fresh one: it is not a transition between statuses.
RESET_ACTION: Final = "reset_attempt"

_S = ExamAttemptStatus
_NOT_STARTED: Final = frozenset({_S.created, _S.download_software_clicked, _S.ready_to_start})

LEARNER_TRANSITIONS: Final[Mapping[LearnerAction, Transition]] = {
    LearnerAction.CLICK_DOWNLOAD_SOFTWARE: Transition(
        _S.download_software_clicked,
        allowed_from=frozenset({_S.created}),
        # The client sends it beside the launch, which may be quicker.
        noop_in=frozenset({_S.download_software_clicked, _S.ready_to_start}),
    ),
    LearnerAction.START: Transition(
        _S.started,
        allowed_from=_NOT_STARTED | {_S.ready_to_submit},
        # The one action that is refused where it has been done already: the client must not show a second start.
        noop_in=frozenset(),
    ),
    LearnerAction.STOP: Transition(
        _S.ready_to_submit, allowed_from=frozenset({_S.started}), noop_in=frozenset({_S.ready_to_submit})
    ),
    LearnerAction.SUBMIT: Transition(
        _S.submitted, allowed_from=_S.incomplete_statuses, noop_in=frozenset({_S.submitted})
    ),
    LearnerAction.ERROR: Transition(_S.error, allowed_from=_S.incomplete_statuses, noop_in=frozenset({_S.error})),
}

#: `start` of an exam that a tool proctors: only the tool makes an attempt ready (`PROCTORED_START_REQUIRES_TOOL`).
START_WHEN_READY: Final = LEARNER_TRANSITIONS[LearnerAction.START]._replace(
    allowed_from=frozenset({_S.ready_to_start, _S.ready_to_submit})
)

#: Course staff judge at any time, and may change their mind.
STAFF_TRANSITIONS: Final[Mapping[StaffAction, Transition]] = {
    StaffAction.VERIFY: Transition(
        _S.verified, allowed_from=frozenset(_S.values) - {_S.verified}, noop_in=frozenset({_S.verified})
    ),
    StaffAction.REJECT: Transition(
        _S.rejected, allowed_from=frozenset(_S.values) - {_S.rejected}, noop_in=frozenset({_S.rejected})
    ),
}

#: The learner is sent to the proctoring tool; again, if need be, while the attempt is unfinished.
LAUNCH_TOOL: Final = Transition(
    _S.download_software_clicked,
    allowed_from=frozenset({_S.created}),
    noop_in=_S.incomplete_statuses - {_S.created},
)
#: The tool says that the learner is ready. An attempt that is further on never goes back for it.
MARK_READY: Final = Transition(
    _S.ready_to_start,
    allowed_from=frozenset({_S.created, _S.download_software_clicked}),
    noop_in=frozenset({_S.ready_to_start, _S.started, _S.ready_to_submit}),
)
#: The learner's browser comes to the end of the assessment. What is finished stays as it is.
END_ASSESSMENT: Final = Transition(
    _S.submitted,
    allowed_from=_S.incomplete_statuses,
    noop_in=frozenset(_S.values) - _S.incomplete_statuses,
)


def general_transition(to_status: ExamAttemptStatus, *, forced: bool = False) -> Transition:
    """
    Transition to a status by the rule above all others, for operators: what is finished stays finished.

    :param forced: even what is finished may become unfinished again
    """
    return Transition(
        to_status,
        allowed_from=frozenset(
            status for status in _S.values if status != to_status and (forced or is_allowed_at_all(status, to_status))
        ),
        noop_in=frozenset({to_status}) - {_S.started},
    )


def is_allowed_at_all(from_status: str, to_status: str) -> bool:
    """Tell whether `to_status` exists, and the change does not make a finished attempt unfinished again."""
    return to_status in _S.values and not (from_status in _S.completed_statuses and to_status in _S.incomplete_statuses)


#: Statuses from which a tool may act. Whether an attempt is paused is judged beside them.
CONTROL_ALLOWED_FROM: Final[Mapping[ControlAction, frozenset[str]]] = {
    ControlAction.PAUSE: _S.in_progress_statuses,
    ControlAction.RESUME: _S.in_progress_statuses,
    ControlAction.UPDATE: _S.incomplete_statuses,
    ControlAction.FLAG: frozenset(_S.values) - _NOT_STARTED,
    ControlAction.TERMINATE: frozenset(
        {
            _S.ready_to_start,
            _S.started,
            _S.ready_to_submit,
            _S.timed_out,
            _S.submitted,
            _S.second_review_required,
            _S.error,
        }
    ),
}

_TERMINATIONS: Final = tuple(
    Transition(status, CONTROL_ALLOWED_FROM[ControlAction.TERMINATE] - {status}, frozenset())
    for status in (_S.error, _S.second_review_required)
)


def is_anybodys_transition(from_status: str, to_status: str, start: Transition) -> bool:
    """
    Tell whether an action of learners, of course staff or a tool's termination leads from one status to the other.

    :param start: what `start` is for the exam, see `proctored_start`
    """
    others = [rule for action, rule in LEARNER_TRANSITIONS.items() if action is not LearnerAction.START]
    rules = (*others, *STAFF_TRANSITIONS.values(), *_TERMINATIONS, LAUNCH_TOOL, start)
    return any(rule.to == to_status and from_status in rule.allowed_from for rule in rules)
