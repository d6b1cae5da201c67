"""The outbox, as `/health/` tells of it."""

import logging
import time
from datetime import timedelta
from typing import Any, Final

from edx_exams.apps.events.outbox import oldest_unsent

log = logging.getLogger(__name__)

#: From this age on, the oldest event that is owed says that nothing is being sent: the relay, or the bus, is away.
LATE_AFTER: Final = timedelta(minutes=5)
#: Seconds between two lines about it in the log.
_REMINDER_SECONDS: Final = 60.0


class OutboxHealth:
    """Tells how long the oldest event has been owed; an outbox that is late is logged too, once a minute."""

    def __init__(self) -> None:
        self._remind_at = 0.0

    def __call__(self) -> dict[str, Any]:
        """Status `OK` or `LATE`, and seconds; null if nothing is owed. One statement."""
        age = oldest_unsent()
        late = age is not None and age > LATE_AFTER
        if late and time.monotonic() >= self._remind_at:
            self._remind_at = time.monotonic() + _REMINDER_SECONDS
            log.warning("The oldest event in the outbox is owed for %s: is `manage.py relay_events` running?", age)
        return {
            "status": "LATE" if late else "OK",
            "oldest_unsent_seconds": None if age is None else max(0, round(age.total_seconds())),
        }
