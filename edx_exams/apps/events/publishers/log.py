# SPDX-License-Identifier: AGPL-3.0-only
"""Prints each event as a line of JSON on stdout, for installations without an event bus."""

import json
import sys
from typing import Any, override

from edx_exams.apps.events.publishers.base import Delivery, Publisher, RelayedEvent


class LogPublisher(Publisher):
    """
    Prints events instead of sending them.

    People appear with their LMS user id alone, never with name or address.
    """

    @override
    def publish(self, delivery: Delivery) -> None:
        try:
            sys.stdout.write(json.dumps(without_pii(delivery.event)) + "\n")
            sys.stdout.flush()
        except OSError as error:
            delivery.done(error)
        else:
            delivery.done(None)


def without_pii(event: RelayedEvent) -> dict[str, Any]:
    """Return the fields of an event that hold no personal data."""
    attempt = event.data.get("exam_attempt")
    return {
        "event": event.metadata.event_type,
        "id": str(event.metadata.id),
        "time": event.metadata.time.isoformat(),
        "course": event.key,
        "usage_key": str(attempt.usage_key) if attempt else None,
        "lms_user_id": attempt.student_user.id if attempt else None,
    }
