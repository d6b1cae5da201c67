# SPDX-License-Identifier: AGPL-3.0-only
"""
The life of an attempt in the hands of its learner and the course team: looked up, created, moved on, judged, reset.

Each public write is one transaction: lock the people and the attempt, look again, decide, write, with the history row
and the event that the change owes. Changes go through `transitions.act_on`.
"""

import contextlib
from datetime import datetime
from typing import Final

from django.db.models import Count, Max, QuerySet
from django.utils import timezone
from openedx_events.learning.signals import EXAM_ATTEMPT_RESET

from edx_exams.apps.core import clock
from edx_exams.apps.core.attempt_events import announce
from edx_exams.apps.core.exams import get_course_exam, get_exam_by_id
from edx_exams.apps.core.exceptions import (
    ExamAttemptAlreadyExists,
    ExamAttemptDoesNotExist,
    ExamAttemptOnPastDueExam,
    ExamBaseException,
    ExamDoesNotExist,
    ExamIllegalStatusTransition,
    ExamPermissionDenied,
    LearnerDoesNotExist,
    NothingToReset,
)
from edx_exams.apps.core.history import set_history_metadata
from edx_exams.apps.core.instance_attempts import (
    attempts_in_the_way,
    attempts_of_instance,
    is_same_instance,
    keeps_from_beginning,
    of_instance,
)
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.owed_time import exam_for_start
from edx_exams.apps.core.prepared import Prepared, PreparedRows, newest
from edx_exams.apps.core.proctored_start import require_ready
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transactions import lock_attempts, lock_users, write_transaction
from edx_exams.apps.core.transition_rules import (
    LEARNER_TRANSITIONS,
    STAFF_TRANSITIONS,
    LearnerAction,
    StaffAction,
    general_transition,
)
from edx_exams.apps.core.transitions import act_on, apply_transition, start_attempt, transit

_of_id: Final = Prepared(
    ExamAttempt, lambda attempt_id: ExamAttempt.objects.filter(pk=attempt_id), int, related=("exam", "user")
)
#: The number of attempts that the learner ever had of a resource, and the highest number of one.
_ever_of_resource: Final = PreparedRows(
    ExamAttempt.history.model,
    lambda resource_id, user_id: (
        ExamAttempt.history.order_by()
        .filter(exam_id__in=Exam.objects.filter(resource_id=resource_id).values("pk"), user_id=user_id)
        .values("user_id")
        .annotate(attempts=Count("id", distinct=True), highest=Max("attempt_number"))
        .values_list("attempts", "highest")
    ),
    str,
    int,
)

# Reading


def _newest(attempts: QuerySet[ExamAttempt]) -> ExamAttempt | None:
    """Databases that grew under the earlier service hold several attempts where one belongs: the newest counts."""
    return attempts.select_related("exam", "user").order_by("-created", "-pk").first()


def get_attempt_by_id(attempt_id: int) -> ExamAttempt | None:
    """Return the attempt with its exam and learner, None if there is none."""
    return newest(_of_id(attempt_id))


def get_attempt_to_change(attempt_id: int) -> ExamAttempt:
    """
    Return the attempt with its exam and learner.

    :raises ExamAttemptDoesNotExist: there is none
    """
    attempt = get_attempt_by_id(attempt_id)
    if attempt is None:
        raise ExamAttemptDoesNotExist(attempt_id)
    return attempt


def get_current_exam_attempt(user_id: int, exam_id: int) -> ExamAttempt | None:
    """The learner's latest attempt of the exam, None if there is none."""
    return _newest(ExamAttempt.objects.filter(user_id=user_id, exam_id=exam_id))


def get_active_attempt_for_user(user_id: int) -> ExamAttempt | None:
    """Return the learner's attempt whose clock runs, of whatever exam, None if there is none."""
    running = sorted(ExamAttemptStatus.in_progress_statuses)
    return _newest(ExamAttempt.objects.filter(user_id=user_id, status__in=running))


def get_attempt_for_user_with_attempt_number_and_resource_id(
    user_id: int, attempt_number: int, resource_id: str
) -> ExamAttempt | None:
    """The attempt that a proctoring tool means, by learner, number and exam's resource id; None if there is none."""
    return _newest(
        ExamAttempt.objects.filter(user_id=user_id, attempt_number=attempt_number, exam__resource_id=resource_id)
    )


