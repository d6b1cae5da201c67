# SPDX-License-Identifier: AGPL-3.0-only
"""The proctoring tool's part in an attempt: the launch into the tool, its control of the clock, its verdict."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple
from uuid import UUID

from edx_exams.apps.core import clock
from edx_exams.apps.core.exceptions import (
    AssessmentOfAnotherTool,
    ControlNotAllowed,
    ExamDoesNotExist,
    ExamRetired,
    NoSuchAssessment,
    TooManyReports,
)
from edx_exams.apps.core.history import save_with_history
from edx_exams.apps.core.models import AssessmentControlResult, ExamAttempt, User
from edx_exams.apps.core.owed_time import exam_for_start
from edx_exams.apps.core.statuses import ControlStatus, ExamAttemptStatus, control_status_of
from edx_exams.apps.core.transition_rules import (
    CONTROL_ALLOWED_FROM,
    END_ASSESSMENT,
    LAUNCH_TOOL,
    MARK_READY,
    ControlAction,
)
from edx_exams.apps.core.transitions import act_on, apply_transition, enter_status, transit

#: The reason code of an assessment that ended as it should.
ENDED_NORMALLY: Final = "1"
#: Highest severity of an assessment that needs no review by a person.
MAX_CLEAN_SEVERITY: Final = Decimal("0.25")
_STORED_PLACES: Final = Decimal("0.01")
#: Flags that are kept of an attempt: whoever reviews it reads them all.
MAX_FLAGS: Final = 1000


_CHANGE_THE_CLOCK: Final = frozenset({ControlAction.PAUSE, ControlAction.RESUME, ControlAction.UPDATE})


class ControlReport(NamedTuple):
    """
    An action or a report of the tool.

    :param incident_time: aware
    :param severity: from 0 to 1, as it was sent
    :param extra_time_mins: total of the extra minutes that the tool grants; takes effect with pause, resume and update
    """

    action: ControlAction
    incident_time: datetime
    severity: Decimal | None = None
    reason_code: str | None = None
    reason_message: str | None = None
    extra_time_mins: int | None = None


# The learner's way through the tool


def launch_tool(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> None:
    """
    Note that the learner is on the way to the tool. An attempt that is further on, and unfinished, stays as it is.

    :param attempt: with its exam
    :raises ExamIllegalStatusTransition: the attempt is finished
    :raises ExamRetired: it has not begun, and its exam was replaced or removed
    """

    def launch(locked: ExamAttempt, moment: datetime) -> None:
        transit(locked, LAUNCH_TOOL, by=learner, reason="sent to the proctoring tool", now=moment)
        _require_current_exam(locked)

    act_on(attempt, launch, by=learner, now=now)


def mark_ready(
    attempt: ExamAttempt,
    learner: User,
    *,
    record: Callable[[datetime], None] = lambda _: None,
    reason: str = "ready, says the proctoring tool",
    now: datetime | None = None,
) -> None:
    """
    Note that the tool found the learner ready. An attempt that is further on, and unfinished, stays as it is.

    :param attempt: with its exam
    :param record: writes of the caller's own that belong to it, called with the moment at which it happens, in the same
        transaction: both or neither
    :raises ExamIllegalStatusTransition: the attempt is finished
    :raises ExamRetired: it has not begun, and its exam was replaced or removed
    """

    def mark(locked: ExamAttempt, moment: datetime) -> None:
        transit(locked, MARK_READY, by=learner, reason=reason, now=moment)
        _require_current_exam(locked)
        record(moment)

    act_on(attempt, mark, by=learner, now=now)


def _require_current_exam(attempt: ExamAttempt) -> None:
    """
    Let nobody be checked in for an exam that cannot be started any more.

    :param attempt: locked
    :raises ExamRetired: it has not begun, and its exam was replaced or removed, perhaps a moment ago
    """
    if attempt.start_time is not None:
        return
    try:
        exam_for_start(attempt.exam_id)
    except ExamDoesNotExist:
        raise ExamRetired from None


def submit_if_unfinished(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> None:
    """Submit an attempt that is unfinished; one that is finished is left as it is."""
    apply_transition(attempt, END_ASSESSMENT, by=learner, reason="end of the assessment", now=now)


# The tool's control


def attempt_of_tool(tool_id: int, *, person: UUID, resource_id: str, attempt_number: int) -> ExamAttempt:
    """
    Find the attempt that a tool means: by tool, person, resource link and number together.

    A change of provider leaves two exams with one resource id; each tool finds its own.

    :param person: under whose anonymous id the tool knows the learner
    :returns: the attempt with its exam and learner
    :raises NoSuchAssessment: there is none
    :raises AssessmentOfAnotherTool: there is one, and it is not this tool's
    """
    attempts = ExamAttempt.objects.filter(
        user__anonymous_user_id=person, exam__resource_id=resource_id, attempt_number=attempt_number
    )
    found = list(attempts.select_related("exam__provider", "user").order_by("-created", "-pk"))
    if not found:
        raise NoSuchAssessment
    for attempt in found:
        provider = attempt.exam.provider
        if provider and provider.lti_configuration_id == str(tool_id):
            return attempt
    raise AssessmentOfAnotherTool


def control_attempt(attempt: ExamAttempt, report: ControlReport, *, now: datetime | None = None) -> ExamAttempt:
    """
    Do what a tool asks, and keep it for the course team: both or neither.

    A termination that was recorded already does nothing.

    :param attempt: with its exam
    :returns: the attempt as it is now
    :raises ControlNotAllowed: not where the attempt is; an attempt whose time was over is submitted all the same
    :raises TooManyReports: as many flags as are kept have come already
    :raises ExamAttemptDoesNotExist: it is gone
    """
    return act_on(attempt, lambda locked, moment: _control(locked, report, moment), by=None, now=now)


def control_status(attempt: ExamAttempt) -> ControlStatus:
    """Return the attempt's state as tools see it."""
    is_terminated = (
        attempt.status in ExamAttemptStatus.completed_statuses
        and AssessmentControlResult.objects.filter(attempt=attempt, action_type=ControlAction.TERMINATE).exists()
    )
    return control_status_of(attempt.status, is_paused=attempt.paused_at is not None, is_terminated=is_terminated)


