# SPDX-License-Identifier: AGPL-3.0-only
"""
Requests to change an attempt, by whoever makes them: which actions the person has, and the function that each one is.

Learners have theirs on their own attempts, course staff theirs on those of others. Course staff who take an exam of
their own are its learner, and do not judge themselves; global staff have both.
"""

from edx_exams.apps.core.attempts import (
    act_as_learner,
    act_as_staff,
    reset_and_recreate,
    reset_exam_attempt,
    reset_own_attempt,
)
from edx_exams.apps.core.exceptions import NotYourAttempt, UnknownAction
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.roles import is_course_staff
from edx_exams.apps.core.transition_rules import RESET_ACTION, LearnerAction, StaffAction

_LEARNER_ACTIONS = (*LearnerAction, RESET_ACTION)


def actions_on(attempt: ExamAttempt, person: User) -> tuple[str, ...]:
    """
    Return the actions that a person has on an attempt. One statement at most.

    :param attempt: with its exam
    :raises NotYourAttempt: the person is neither its learner nor staff of its course
    """
    if attempt.user_id == person.pk:
        return (*_LEARNER_ACTIONS, *StaffAction) if person.is_staff else _LEARNER_ACTIONS
    if is_course_staff(person, attempt.exam.course_id):
        return tuple(StaffAction)
    raise NotYourAttempt(attempt.pk)


def change_attempt(attempt: ExamAttempt, action: str, *, by: User, detail: str = "") -> int:
    """
    Do what a person asks for with an attempt.

    :param attempt: with its exam
    :param action: one of `actions_on`
    :param detail: words on an error, which the history keeps
    :returns: the attempt's id; for `reset_attempt`, that of the fresh attempt
    :raises NotYourAttempt: the person is neither its learner nor staff of its course
    :raises UnknownAction: the person does not have this action
    :raises ExamIllegalStatusTransition: not from where the attempt is
    """
    actions = actions_on(attempt, by)
    if action not in actions:
        message = f"This is not an action that you may take on this attempt. Your actions: {', '.join(actions)}."
        raise UnknownAction(message)
    if action in StaffAction:
        return act_as_staff(attempt, StaffAction(action), staff=by)
    if action == RESET_ACTION:
        return reset_and_recreate(attempt, by)
    reason = detail if action == LearnerAction.ERROR else ""
    return act_as_learner(attempt, LearnerAction(action), learner=by, detail=reason)


def remove_attempt(attempt: ExamAttempt, *, by: User) -> None:
    """
    Reset an attempt for a person: course staff any of their course, learners their own of practice exams.

    :param attempt: with its exam
    :raises NotYourAttempt: the person is neither its learner nor staff of its course
    :raises ExamPermissionDenied: it is the learner's own, and counts or is in progress
    """
    if is_course_staff(by, attempt.exam.course_id):
        reset_exam_attempt(attempt, by)
    elif attempt.user_id == by.pk:
        reset_own_attempt(attempt, by)
    else:
        raise NotYourAttempt(attempt.pk)
