# SPDX-License-Identifier: AGPL-3.0-only
"""The events that a relay has read from the outbox and not finished."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, KeysView

from edx_exams.apps.events.models import OutboxEvent


class InFlightBatch:
    """
    Events read from the outbox, by course and in order. The first of each course is in flight, or the next to be sent.

    A failure removes the course from the batch: its events are read again when the outbox says that they are due.
    """

    def __init__(self) -> None:
        self._courses: dict[str, deque[OutboxEvent]] = {}
        #: When the event in flight was handed to the publisher, by course; monotonic seconds.
        self._sent_at: dict[str, float] = {}
        #: Courses of which the outbox may have more pending events than were read.
        self._truncated: set[str] = set()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def courses(self) -> KeysView[str]:
        """Keys of the courses in the batch."""
        return self._courses.keys()

    @property
    def in_flight(self) -> int:
        """Number of events that were sent and not acknowledged yet."""
        return len(self._sent_at)

    def add(self, rows: Iterable[OutboxEvent], *, truncated_keys: Collection[str]) -> None:
        """
        Add events of courses that are not in the batch.

        :param rows: in order within each course
        :param truncated_keys: keys of the courses that may have more pending events
        """
        for row in rows:
            self._courses.setdefault(row.key, deque()).append(row)
            self._size += 1
        self._truncated.update(truncated_keys)

    def next_to_send(self) -> Iterator[OutboxEvent]:
        """Yield the first event of each course that has none in flight."""
        for key in [key for key in self._courses if key not in self._sent_at]:
            yield self._courses[key][0]

    def mark_sent(self, row: OutboxEvent) -> None:
        """Note that an event is in flight."""
        self._sent_at[row.key] = time.monotonic()

    def longest_in_flight(self) -> float:
        """Return the seconds for which the slowest event has been in flight; 0 if none is."""
        return time.monotonic() - min(self._sent_at.values(), default=time.monotonic())

    def finish(self, row: OutboxEvent) -> bool:
        """
        Remove a finished event, so that the next of its course may be sent.

        :returns: True if it was the last of its course here and the outbox may have more of it
        """
        del self._sent_at[row.key]
        course = self._courses[row.key]
        course.popleft()
        self._size -= 1
        return not course and self._remove(row.key)

    def defer(self, key: str) -> None:
        """Remove a course whose event could not be sent."""
        del self._sent_at[key]
        self._remove(key)

    def _remove(self, key: str) -> bool:
        self._size -= len(self._courses.pop(key))
        was_truncated = key in self._truncated
        self._truncated.discard(key)
        return was_truncated
