"""The outbox's detail in `/health/`."""

import logging
import time
from datetime import timedelta
from typing import Any, Final

from edx_exams.apps.events.outbox import oldest_unsent

log = logging.getLogger(__name__)

#: Age of the oldest pending event from which the outbox counts as late: the relay or the bus is not working.
LATE_AFTER: Final = timedelta(minutes=5)
#: Seconds between two log lines about it.
_REMINDER_SECONDS: Final = 60.0


class OutboxHealth:
    """Reports the age of the oldest pending event; logs a late outbox once a minute."""

    def __init__(self) -> None:
        self._remind_at = 0.0

    def __call__(self) -> dict[str, Any]:
        """Return status `OK` or `LATE`, and seconds; null if no event is pending. One statement."""
        age = oldest_unsent()
        late = age is not None and age > LATE_AFTER
        if late and time.monotonic() >= self._remind_at:
            self._remind_at = time.monotonic() + _REMINDER_SECONDS
            log.warning("The oldest pending event in the outbox is %s old: is `manage.py relay_events` running?", age)
        return {
            "status": "LATE" if late else "OK",
            "oldest_unsent_seconds": None if age is None else max(0, round(age.total_seconds())),
        }
