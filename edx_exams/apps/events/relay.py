"""
The relay: sends what the outbox owes, and marks as published what the event bus has acknowledged.

Of each course one event is under way at a time, and the next leaves only after the outbox knows of the one before. This
keeps a course's order through every failure, and at worst sends one event of a course twice. Many courses are under way
at once: that is where the throughput comes from.
"""

import logging
import queue
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from edx_exams.apps.core.exceptions import DatabaseBusy
from edx_exams.apps.events import outbox
from edx_exams.apps.events.hand import Hand
from edx_exams.apps.events.lease import LEASE_SECONDS, SPARE_SECONDS, Lease, LeaseLost
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from edx_exams.apps.events.publishers.base import Delivery, Publisher
from edx_exams.apps.events.restore import Unsendable, restored

log = logging.getLogger(__name__)

#: Events in hand at most.
BATCH: Final = 500
#: Events of one course in hand at most, so that no course fills the hand.
SHARE: Final = 20
#: Seconds between two looks for courses that owe something.
INTERVAL: Final = 0.5

#: Seconds until an event that could not be sent is tried again, doubled with each try up to the longest.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
#: Seconds between two looks for people whose LMS user id has become known, in courses where nothing else happens.
_WAITING_SECONDS: Final = 5.0
#: Seconds between two purges, where one found nothing more to do.
_PURGE_SECONDS: Final = 3600.0
#: Seconds that an ending relay waits for the acknowledgement of what is under way.
_FAREWELL_SECONDS: Final = 5.0
#: Seconds without an acknowledgement, good or bad, after which the publisher is broken: it promises one long before.
_STUCK_SECONDS: Final = 120.0
#: Seconds until a database that is away is asked again.
_DATABASE_PAUSE: Final = 1.0
#: Characters of an error that are kept.
_ERROR_LENGTH: Final = 1000

_AWAY: Final = (DatabaseError, InterfaceError, DatabaseBusy)


class PublisherStuck(Exception):
    """The publisher has owed an acknowledgement for so long that only a new process helps."""


@dataclass(frozen=True)
class Outcome:
    """What became of one try: published if there is no error."""

    row: OutboxEvent
    error: Exception | None


class Fate(NamedTuple):
    """What the outbox is to be told of an event."""

    state: OutboxState
    error: str = ""
    #: Seconds until it is tried again.
    pause: float = 0.0


