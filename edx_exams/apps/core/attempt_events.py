# SPDX-License-Identifier: AGPL-3.0-only
"""
The events that a change of an attempt owes: their data, and the first step of their way to the event bus.

The way: `announce` sends an openedx-events signal, in the transaction that changes the attempt. openedx-events' own
receiver `general_signal_handler` hands it to the producer that the setting `EVENT_BUS_PRODUCER` names, which is
`edx_exams.apps.events.producer`: it writes a row of the outbox (`edx_exams.apps.events.models.OutboxEvent`), so that
change and event are committed together. The relay (`edx_exams.apps.events.relay`, `manage.py relay_events`) publishes
the rows from there.
"""

import logging
from typing import Final

from django.db import DatabaseError
from django.dispatch import Signal
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey, UsageKey
from openedx_events.apps import general_signal_handler
from openedx_events.learning.data import ExamAttemptData, UserData, UserPersonalData
from openedx_events.learning.signals import EXAM_ATTEMPT_SUBMITTED
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.core.exceptions import EventNotRecorded
from edx_exams.apps.core.models import ExamAttempt, User

log = logging.getLogger(__name__)

#: Sent by the sweep when it is through: for apps that have something of their own to clear away.
sweep_finished: Final = Signal()


def user_data(user: User) -> UserData:
    """A person as events carry them. The id is the LMS's and may be missing; whoever stores the event sees to that."""
    return UserData(
        id=user.lms_user_id,
        is_active=user.is_active,
        pii=UserPersonalData(username=user.username, email=user.email, name=user.full_name),
    )


def attempt_data(attempt: ExamAttempt, requesting_user: User | None) -> ExamAttemptData:
    """An attempt as events carry it. Reads the attempt's `exam` and `user`."""
    return ExamAttemptData(
        student_user=user_data(attempt.user),
        course_key=CourseKey.from_string(attempt.exam.course_id),
        usage_key=UsageKey.from_string(attempt.exam.content_id),
        exam_type=attempt.exam.exam_type,
        requesting_user=user_data(requesting_user) if requesting_user else None,
    )


def announce(event: OpenEdxPublicSignal, attempt: ExamAttempt, *, requesting_user: User | None = None) -> None:
    """
    Send an attempt's event. The outbox stores it in the transaction that is open, so that both happen or neither.

    Other receivers' failures are logged and cost nothing; the outbox's is the caller's.

    :param requesting_user: who asked for it; for a submission it is always the learner
    :raises EventNotRecorded: the event could not be stored
    """
    if event is EXAM_ATTEMPT_SUBMITTED:
        requesting_user = attempt.user
    try:
        data = attempt_data(attempt, requesting_user)
    except InvalidKeyError:
        # The earlier service took any text for a key. Nobody could read an event of such an exam.
        log.error("Attempt %s has no event: its exam's course or content id is not a key", attempt.pk)
        return
    for receiver, response in event.send_event(exam_attempt=data):
        if not isinstance(response, Exception):
            continue
        if receiver is general_signal_handler:
            if isinstance(response, DatabaseError):
                raise response  # a deadlock is the transaction's business
            log.error("The event of attempt %s could not be stored: %s", attempt.pk, type(response).__name__)
            message = "This could not be recorded and has not been done. Please try again in a moment."
            raise EventNotRecorded(message) from response
        log.error("A receiver of attempt %s's event failed: %s", attempt.pk, type(response).__name__)
