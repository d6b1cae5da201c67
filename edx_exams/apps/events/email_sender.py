# SPDX-License-Identifier: AGPL-3.0-only
"""
The sender of owed e-mails: threads of the relay's process, active while the relay holds the lease.

One thread reads the e-mails that are due. `EMAIL_SENDER_THREADS` others send them, each over a connection of its own.
An e-mail is marked as sent at once when the mail server has accepted it: a process that is killed in between leaves at
most one e-mail for each connection that is sent twice, with the same Message-ID.
"""

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection

from edx_exams.apps.core import owed_emails
from edx_exams.apps.core.emails import compose
from edx_exams.apps.core.models import ExamAttempt, OwedEmail, OwedEmailState
from edx_exams.apps.events.fault_log import FaultLog
from edx_exams.apps.events.lease import Lease
from edx_exams.apps.events.mail_server import EmailNotSent, EmailRefused, MailServer, MailServerUnavailable
from edx_exams.apps.events.privacy import describe

log = logging.getLogger(__name__)

#: E-mails for each connection that are read from the table at once.
_READ_AHEAD: Final = 25
#: Seconds between two looks for e-mails that are due; and while there are more than were read.
_INTERVAL: Final = 1.0
_BUSY_INTERVAL: Final = 0.1
#: Seconds for which nothing is sent after the mail server could not be reached.
_UNAVAILABLE_PAUSE: Final = 4.0
#: Seconds between two purges, where one found nothing more to do.
_PURGE_SECONDS: Final = 3600.0
#: Seconds until a database that is unavailable is asked again.
_DATABASE_PAUSE: Final = 1.0
#: Rows that are put off at once.
_CHUNK: Final = 500

_DATABASE_ERRORS: Final = (DatabaseError, InterfaceError)