def _control(attempt: ExamAttempt, report: ControlReport, now: datetime) -> ExamAttempt:
    if report.action == ControlAction.TERMINATE and _is_recorded(attempt, report):
        return attempt
    if attempt.status not in CONTROL_ALLOWED_FROM[report.action]:
        state = control_status(attempt)
        message = f"“{report.action}” is not possible while the assessment is “{state}” ({attempt.status})."
        raise ControlNotAllowed(message)
    if report.action in _CHANGE_THE_CLOCK:
        attempt.exam.refresh_from_db(fields=["due_date"])  # it bounds the clock, and was read before the lock
    _HANDLERS[report.action](attempt, report, now)
    AssessmentControlResult.objects.create(
        attempt=attempt,
        action_type=report.action.value,
        incident_time=report.incident_time,
        severity=None if report.severity is None else report.severity.quantize(_STORED_PLACES, ROUND_HALF_UP),
        reason_code=report.reason_code,
        reason_message=report.reason_message,
        extra_time_mins=report.extra_time_mins,
    )
    return attempt


def _is_recorded(attempt: ExamAttempt, report: ControlReport) -> bool:
    same_moment = AssessmentControlResult.objects.filter(
        attempt=attempt, action_type=ControlAction.TERMINATE, incident_time=report.incident_time
    )
    return report.reason_code in same_moment.values_list("reason_code", flat=True)


def _pause(attempt: ExamAttempt, report: ControlReport, now: datetime) -> None:
    if attempt.paused_at is not None:
        message = "The assessment is paused already."
        raise ControlNotAllowed(message)
    changed = clock.change_clock(attempt, now, paused_at=now, **_granted(report))
    save_with_history(attempt, changed, by=None, reason=_reason(report))


def _resume(attempt: ExamAttempt, report: ControlReport, now: datetime) -> None:
    if attempt.paused_at is None:
        message = "The assessment is not paused."
        raise ControlNotAllowed(message)
    changed = {*clock.end_pause(attempt, now), *clock.change_clock(attempt, now, **_granted(report))}
    save_with_history(attempt, sorted(changed), by=None, reason=_reason(report))


def _update(attempt: ExamAttempt, report: ControlReport, now: datetime) -> None:
    if changed := clock.change_clock(attempt, now, **_granted(report)):
        save_with_history(attempt, changed, by=None, reason=_reason(report))


def _granted(report: ControlReport) -> dict[str, int]:
    """Return the tool's total of extra minutes, where it names one, as a field of the attempt."""
    return {} if report.extra_time_mins is None else {"extra_time_mins": report.extra_time_mins}


def _flag(attempt: ExamAttempt, report: ControlReport, now: datetime) -> None:  # noqa: ARG001
    """Let an incident be kept for later: it changes nothing, so nothing but this bounds how often it comes."""
    if AssessmentControlResult.objects.filter(attempt=attempt, action_type=ControlAction.FLAG).count() >= MAX_FLAGS:
        message = f"There are {MAX_FLAGS:,} flags on this assessment; no more are kept."
        raise TooManyReports(message)


def _terminate(attempt: ExamAttempt, report: ControlReport, now: datetime) -> None:
    verdict, reason = _verdict(report), _reason(report)
    if attempt.status == ExamAttemptStatus.error:
        if verdict != ExamAttemptStatus.error:
            message = "The assessment has ended in an error, and cannot end well any more."
            raise ControlNotAllowed(message)
        return
    changed = []
    if attempt.status in ExamAttemptStatus.incomplete_statuses:
        if verdict == ExamAttemptStatus.error:
            attempt.end_time = now
            changed = ["end_time"]
        else:
            # Submitted first, for the LMS is owed that event; the e-mail is that of a verdict which follows at once.
            waits = verdict == ExamAttemptStatus.second_review_required
            enter_status(attempt, ExamAttemptStatus.submitted, by=None, reason=reason, now=now, mail=waits)
    if verdict != attempt.status:
        enter_status(attempt, verdict, by=None, reason=reason, now=now, changed=changed)


def _verdict(report: ControlReport) -> ExamAttemptStatus:
    """Return where a termination leads: without a reason code to an error, without a severity to a review."""
    if report.reason_code != ENDED_NORMALLY:
        return ExamAttemptStatus.error
    if report.severity is None or report.severity > MAX_CLEAN_SEVERITY:
        return ExamAttemptStatus.second_review_required
    return ExamAttemptStatus.verified


def _reason(report: ControlReport) -> str:
    because = f" (reason {report.reason_code})" if report.reason_code is not None else ""
    return f"proctoring tool: {report.action}{because}"


_HANDLERS: Final[Mapping[ControlAction, Callable[[ExamAttempt, ControlReport, datetime], None]]] = {
    ControlAction.PAUSE: _pause,
    ControlAction.RESUME: _resume,
    ControlAction.UPDATE: _update,
    ControlAction.FLAG: _flag,
    ControlAction.TERMINATE: _terminate,
}