def get_exam_attempts(exam_id: int) -> QuerySet[ExamAttempt]:
    """The attempts of an exam, newest first."""
    return ExamAttempt.objects.filter(exam_id=exam_id).order_by("-created", "-pk")


# Creating


@write_transaction
def create_exam_attempt(exam_id: int, user_id: int, *, start_clock: bool = False, now: datetime | None = None) -> int:
    """
    Create the learner's attempt of an exam, and start it at once where asked to: both or neither.

    :returns: the attempt's id
    :raises LearnerDoesNotExist: nobody has this user id
    :raises ExamDoesNotExist: no active exam has this id
    :raises ExamAttemptOnPastDueExam: its due date has passed
    :raises ExamAttemptAlreadyExists: the learner has an attempt of it, on whichever row of the instance
    :raises ExamIllegalStatusTransition: it may not be started now
    """
    learner = lock_users([user_id]).get(user_id)
    if learner is None:
        message = f"There is no learner {user_id}."
        raise LearnerDoesNotExist(message)
    now = now or timezone.now()  # after the wait for the lock: what follows happens now
    exam = get_exam_by_id(exam_id)
    if exam is None or not exam.is_active:
        raise ExamDoesNotExist(exam_id)
    if exam.is_past_due(now):
        message = f"The due date of “{exam.exam_name}” has passed: it can no longer be started."
        raise ExamAttemptOnPastDueExam(message)

    theirs = attempts_in_the_way(exam, learner)
    if any(keeps_from_beginning(attempt, exam) for attempt in theirs):
        raise ExamAttemptAlreadyExists(exam.exam_name)
    running = [attempt for attempt in theirs if attempt.is_in_progress]

    attempt = _create(exam, learner)
    if start_clock:
        require_ready(attempt.exam, attempt.status)
        start_attempt(attempt, running, by=learner, now=now)
    return attempt.pk


def _create(exam: Exam, learner: User) -> ExamAttempt:
    """
    Insert an attempt of an exam whose learner is locked.

    :raises ExamDoesNotExist: it has been retired while we waited to insert, or counts as retired beside a newer one
    """
    attempt = ExamAttempt(
        exam=exam,
        user=learner,
        attempt_number=_next_attempt_number(exam, learner),
        status=ExamAttemptStatus.created,
    )
    set_history_metadata(attempt, by=learner, reason="created by the learner")
    attempt.save(force_insert=True)
    attempt.exam = exam_for_start(exam.pk)
    return attempt


def _next_attempt_number(exam: Exam, learner: User) -> int:
    """
    Return one more than the learner ever had of this resource. The history knows those that were reset.

    Instances of an exam share the resource id, by which a tool names an attempt, with learner and number.
    """
    return 1 + max((max(known) for known in _ever_of_resource(exam.resource_id, learner.pk)), default=0)


# Moving on


def act_as_learner(
    attempt: ExamAttempt, action: LearnerAction, *, learner: User, detail: str = "", now: datetime | None = None
) -> int:
    """
    Do what learners may do with their own attempt.

    `submit` from a client whose clock is outdated (`clock.has_outdated_client`) changes nothing.

    :param attempt: with its exam; what else it says is looked up again under the lock
    :param detail: what went wrong, which the history keeps as the reason
    :raises ExamIllegalStatusTransition: not from where the attempt is
    """
    transition, reason = LEARNER_TRANSITIONS[action], detail or f"learner: {action}"

    def act(locked: ExamAttempt, moment: datetime) -> int:
        if action == LearnerAction.SUBMIT and clock.has_outdated_client(locked, moment):
            return locked.pk  # it asks for the time when this is answered, and goes on
        if action == LearnerAction.START:
            require_ready(locked.exam, locked.status)
        return transit(locked, transition, by=learner, reason=reason, now=moment)

    return act_on(attempt, act, by=learner, now=now)


def act_as_staff(attempt: ExamAttempt, action: StaffAction, *, staff: User, now: datetime | None = None) -> int:
    """
    Judge an attempt.

    :param attempt: with its exam
    """
    return apply_transition(attempt, STAFF_TRANSITIONS[action], by=staff, reason=f"course staff: {action}", now=now)


