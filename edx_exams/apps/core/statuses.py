"""The statuses of an attempt and the rules between them, as data: who wants to know asks these tables."""

from collections.abc import Mapping
from enum import StrEnum, nonmember
from typing import Final, NamedTuple

from django.db.models import TextChoices
from openedx_events.learning.signals import (
    EXAM_ATTEMPT_ERRORED,
    EXAM_ATTEMPT_REJECTED,
    EXAM_ATTEMPT_SUBMITTED,
    EXAM_ATTEMPT_VERIFIED,
)
from openedx_events.tooling import OpenEdxPublicSignal


class ExamAttemptStatus(TextChoices):
    """Where an attempt is in its life."""

    created = "created", "created"
    download_software_clicked = "download_software_clicked", "download_software_clicked"
    ready_to_start = "ready_to_start", "ready_to_start"
    started = "started", "started"
    ready_to_submit = "ready_to_submit", "ready_to_submit"
    timed_out = "timed_out", "timed_out"
    submitted = "submitted", "submitted"
    second_review_required = "second_review_required", "second_review_required"
    verified = "verified", "verified"
    rejected = "rejected", "rejected"
    error = "error", "error"
    expired = "expired", "expired"

    #: The clock runs.
    in_progress_statuses = nonmember(frozenset({"started", "ready_to_submit"}))
    #: Not handed in yet. `expired` is neither incomplete nor completed.
    incomplete_statuses = nonmember(
        frozenset({"created", "download_software_clicked", "ready_to_start", "started", "ready_to_submit"})
    )
    #: Handed in, ended or judged: never unfinished again.
    completed_statuses = nonmember(
        frozenset({"timed_out", "submitted", "second_review_required", "verified", "rejected", "error"})
    )


class Outcome(NamedTuple):
    """What entering a status does beside changing the row."""

    event: OpenEdxPublicSignal | None = None
    #: Name of the e-mail, as in `email/proctoring_attempt_<name>.html`.
    email: str | None = None
    #: Whether the attempt's `end_time` is set.
    stops_clock: bool = False


_NOTHING: Final = Outcome()
_OUTCOMES: Final[Mapping[str, Outcome]] = {
    ExamAttemptStatus.submitted: Outcome(EXAM_ATTEMPT_SUBMITTED, email="submitted", stops_clock=True),
    ExamAttemptStatus.verified: Outcome(EXAM_ATTEMPT_VERIFIED, email="verified"),
    ExamAttemptStatus.rejected: Outcome(EXAM_ATTEMPT_REJECTED, email="rejected"),
    ExamAttemptStatus.error: Outcome(EXAM_ATTEMPT_ERRORED),
}


def outcome_of(status: str) -> Outcome:
    """What entering that status does."""
    return _OUTCOMES.get(status, _NOTHING)


class Move(NamedTuple):
    """Where an action leads, and from where it may be taken. An attempt that is there already stays as it is."""

    to: ExamAttemptStatus
    allowed_from: frozenset[str]
    #: Statuses in which the action is answered as done, though nothing changes.
    done_already_in: frozenset[str] = frozenset()


class LearnerAction(StrEnum):
    """What learners ask of their own attempts."""

    STOP = "stop"
    START = "start"
    SUBMIT = "submit"
    CLICK_DOWNLOAD_SOFTWARE = "click_download_software"
    ERROR = "error"


class StaffAction(StrEnum):
    """What course staff ask of attempts in their course."""

    VERIFY = "verify"
    REJECT = "reject"


#: What a learner asks for with these is a new beginning, which is no move between statuses.
RESET_ACTION: Final = "reset_attempt"

_S = ExamAttemptStatus

LEARNER_MOVES: Final[Mapping[LearnerAction, Move]] = {
    LearnerAction.CLICK_DOWNLOAD_SOFTWARE: Move(
        _S.download_software_clicked,
        frozenset({_S.created, _S.download_software_clicked}),
        # The client sends it beside the launch, which may be quicker.
        done_already_in=frozenset({_S.ready_to_start}),
    ),
    LearnerAction.START: Move(
        _S.started, frozenset({_S.created, _S.download_software_clicked, _S.ready_to_start, _S.ready_to_submit})
    ),
    LearnerAction.STOP: Move(_S.ready_to_submit, frozenset({_S.started, _S.ready_to_submit})),
    LearnerAction.SUBMIT: Move(_S.submitted, _S.incomplete_statuses),
    LearnerAction.ERROR: Move(_S.error, _S.incomplete_statuses),
}

#: Course staff judge at any time, and may change their mind.
STAFF_MOVES: Final[Mapping[StaffAction, Move]] = {
    StaffAction.VERIFY: Move(_S.verified, frozenset(_S.values)),
    StaffAction.REJECT: Move(_S.rejected, frozenset(_S.values)),
}

#: The learner is sent to the proctoring tool; once more, if need be, while the attempt is unfinished.
LAUNCH: Final = Move(
    _S.download_software_clicked,
    frozenset({_S.created, _S.download_software_clicked}),
    done_already_in=frozenset({_S.ready_to_start, _S.started, _S.ready_to_submit}),
)
#: The tool says that the learner is ready. An attempt that is further on never goes back for it.
GET_READY: Final = Move(
    _S.ready_to_start,
    frozenset({_S.created, _S.download_software_clicked}),
    done_already_in=frozenset({_S.started, _S.ready_to_submit}),
)


class ControlAction(StrEnum):
    """What a proctoring tool does with an attempt: the actions of the Assessment Control Service."""

    PAUSE = "pause"
    RESUME = "resume"
    UPDATE = "update"
    FLAG = "flag"
    TERMINATE = "terminate"


class ControlStatus(StrEnum):
    """An attempt's state in the Assessment Control Service's words."""

    NONE = "none"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    TERMINATED = "terminated"


_NOT_BEGUN: Final = frozenset({_S.created, _S.download_software_clicked, _S.ready_to_start})

#: Statuses from which a tool may act. Whether an attempt is paused is judged beside them.
CONTROL_ALLOWED_FROM: Final[Mapping[ControlAction, frozenset[str]]] = {
    ControlAction.PAUSE: _S.in_progress_statuses,
    ControlAction.RESUME: _S.in_progress_statuses,
    ControlAction.UPDATE: _S.incomplete_statuses,
    ControlAction.FLAG: frozenset(_S.values) - _NOT_BEGUN,
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


def control_status_of(status: str, *, is_paused: bool, is_terminated: bool) -> ControlStatus:
    """
    How a proctoring tool sees an attempt.

    :param is_terminated: the tool has ended it, even if a person has judged since
    """
    if status in _NOT_BEGUN:
        return ControlStatus.NONE
    if status in _S.in_progress_statuses:
        return ControlStatus.PAUSED if is_paused else ControlStatus.RUNNING
    return ControlStatus.TERMINATED if is_terminated or status == _S.error else ControlStatus.COMPLETE


def may_follow(from_status: str, to_status: str) -> bool:
    """The rule above all others: `to_status` exists, and what is finished does not become unfinished again."""
    return to_status in ExamAttemptStatus.values and not (
        from_status in ExamAttemptStatus.completed_statuses and to_status in ExamAttemptStatus.incomplete_statuses
    )
