# SPDX-License-Identifier: AGPL-3.0-only
"""Events that the outbox owes, put there as the write path does."""

from typing import Any

from opaque_keys.edx.keys import CourseKey, UsageKey
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer
from openedx_events.learning.data import ExamAttemptData
from openedx_events.learning.signals import EXAM_ATTEMPT_SUBMITTED
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.core.attempt_events import user_data
from edx_exams.apps.core.models import User
from edx_exams.apps.events.models import OutboxEvent
from edx_exams.apps.events.producer import OutboxProducer
from tests.factories import UserFactory

TOPIC = "learning-exam-attempt-lifecycle"
KEY_FIELD = "exam_attempt.course_key"


def course_id(number: int) -> str:
    return f"course-v1:Acme+BIO{number}+2026"


def event_data(learner: User, course: int = 1, requesting_user: User | None = None) -> dict[str, Any]:
    return {
        "exam_attempt": ExamAttemptData(
            student_user=user_data(learner),
            course_key=CourseKey.from_string(course_id(course)),
            usage_key=UsageKey.from_string(f"block-v1:Acme+BIO{course}+2026+type@sequential+block@exam"),
            exam_type="timed",
            requesting_user=user_data(requesting_user) if requesting_user else None,
        )
    }


def owe(
    course: int = 1,
    *,
    learner: User | None = None,
    requesting_user: User | None = None,
    signal: OpenEdxPublicSignal = EXAM_ATTEMPT_SUBMITTED,
) -> OutboxEvent:
    """One more event of a course."""
    metadata = signal.generate_signal_metadata()
    OutboxProducer().send(
        signal=signal,
        topic=TOPIC,
        event_key_field=KEY_FIELD,
        event_data=event_data(learner or UserFactory.create(), course, requesting_user),
        event_metadata=metadata,
    )
    return OutboxEvent.objects.get(event_id=metadata.id)


def unsaved(courses: int, events: int) -> list[OutboxEvent]:
    """So many events of each course, those of the courses mixed, as rows that no database has yet."""
    learner = User(username="learner", email="learner@example.com", full_name="L. Earner", lms_user_id=1)
    data = [
        AvroSignalSerializer(EXAM_ATTEMPT_SUBMITTED).to_dict(event_data(learner, course)) for course in range(courses)
    ]
    return [_unsaved(course, data[course]) for _ in range(events) for course in range(courses)]


def owe_many(courses: int, events: int) -> None:
    """So many events of each course."""
    OutboxEvent.objects.bulk_create(unsaved(courses, events), batch_size=500)


def _unsaved(course: int, data: dict[str, Any]) -> OutboxEvent:
    metadata = EXAM_ATTEMPT_SUBMITTED.generate_signal_metadata()
    return OutboxEvent(
        event_id=metadata.id,
        event_type=metadata.event_type,
        topic=TOPIC,
        key_field=KEY_FIELD,
        key=course_id(course),
        data=data,
        metadata=metadata.to_json_data(),
    )


def due_now() -> None:
    """Nothing is put off any more, as an operator's "try again now" has it."""
    OutboxEvent.objects.update(next_try=None)