class EmailSender:
    """
    Sends what is due: in threads of its own (`start`, `stop`), or in the caller's (`send_due`).

    :param lease: the relay's. Without it nothing is sent, and no result is recorded
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._queue: queue.SimpleQueue[OwedEmail | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        #: Ids of e-mails that are in the queue or being sent.
        self._in_flight: set[int] = set()
        #: The error of a mail server that could not be reached, until the e-mails that are due are put off.
        self._unavailable = ""
        self._paused_until = self._purge_at = 0.0
        self._faults = FaultLog(log)

    # ---- Life cycle

    def start(self) -> None:
        """Start the threads."""
        targets: list[Callable[[], None]] = [self._read_until_stopped]
        targets += [self._send_until_stopped] * settings.EMAIL_SENDER_THREADS
        self._threads = [threading.Thread(target=target, name="email-sender", daemon=True) for target in targets]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End soon, after the e-mails that are being sent. May be called by a signal handler."""
        self._stopping.set()

    @property
    def is_running(self) -> bool:
        """True while a thread is working."""
        return any(thread.is_alive() for thread in self._threads)

    def send_due(self) -> Counter[OwedEmailState]:
        """
        Send what is due, one e-mail after the other in this thread.

        :returns: numbers by the state that they got; those to be tried again are pending
        :raises DatabaseError: the database is unavailable
        :raises LeaseLost: another relay has taken over
        """
        counts: Counter[OwedEmailState] = Counter()
        tried: set[int] = set()
        server = MailServer()
        try:
            while not self._stopping.is_set():
                emails = owed_emails.due_emails(at_most=_READ_AHEAD, excluding=tried)
                for email in emails:
                    if not self._lease.renewal_due_in:
                        self._lease.renew()
                    tried.add(email.pk)
                    counts[self._deliver(email, server)] += 1
                if not emails or self._unavailable:
                    break
            self._reschedule_due()
        finally:
            server.close()
        return counts

    # ---- Reading

    def _read_until_stopped(self) -> None:
        pause = 0.0
        while not self._stopping.wait(pause):
            close_old_connections()
            try:
                pause = self._read()
            except _DATABASE_ERRORS as error:
                self._faults.report(f"Database unavailable ({describe(error)}); e-mails are sent when it is back")
                connection.close()
                pause = _DATABASE_PAUSE
        for _ in self._threads:
            self._queue.put(None)
        connection.close()

    def _read(self) -> float:
        """
        Read e-mails that are due into the queue.

        :returns: seconds until the next look
        """
        if not self._lease.may_send:
            return _INTERVAL
        self._reschedule_due()
        self._purge()
        if time.monotonic() < self._paused_until:
            return _INTERVAL
        with self._lock:
            in_flight = set(self._in_flight)
        room = settings.EMAIL_SENDER_THREADS * _READ_AHEAD - len(in_flight)
        if room < _READ_AHEAD:
            return _BUSY_INTERVAL
        emails = owed_emails.due_emails(at_most=room, excluding=in_flight)
        with self._lock:
            self._in_flight.update(email.pk for email in emails)
        for email in emails:
            self._queue.put(email)
        return _BUSY_INTERVAL if len(emails) == room else _INTERVAL

    def _reschedule_due(self) -> None:
        """Schedule all e-mails that are due for later if the mail server could not be reached."""
        if not self._unavailable:
            return
        error, self._unavailable = self._unavailable, ""
        rescheduled = failed = 0
        while self._lease.may_send:
            emails = owed_emails.due_emails(at_most=_CHUNK, excluding=self._in_flight)
            retries = owed_emails.schedule_retry(emails, error, condition=self._lease.condition())
            rescheduled, failed = rescheduled + retries.rescheduled, failed + retries.failed
            if not any(retries):
                break
        self._faults.report(
            f"Mail server unavailable ({error}): see EMAIL_HOST and EMAIL_HOST_USER.",
            detail=f" {rescheduled} e-mails are tried again later, {failed} have failed",
        )

    def _purge(self) -> None:
        if time.monotonic() >= self._purge_at:
            more = owed_emails.purge_finished(older_than=timedelta(days=settings.EVENT_OUTBOX_RETENTION_DAYS))
            self._purge_at = time.monotonic() + (_INTERVAL if more else _PURGE_SECONDS)

    # ---- Sending

    def _send_until_stopped(self) -> None:
        server = MailServer()
        while True:
            try:
                email = self._queue.get(timeout=_INTERVAL)
            except queue.Empty:
                server.close_if_idle()
                continue
            if email is None or self._stopping.is_set():
                break
            try:
                close_old_connections()
                if time.monotonic() >= self._paused_until:
                    self._deliver(email, server)
            except _DATABASE_ERRORS as error:
                self._faults.report(f"Database unavailable ({describe(error)}); e-mails are sent when it is back")
                connection.close()
                self._stopping.wait(_DATABASE_PAUSE)
            finally:
                with self._lock:
                    self._in_flight.discard(email.pk)
        server.close()
        connection.close()

    def _deliver(self, email: OwedEmail, server: MailServer) -> OwedEmailState:
        """
        Send an e-mail and record the result.

        :returns: its state; pending if it is to be tried again
        :raises DatabaseError: the database is unavailable, and nothing was sent
        """
        if not OwedEmail.objects.filter(pk=email.pk, state=OwedEmailState.pending).exists():
            return OwedEmailState.cancelled  # it was finished after it had been read
        attempt = ExamAttempt.objects.select_related("user", "exam").filter(pk=email.attempt_id).first()
        if attempt is None or not attempt.user.is_active or not attempt.user.email:
            reason = "attempt deleted" if attempt is None else "no address" if attempt.user.is_active else "retired"
            owed_emails.mark_cancelled(email, reason, condition=self._lease.condition())
            return OwedEmailState.cancelled
        try:
            self._send(email, attempt, server)
        except EmailRefused as error:
            log.error("Mail server refused the %s for good (%s)", email, error)
            self._record(email, partial(owed_emails.mark_failed, email, str(error)))
            return OwedEmailState.failed
        except MailServerUnavailable as error:
            self._paused_until = time.monotonic() + _UNAVAILABLE_PAUSE
            self._unavailable = str(error)
            return OwedEmailState.pending
        except EmailNotSent as error:
            self._faults.report(f"E-mails not sent, trying again later ({error})", detail=f", last the {email}")
            self._record(email, partial(owed_emails.schedule_retry, [email], str(error)))
            return OwedEmailState.pending
        self._record(email, partial(owed_emails.mark_sent, email))
        return OwedEmailState.sent

    def _send(self, email: OwedEmail, attempt: ExamAttempt, server: MailServer) -> None:
        """
        Compose an e-mail and send it.

        :raises EmailNotSent: it was not accepted
        """
        try:
            message = compose(attempt, email.kind, message_id=_message_id(email))
        except _DATABASE_ERRORS:
            raise
        except Exception as error:  # an operator's template
            message_about_template = f"template: {describe(error)}"
            raise EmailNotSent(message_about_template) from error
        if not self._lease.may_send:
            message_about_lease = "the lease expired"
            raise EmailNotSent(message_about_lease)
        server.send(message)

    def _record(self, email: OwedEmail, write: Callable[..., object]) -> None:
        """Record a result, as soon as the database is available: one that is not recorded is sent again."""
        while True:
            try:
                write(condition=self._lease.condition())
            except _DATABASE_ERRORS as failure:
                connection.close()
                if self._stopping.wait(_DATABASE_PAUSE):
                    log.warning("Stopped without the database (%s): the %s may be sent again", describe(failure), email)
                    return
            else:
                return


def _message_id(email: OwedEmail) -> str:
    """Return an id that is the same for each try of an e-mail (RFC 5322, section 3.6.4)."""
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip("<> ") or "edx-exams"
    return f"<exam-attempt-{email.attempt_id}.{email.pk}.{email.created:%Y%m%d%H%M%S%f}@{domain}>"