class Relay:
    """
    One relay process, spare or active.

    :param batch: events in hand at most
    :param interval: seconds between two looks for courses that owe something
    """

    def __init__(self, publisher: Publisher, *, batch: int = BATCH, interval: float = INTERVAL) -> None:
        self._publisher = publisher
        self._batch = batch
        self._interval = interval
        self._lease = Lease()
        self._stopping = False
        #: When things are due; monotonic seconds.
        self._poll_at = self._waiting_at = self._purge_at = 0.0
        #: Events by the state that they got; those to be tried again count as pending.
        self.counts: Counter[OutboxState] = Counter()
        self._start_afresh()

    def _start_afresh(self) -> None:
        """Nothing in hand. Acknowledgements of what was go to a queue that nobody reads any more."""
        self._hand = Hand()
        #: What the publisher says, from its own threads; None only wakes the relay.
        self._outcomes: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
        #: Events whose fate the outbox does not know of yet.
        self._unsettled: defaultdict[Fate, list[OutboxEvent]] = defaultdict(list)

    # ---- Its life

    def stop(self) -> None:
        """End soon, after what is under way. May be called by a signal's handler."""
        self._stopping = True
        self._outcomes.put(None)

    def run(self) -> None:
        """
        Relay until `stop`. A database that is away is waited for, and so is the lease while another relay has it.

        :raises PublisherStuck: only a new process helps
        """
        while not self._stopping:
            try:
                self._turn()
            except _AWAY as error:
                self._wait_for_database(error)
        self._say_farewell()

    def run_once(self) -> bool:
        """
        Send what is due, and end.

        :returns: False if another relay had the lease all the time, and sends it
        :raises DatabaseError: the database is away
        """
        patience = time.monotonic() + LEASE_SECONDS + 2 * SPARE_SECONDS
        self._poll_at = 0.0
        while not self._stopping and (self._lease.held or time.monotonic() < patience):
            self._turn()
            if self._lease.held and self._poll_at and not self._hand:
                break
        had_lease = self._lease.held
        self._say_farewell()
        return had_lease

    def _turn(self) -> None:
        """One round of an active relay: hear, note, send. A spare asks whether it is needed, and waits."""
        if not self._lease.held and not self._lease.acquire():
            self._listen(SPARE_SECONDS)
            return
        try:
            if not self._lease.renewal_due_in:
                self._lease.renew()
            self._listen(self._seconds_to_spare())
            self._settle()
            self._keep_house()
            self._take()
            self._send()
        except LeaseLost:
            self._yield()

    def _yield(self) -> None:
        log.warning("Another relay has taken over; what was in hand is its business now")
        self._publisher.discard()
        self._start_afresh()

    def _wait_for_database(self, error: Exception) -> None:
        """What was acknowledged meanwhile is kept, and noted when the database is back: if the lease is still ours."""
        log.warning("The database failed (%s), trying again", type(error).__name__)
        connection.close()
        time.sleep(_DATABASE_PAUSE)

    def _say_farewell(self) -> None:
        """Wait a while for what is under way, note it, and let a spare begin."""
        deadline = time.monotonic() + _FAREWELL_SECONDS
        try:
            while self._lease.held and self._hand.under_way and time.monotonic() < deadline:
                self._listen(deadline - time.monotonic())
                self._settle()
            self._publisher.discard()
            self._lease.release()
        except (*_AWAY, LeaseLost) as error:
            log.warning("Ended without the database (%s): what was under way may be sent again", type(error).__name__)

    # ---- Its rounds

    def _seconds_to_spare(self) -> float:
        """For how long there is nothing to do unless the publisher says something."""
        if self._unsettled:
            return 0.0
        if self._has_room:
            return min(self._lease.renewal_due_in, max(0.0, self._poll_at - time.monotonic()))
        return self._lease.renewal_due_in

    @property
    def _has_room(self) -> bool:
        """Whether taking more is worth a look: it is for many events or for none."""
        return len(self._hand) * 2 <= self._batch

    def _listen(self, seconds: float) -> None:
        """Hear what the publisher has to say: wait for the first, and take what else is there."""
        if self._hand.longest_under_way() > _STUCK_SECONDS:
            message = f"The publisher has not said for {_STUCK_SECONDS:.0f} s what became of an event."
            raise PublisherStuck(message)
        try:
            heard = self._outcomes.get(timeout=seconds) if seconds > 0 else self._outcomes.get_nowait()
            while True:
                if heard is not None:
                    self._unsettled[_fate(heard)].append(heard.row)
                heard = self._outcomes.get_nowait()
        except queue.Empty:
            return

    def _settle(self) -> None:
        """
        Note in the outbox what became of events, those of one fate in one statement; then their courses may go on.

        :raises LeaseLost: another relay has taken over, and nothing was noted
        """
        for fate in list(self._unsettled):
            rows = self._unsettled[fate]
            self._note(fate, [row.pk for row in rows])
            del self._unsettled[fate]
            self.counts[fate.state] += len(rows)
            for row in rows:
                if fate.state is OutboxState.pending:
                    self._hand.put_down(row.key)
                elif self._hand.settle(row):
                    self._poll_at = 0.0

    def _note(self, fate: Fate, ids: list[int]) -> None:
        condition = self._lease.condition()
        if fate.state is OutboxState.published:
            noted = outbox.mark_published(ids, condition=condition)
        elif fate.state is OutboxState.failed:
            log.error("%d events can never be sent (rows %s): %s", len(ids), ids, fate.error)
            noted = outbox.mark_failed(ids, error=fate.error, condition=condition)
        else:
            log.warning("%d events could not be sent, trying again in %g s: %s", len(ids), fate.pause, fate.error)
            noted = outbox.put_off(ids, seconds=fate.pause, error=fate.error, condition=condition)
        if noted < len(ids):
            self._lease.renew()  # raises if that is why; else an operator was faster

    def _keep_house(self) -> None:
        """Look for people who have become known, and purge what was published long ago."""
        now = time.monotonic()
        if now >= self._waiting_at:
            self._waiting_at = now + _WAITING_SECONDS
            if outbox.release_waiting():
                self._poll_at = 0.0
        if now >= self._purge_at:
            more = outbox.purge_published(older_than=timedelta(days=settings.EVENT_OUTBOX_RETENTION_DAYS))
            self._purge_at = now + (self._interval if more else _PURGE_SECONDS)

    def _take(self) -> None:
        """Take events of courses that owe some and are not in hand."""
        if not self._has_room or time.monotonic() < self._poll_at:
            return
        room = self._batch - len(self._hand)
        courses = outbox.due_courses(at_most=room, besides=self._hand.courses)
        if courses and outbox.release_waiting(courses.keys()):
            return  # what waited comes first: look again
        if len(courses) < room:
            self._poll_at = time.monotonic() + self._interval
        if courses:
            taken = outbox.next_events(courses, at_most=room, share=SHARE)
            self._hand.take(taken.events, cut=taken.cut)

    def _send(self) -> None:
        """Send the first event of each course that has none under way."""
        for row in self._hand.next_to_send():
            if not self._lease.may_send:
                return
            self._hand.sent(row)
            self._publish(row)

    def _publish(self, row: OutboxEvent) -> None:
        outcomes = self._outcomes
        try:
            event = restored(row)
        except Unsendable as error:
            outcomes.put(Outcome(row, error))
            return
        self._publisher.publish(
            Delivery(
                event=event,
                done=lambda error: outcomes.put(Outcome(row, error)),
                still_ours=lambda: self._lease.may_send and outcomes is self._outcomes,
            )
        )


def _fate(outcome: Outcome) -> Fate:
    """What an outcome means for its event."""
    if outcome.error is None:
        return Fate(OutboxState.published)
    error = str(outcome.error)[:_ERROR_LENGTH]
    if isinstance(outcome.error, Unsendable):
        return Fate(OutboxState.failed, error)
    return Fate(OutboxState.pending, error, pause_after(outcome.row.attempts))


def pause_after(failures: int) -> float:
    """
    Seconds until the next try.

    :param failures: those before the one that has just happened
    """
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(1 << min(failures, 16)))
