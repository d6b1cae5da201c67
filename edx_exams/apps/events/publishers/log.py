"""Where there is no event bus: each event as a line of JSON on stdout."""

import json
import sys
from typing import Any, override

from edx_exams.apps.events.publishers.base import Delivery, Publisher, RelayedEvent


class LogPublisher(Publisher):
    """
    Prints what would be sent, for newcomers and for installations without a bus.

    The people of an event appear as the number by which the LMS knows them, never with name or address.
    """

    @override
    def publish(self, delivery: Delivery) -> None:
        try:
            sys.stdout.write(json.dumps(described(delivery.event)) + "\n")
            sys.stdout.flush()
        except OSError as error:
            delivery.done(error)
        else:
            delivery.done(None)


def described(event: RelayedEvent) -> dict[str, Any]:
    """What of an event may stand in a log."""
    attempt = event.data.get("exam_attempt")
    return {
        "event": event.metadata.event_type,
        "id": str(event.metadata.id),
        "time": event.metadata.time.isoformat(),
        "course": event.key,
        "usage_key": str(attempt.usage_key) if attempt else None,
        "lms_user_id": attempt.student_user.id if attempt else None,
    }