def update_attempt_status(
    attempt_id: int, to_status: str, *, by: User | None = None, reason: str = "", forced: bool = False
) -> int:
    """
    Move an attempt to a status by the general rules: what is finished stays finished, a start needs a free learner.

    :param forced: even what is finished may become unfinished again
    :returns: the attempt's id
    :raises ExamAttemptDoesNotExist: there is none
    :raises ExamIllegalStatusTransition: the rules refuse it, or the status does not exist
    """
    attempt = get_attempt_to_change(attempt_id)
    if to_status not in ExamAttemptStatus.values:
        message = f"“{to_status}” is not a status. Statuses: {', '.join(ExamAttemptStatus.values)}."
        raise ExamIllegalStatusTransition(message)
    transition = general_transition(ExamAttemptStatus(to_status), forced=forced)
    return apply_transition(attempt, transition, by=by, reason=reason or f"moved to {to_status}")


# Resetting


def reset_exam_attempt(attempt: ExamAttempt, requesting_user: User) -> None:
    """
    Delete an attempt, so that the learner can begin again. Its history stays.

    :raises ExamAttemptDoesNotExist: it is gone already
    """
    act_on(attempt, lambda locked, _: _reset(locked, by=requesting_user), by=requesting_user)


def reset_attempts_of(username: str, exam: Exam, *, requesting_user: User) -> None:
    """
    Delete all attempts of a learner at this instance of an exam, on whichever of its rows.

    :raises NothingToReset: there is no such learner, or the learner has no attempt of it
    """
    found = attempts_of_instance(exam).filter(user__username=username).select_related("exam", "user")
    attempts = [attempt for attempt in found if attempt.user.username == username]  # databases ignore trailing blanks
    reset = 0
    for attempt in attempts:
        with contextlib.suppress(ExamAttemptDoesNotExist):  # somebody else has just reset it
            reset_exam_attempt(attempt, requesting_user)
            reset += 1
    if not reset:
        message = "There is no learner of this name with an attempt of this exam."
        raise NothingToReset(message)


def reset_own_attempt(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> None:
    """
    Reset one's own attempt of a practice or onboarding exam.

    :raises ExamPermissionDenied: the exam counts, or the attempt is in progress
    """

    def reset(locked: ExamAttempt, _: datetime) -> None:
        _require_own_reset(locked, ExamPermissionDenied)
        _reset(locked, by=learner)

    act_on(attempt, reset, by=learner, now=now)


def reset_and_recreate(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> int:
    """
    Reset one's own attempt of a practice or onboarding exam and create a fresh one in its place.

    Attempts that the learner has on other rows of the instance go too: they would be in the way of the fresh one.

    :returns: the fresh attempt's id
    :raises ExamIllegalStatusTransition: the exam counts, or the attempt is in progress
    :raises ExamDoesNotExist: the exam has been retired
    """

    def recreate(locked: ExamAttempt, _: datetime) -> int:
        _require_own_reset(locked, ExamIllegalStatusTransition)
        exam = get_course_exam(locked.exam.course_id, locked.exam.content_id)
        if exam is None or not is_same_instance(exam, locked.exam):
            raise ExamDoesNotExist(locked.exam_id)
        others = ExamAttempt.objects.filter(of_instance(exam), user=learner).exclude(pk=locked.pk)
        for other in [locked, *lock_attempts(others.values_list("pk", flat=True)).values()]:
            other.user = learner
            _require_own_reset(other, ExamIllegalStatusTransition)
            _reset(other, by=learner)
        return _create(exam, learner).pk

    return act_on(attempt, recreate, by=learner, now=now)


def _require_own_reset(attempt: ExamAttempt, refusal: type[ExamBaseException]) -> None:
    """Raise the refusal, with its reason, unless learners may reset this locked attempt themselves."""
    if not attempt.exam.kind.is_practice:
        raise refusal("Only practice exams can be taken again; this one counts. Its course team can reset the attempt.")
    if attempt.is_in_progress:
        raise refusal("This attempt is in progress. It can be reset once it has been submitted.")


def _reset(attempt: ExamAttempt, *, by: User) -> None:
    announce(EXAM_ATTEMPT_RESET, attempt, requesting_user=by)
    set_history_metadata(attempt, by=by, reason="reset")
    attempt.delete()
