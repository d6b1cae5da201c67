"""Logs faults that recur many times a second once a minute."""

import logging
import threading
import time
from typing import Final

#: Seconds between two lines about the same fault.
_EVERY_SECONDS: Final = 60.0
#: Faults that are remembered; their texts may differ without end.
_REMEMBERED: Final = 100


class FaultLog:
    """
    Logs a fault at once when it is new, and then once a minute with the number of its repetitions. Thread-safe.

    :param logger: receives the lines
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lock = threading.Lock()
        #: Time of the last line (monotonic seconds) and repetitions since, by fault.
        self._seen: dict[str, tuple[float, int]] = {}

    def report(self, fault: str, *, detail: str = "", level: int = logging.WARNING) -> None:
        """
        Log a fault unless it was logged within the last minute.

        :param fault: one line; the same text is the same fault
        :param detail: appended to the line, and not part of what is compared
        """
        with self._lock:
            now = time.monotonic()
            logged_at, repeated = self._seen.get(fault, (now - _EVERY_SECONDS, 0))
            if now - logged_at < _EVERY_SECONDS:
                self._seen[fault] = (logged_at, repeated + 1)
                return
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            self._seen[fault] = (now, 0)
        repetitions = f" (repeated {repeated} times since last logged)" if repeated else ""
        self._logger.log(level, "%s%s%s", fault, detail, repetitions)
