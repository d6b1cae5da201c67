# SPDX-License-Identifier: AGPL-3.0-only
"""Logs faults that recur many times a second once a minute."""

import logging
import re
import threading
import time
from typing import Final, override

#: Seconds between two lines about the same fault.
_EVERY_SECONDS: Final = 60.0
#: Faults that are remembered; their texts may differ without end.
_REMEMBERED: Final = 100
_DIGITS: Final = re.compile(r"\d+")


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


class OncePerMinute(logging.Filter):
    """Drops a line that differs in numbers alone from one of the last minute, as of a client that reconnects."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._logged_at: dict[str, float] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        line, now = _DIGITS.sub("#", record.getMessage()), time.monotonic()
        with self._lock:
            if now - self._logged_at.get(line, -_EVERY_SECONDS) < _EVERY_SECONDS:
                return False
            if len(self._logged_at) >= _REMEMBERED:
                self._logged_at.clear()
            self._logged_at[line] = now
        return True


def client_logger(name: str) -> logging.Logger:
    """Return a logger for a bus library's client, which passes each kind of line once a minute."""
    logger = logging.getLogger(name)
    if not any(isinstance(present, OncePerMinute) for present in logger.filters):
        logger.addFilter(OncePerMinute())
    return logger
