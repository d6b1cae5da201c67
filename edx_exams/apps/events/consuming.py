# SPDX-License-Identifier: AGPL-3.0-only
"""The rules that the consumers of both buses share: when a message is done, and what is retried for how long."""

import logging
from collections.abc import Iterator
from typing import Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from edx_django_utils.cache import RequestCache

from edx_exams.apps.events.failed_events import dead_letter
from edx_exams.apps.events.fault_log import FaultLog
from edx_exams.apps.events.incoming import Incoming, PermanentError, RetryableError, handle
from edx_exams.apps.events.privacy import describe
from edx_exams.apps.events.registry import BoundedRegistryClient

log = logging.getLogger(__name__)

#: Seconds before a message is tried for the second time, doubled for each further one up to the longest.
FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0


class ConsumerFailed(Exception):
    """The consumer cannot go on. The text says why."""


class Failures:
    """
    Counts failures in a row, and logs each kind once a minute.

    :param topic: without the environment's prefix
    :param limit: name of the setting with the number of failures in a row after which the consumer ends, if it is set
    """

    def __init__(self, topic: str, limit: str) -> None:
        self._topic = topic
        self._limit = getattr(settings, limit, None)
        self._in_a_row = 0
        self._faults = FaultLog(log)

    def add(self, fault: str, detail: str = "") -> None:
        """
        Log a retryable failure.

        :param detail: what changes from one repetition to the next
        :raises ConsumerFailed: the limit is reached
        """
        self._faults.report(f"Consumer of {self._topic}: {fault}", detail=f" ({detail})" if detail else "")
        self._in_a_row += 1
        if self._limit and self._in_a_row >= self._limit:
            message = f"{self._limit} errors in a row, the last: {fault}"
            raise ConsumerFailed(message)

    def reset(self) -> None:
        """Begin to count anew, after a success."""
        self._in_a_row = 0


def process(incoming: Incoming, registry: BoundedRegistryClient | None) -> None:
    """
    Handle a message, or store it as a failed event.

    :raises RetryableError: neither is possible now
    """
    try:
        close_old_connections()
        RequestCache.clear_all_namespaces()
        try:
            handle(incoming, registry)
        except PermanentError as error:
            dead_letter(incoming, error)
    except (DatabaseError, InterfaceError) as error:
        message = f"the database is unavailable ({describe(error)})"
        raise RetryableError(message) from error


def pauses() -> Iterator[float]:
    """Yield the seconds to wait after the first, second, … failure."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_PAUSE)
