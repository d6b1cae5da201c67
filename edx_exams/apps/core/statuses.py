# SPDX-License-Identifier: AGPL-3.0-only
"""The statuses of an attempt, and what entering one does. The rules between them: `transition_rules`."""

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
    """Status of an attempt."""

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


class StatusEffects(NamedTuple):
    """Event, e-mail and end of the clock that entering a status brings, beside the changed row."""

    event: OpenEdxPublicSignal | None = None
    #: Name of the e-mail, as in `email/proctoring_attempt_<name>.html`.
    email: str | None = None
    #: True if the attempt's `end_time` is set.
    stops_clock: bool = False


_NO_EFFECTS: Final = StatusEffects()
_EFFECTS: Final[Mapping[str, StatusEffects]] = {
    ExamAttemptStatus.submitted: StatusEffects(EXAM_ATTEMPT_SUBMITTED, email="submitted", stops_clock=True),
    ExamAttemptStatus.verified: StatusEffects(EXAM_ATTEMPT_VERIFIED, email="verified"),
    ExamAttemptStatus.rejected: StatusEffects(EXAM_ATTEMPT_REJECTED, email="rejected"),
    ExamAttemptStatus.error: StatusEffects(EXAM_ATTEMPT_ERRORED),
}


def effects_of(status: str) -> StatusEffects:
    """Return what entering that status does."""
    return _EFFECTS.get(status, _NO_EFFECTS)


class ControlStatus(StrEnum):
    """State of an attempt in the words of the Assessment Control Service, Proctoring Services 1.0."""

    NONE = "none"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETE = "complete"
    TERMINATED = "terminated"


def control_status_of(status: str, *, is_paused: bool, is_terminated: bool) -> ControlStatus:
    """
    Return an attempt's state as a proctoring tool sees it.

    :param is_terminated: the tool has ended it, even if a person has judged since
    """
    if status in ExamAttemptStatus.in_progress_statuses:
        return ControlStatus.PAUSED if is_paused else ControlStatus.RUNNING
    if status in ExamAttemptStatus.incomplete_statuses:
        return ControlStatus.NONE
    return ControlStatus.TERMINATED if is_terminated or status == ExamAttemptStatus.error else ControlStatus.COMPLETE
