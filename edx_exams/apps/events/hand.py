"""What a relay is at work on."""

import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, KeysView

from edx_exams.apps.events.models import OutboxEvent


class Hand:
    """
    Events taken from the outbox, by course and in order. Of each course the first is under way, or next to go.

    A failure empties a course's place: its events are asked for anew when the outbox says that they are due.
    """

    def __init__(self) -> None:
        self._courses: dict[str, deque[OutboxEvent]] = {}
        #: When the event under way left, by course; monotonic seconds.
        self._left: dict[str, float] = {}
        #: Courses of which the outbox may owe more than was taken.
        self._cut: set[str] = set()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def courses(self) -> KeysView[str]:
        """Keys of the courses in hand."""
        return self._courses.keys()

    @property
    def under_way(self) -> int:
        """Events of which the bus has not said yet whether it has them."""
        return len(self._left)

    def take(self, rows: Iterable[OutboxEvent], *, cut: Collection[str]) -> None:
        """
        Add events of courses that are not in hand.

        :param rows: of each course in order
        :param cut: keys of the courses that may owe more
        """
        for row in rows:
            self._courses.setdefault(row.key, deque()).append(row)
            self._size += 1
        self._cut.update(cut)

    def next_to_send(self) -> Iterator[OutboxEvent]:
        """The first event of each course that has none under way."""
        for key in [key for key in self._courses if key not in self._left]:
            yield self._courses[key][0]

    def sent(self, row: OutboxEvent) -> None:
        """This one is under way."""
        self._left[row.key] = time.monotonic()

    def longest_under_way(self) -> float:
        """For how many seconds the slowest of those under way has been so."""
        return time.monotonic() - min(self._left.values(), default=time.monotonic())

    def settle(self, row: OutboxEvent) -> bool:
        """
        The event is done with, and the next of its course may go.

        :returns: whether that was the last of the course in hand, and the outbox may owe more of it
        """
        del self._left[row.key]
        course = self._courses[row.key]
        course.popleft()
        self._size -= 1
        return not course and self._let_go(row.key)

    def put_down(self, key: str) -> None:
        """Nothing more of this course for now."""
        del self._left[key]
        self._let_go(key)

    def _let_go(self, key: str) -> bool:
        self._size -= len(self._courses.pop(key))
        was_cut = key in self._cut
        self._cut.discard(key)
        return was_cut
