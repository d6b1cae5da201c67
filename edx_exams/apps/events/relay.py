# SPDX-License-Identifier: AGPL-3.0-only
"""
The relay: sends the pending events of the outbox, and marks as published those that the event bus has acknowledged.

Of each course one event is in flight at a time, and the next is sent only after the outbox has recorded the one before.
This keeps a course's order through every failure, and sends at worst one event of a course twice. Events of many
courses are in flight at once: the throughput comes from there.
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
from edx_exams.apps.core.models import OwedEmailState
from edx_exams.apps.events import outbox
from edx_exams.apps.events.deserialization import Unsendable, deserialize
from edx_exams.apps.events.email_sender import EmailSender
from edx_exams.apps.events.fault_log import FaultLog
from edx_exams.apps.events.faults import known_fault
from edx_exams.apps.events.in_flight import InFlightBatch
from edx_exams.apps.events.lease import LEASE_SECONDS, STANDBY_SECONDS, Lease, LeaseLost
from edx_exams.apps.events.models import OutboxEvent, OutboxState
from edx_exams.apps.events.publishers.base import Delivery, Publisher

log = logging.getLogger(__name__)

#: Events of one course in a batch at most, so that no course fills it.
MAX_PER_COURSE: Final = 20

#: Seconds until an event that could not be sent is tried again, doubled with each failure up to the longest.
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 60.0
#: Seconds between two looks for people whose LMS user id has become known, in courses where nothing else happens.
_WAITING_SECONDS: Final = 5.0
#: Seconds between two purges, where one found nothing more to do.
_PURGE_SECONDS: Final = 3600.0
#: Seconds that a stopping relay waits for events in flight and e-mails that are being sent.
_DRAIN_SECONDS: Final = 10.0
#: Seconds between two looks whether the e-mails have been sent.
_DRAIN_INTERVAL: Final = 0.2
#: Seconds without an acknowledgement, good or bad, after which the publisher is broken: it promises one long before.
_STUCK_SECONDS: Final = 120.0
#: Seconds until a database that is unavailable is asked again.
_DATABASE_PAUSE: Final = 1.0
#: Characters of an error that are kept.
_ERROR_LENGTH: Final = 1000

_DATABASE_ERRORS: Final = (DatabaseError, InterfaceError, DatabaseBusy)


class PublisherStuck(Exception):
    """The publisher has failed to report on an event for so long that only a new process helps."""


@dataclass(frozen=True)
class DeliveryResult:
    """The result of one delivery: published if there is no error."""

    row: OutboxEvent
    error: Exception | None


class Disposition(NamedTuple):
    """The state that an event gets in the outbox, and why."""

    state: OutboxState
    error: str = ""
    #: Seconds until it is tried again.
    pause: float = 0.0


class Relay:
    """
    One relay process, active or standby.

    It holds the lease for the sender of e-mails too: starts and stops it, and drains both before it releases the lease.

    :param batch: events in a batch at most; None for `EVENT_BUS_RELAY_BATCH_SIZE`
    :param interval: seconds between two looks for courses with pending events; None for `EVENT_BUS_RELAY_INTERVAL`
    """

    def __init__(self, publisher: Publisher, *, batch: int | None = None, interval: float | None = None) -> None:
        self._publisher = publisher
        self._batch_size = settings.EVENT_BUS_RELAY_BATCH_SIZE if batch is None else batch
        self._interval = settings.EVENT_BUS_RELAY_INTERVAL if interval is None else interval
        self._lease = Lease()
        self._emails = EmailSender(self._lease)
        self._faults = FaultLog(log)
        self._stopping = self._on_standby = False
        #: When things are due; monotonic seconds.
        self._poll_at = self._waiting_at = self._purge_at = 0.0
        #: Events by the state that they got; those to be tried again count as pending.
        self.counts: Counter[OutboxState] = Counter()
        #: E-mails likewise, as far as `run_once` has sent them.
        self.email_counts: Counter[OwedEmailState] = Counter()
        self._reset_state()

    def _reset_state(self) -> None:
        """Begin with an empty batch. Acknowledgements of the old one go to a queue that nobody reads any more."""
        self._batch = InFlightBatch()
        #: Results from the publisher's threads; None only wakes the relay.
        self._results: queue.SimpleQueue[DeliveryResult | None] = queue.SimpleQueue()
        #: Events whose result the outbox has not recorded yet.
        self._unrecorded: defaultdict[Disposition, list[OutboxEvent]] = defaultdict(list)

    # ---- Life cycle

    def stop(self) -> None:
        """End soon, after the events in flight. May be called by a signal handler."""
        self._stopping = True
        self._emails.stop()
        self._results.put(None)

    def run(self) -> None:
        """
        Relay until `stop`. Waits while the database is unavailable, and for the lease while another relay has it.

        :raises PublisherStuck: only a new process helps
        """
        self._emails.start()
        try:
            while not self._stopping:
                try:
                    self.run_iteration()
                except _DATABASE_ERRORS as error:
                    self._wait_for_database(error)
        finally:
            self._emails.stop()
        self._drain()

    def run_once(self) -> bool:
        """
        Send what is due, and end.

        :returns: False if another relay had the lease all the time, and sends it
        :raises DatabaseError: the database is unavailable
        """
        give_up_at = time.monotonic() + LEASE_SECONDS + 2 * STANDBY_SECONDS
        self._poll_at = 0.0
        while not self._stopping and (self._lease.held or time.monotonic() < give_up_at):
            self.run_iteration()
            if self._lease.held and self._poll_at and not self._batch:
                break
        had_lease = self._lease.held
        if had_lease:
            self.email_counts = self._emails.send_due()
        self._drain()
        return had_lease

    def run_iteration(self) -> None:
        """Collect results, record them and send more. A standby relay asks for the lease instead, and waits."""
        if not self._lease.held and not self._lease.acquire():
            self._stand_by()
            return
        self._on_standby = False
        try:
            if not self._lease.renewal_due_in:
                self._lease.renew()
            self._collect_results(self._wait_timeout())
            self._record_results()
            self._run_maintenance()
            self._fill_batch()
            self._send()
        except LeaseLost:
            self._abandon_batch()

    def _stand_by(self) -> None:
        """Wait a moment before the lease is asked for again."""
        if not self._on_standby:
            log.info("This relay is on standby: another one is active")
            self._on_standby = True
        self._collect_results(STANDBY_SECONDS)

    def _abandon_batch(self) -> None:
        log.warning("Another relay has taken over the lease; this one discards its batch and is on standby")
        self._publisher.discard()
        self._reset_state()

    def _wait_for_database(self, error: Exception) -> None:
        """Pause. Acknowledgements that come meanwhile are recorded later, if the lease is still held then."""
        log.warning("Database unavailable (%s), trying again in %g s", type(error).__name__, _DATABASE_PAUSE)
        connection.close()
        time.sleep(_DATABASE_PAUSE)

    def _drain(self) -> None:
        """Wait a while for events and e-mails in flight, record their results, and release the lease."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            while self._lease.held and (self._batch.in_flight or self._emails.is_running):
                if (left := deadline - time.monotonic()) <= 0:
                    break
                if not self._lease.renewal_due_in:
                    self._lease.renew()
                self._collect_results(min(left, _DRAIN_INTERVAL))
                self._record_results()
            self._publisher.discard()
            self._lease.release()
        except (*_DATABASE_ERRORS, LeaseLost) as error:
            log.warning("Stopped without the database (%s): events in flight may be sent again", type(error).__name__)

    # ---- One iteration

    def _wait_timeout(self) -> float:
        """Return the seconds for which there is nothing to do unless the publisher reports a result."""
        if self._unrecorded:
            return 0.0
        if self._has_room:
            return min(self._lease.renewal_due_in, max(0.0, self._poll_at - time.monotonic()))
        return self._lease.renewal_due_in

    @property
    def _has_room(self) -> bool:
        """True if the batch is at most half full: one statement reads many events or none."""
        return len(self._batch) * 2 <= self._batch_size

    def _collect_results(self, seconds: float) -> None:
        """Wait for the publisher's first result, and take those that are there with it."""
        if self._batch.longest_in_flight() > _STUCK_SECONDS:
            message = f"The publisher has reported no result for an event for {_STUCK_SECONDS:.0f} s."
            raise PublisherStuck(message)
        try:
            result = self._results.get(timeout=seconds) if seconds > 0 else self._results.get_nowait()
            while True:
                if result is not None:
                    self._unrecorded[_disposition(result)].append(result.row)
                result = self._results.get_nowait()
        except queue.Empty:
            return

    def _record_results(self) -> None:
        """
        Record results in the outbox, one statement for each disposition; then the courses may go on.

        :raises LeaseLost: another relay has taken over, and nothing was recorded
        """
        for disposition in list(self._unrecorded):
            rows = self._unrecorded[disposition]
            self._record(disposition, [row.pk for row in rows])
            del self._unrecorded[disposition]
            self.counts[disposition.state] += len(rows)
            for row in rows:
                if disposition.state is OutboxState.pending:
                    self._batch.defer(row.key)
                elif self._batch.finish(row):
                    self._poll_at = 0.0

    def _record(self, disposition: Disposition, ids: list[int]) -> None:
        condition = self._lease.condition()
        if disposition.state is OutboxState.published:
            recorded = outbox.mark_published(ids, condition=condition)
        elif disposition.state is OutboxState.failed:
            log.error("%d events can never be sent (rows %s): %s", len(ids), ids, disposition.error)
            recorded = outbox.mark_failed(ids, error=disposition.error, condition=condition)
        else:
            cause = known_fault(disposition.error) or disposition.error
            self._faults.report(
                f"Events not sent, trying again later: {cause}",
                detail=f" ({len(ids)} events, in {disposition.pause:g} s)",
            )
            recorded = outbox.schedule_retry(
                ids, seconds=disposition.pause, error=disposition.error, condition=condition
            )  # fmt: skip
        if recorded < len(ids):
            self._lease.renew()  # raises if that is why; else an operator was faster

    def _run_maintenance(self) -> None:
        """Release events whose people have become known, and purge old published ones."""
        now = time.monotonic()
        if now >= self._waiting_at:
            self._waiting_at = now + _WAITING_SECONDS
            if outbox.release_waiting():
                self._poll_at = 0.0
        if now >= self._purge_at:
            more = outbox.purge_published(older_than=timedelta(days=settings.EVENT_OUTBOX_RETENTION_DAYS))
            self._purge_at = now + (self._interval if more else _PURGE_SECONDS)

    def _fill_batch(self) -> None:
        """Read events of courses that have pending ones and are not in the batch."""
        if not self._has_room or time.monotonic() < self._poll_at:
            return
        room = self._batch_size - len(self._batch)
        courses = outbox.due_courses(at_most=room, excluding=self._batch.courses)
        if courses and outbox.release_waiting(courses.keys()):
            return  # what waited comes first: look again
        if len(courses) < room:
            self._poll_at = time.monotonic() + self._interval
        if courses:
            following = outbox.next_events(courses, at_most=room, max_per_course=MAX_PER_COURSE)
            self._batch.add(following.events, truncated_keys=following.truncated_keys)

    def _send(self) -> None:
        """Send the first event of each course that has none in flight."""
        for row in self._batch.next_to_send():
            if not self._lease.may_send:
                return
            self._batch.mark_sent(row)
            self._publish(row)

    def _publish(self, row: OutboxEvent) -> None:
        results = self._results
        try:
            event = deserialize(row)
        except Unsendable as error:
            results.put(DeliveryResult(row, error))
            return
        self._publisher.publish(
            Delivery(
                event=event,
                done=lambda error: results.put(DeliveryResult(row, error)),
                still_ours=lambda: self._lease.may_send and results is self._results,
            )
        )


def _disposition(result: DeliveryResult) -> Disposition:
    """Return the state that a result leads to."""
    if result.error is None:
        return Disposition(OutboxState.published)
    error = str(result.error)[:_ERROR_LENGTH]
    if isinstance(result.error, Unsendable):
        return Disposition(OutboxState.failed, error)
    return Disposition(OutboxState.pending, error, pause_after(result.row.delivery_attempts))


def pause_after(failures: int) -> float:
    """
    Return the seconds until the next try.

    :param failures: those before the one that has just happened
    """
    return min(LONGEST_PAUSE, FIRST_PAUSE * float(1 << min(failures, 16)))
