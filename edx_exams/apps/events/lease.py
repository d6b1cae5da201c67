"""
The lease: one relay at a time sends, and another takes over when it dies.

Times are compared by the database alone, so the clocks of the relays' hosts don't matter. The holder also keeps count
of its lease by its own monotonic clock, cautiously: it stops sending before the database would let another begin.
"""

import logging
import os
import socket
import time
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, F, Q, QuerySet
from django.db.models.expressions import CombinedExpression

from edx_exams.apps.events.database_clock import DatabaseNow
from edx_exams.apps.events.models import RelayLease

log = logging.getLogger(__name__)

#: Seconds after its last renewal at which a lease is free for another.
LEASE_SECONDS: Final = 6.0
#: Seconds after which the holder renews it.
RENEW_SECONDS: Final = 2.0
#: Seconds between two tries of a spare. A dead holder is replaced after at most this and `LEASE_SECONDS`.
SPARE_SECONDS: Final = 1.0
#: Seconds before the lease's end from which the holder sends nothing more.
CAUTION_SECONDS: Final = 1.0

_OUTBOX: Final = "outbox"


class LeaseLost(Exception):
    """Another relay has taken over. What is in hand is its business now."""


class Lease:
    """The right to send what is in the outbox. Its `term` is the fencing token: each write of the relay names it."""

    def __init__(self) -> None:
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        #: 0 while the lease is not held; the first term is 1.
        self._term = 0
        self._renew_at = 0.0
        self._send_until = 0.0

    @property
    def held(self) -> bool:
        """Whether this relay had the lease when it last asked."""
        return self._term != 0

    @property
    def may_send(self) -> bool:
        """Whether no other relay can have begun to send. May be asked from any thread."""
        return time.monotonic() < self._send_until

    @property
    def renewal_due_in(self) -> float:
        """Seconds until the lease is to be renewed; 0 if it should have been."""
        return max(0.0, self._renew_at - time.monotonic())

    def acquire(self) -> bool:
        """Take the lease if nobody has it. Whether it is ours now."""
        asked = time.monotonic()
        RelayLease.objects.get_or_create(name=_OUTBOX)
        with transaction.atomic():
            free = RelayLease.objects.filter(Q(expires=None) | Q(expires__lt=DatabaseNow()), name=_OUTBOX)
            if not free.update(term=F("term") + 1, holder=self._holder, expires=_end()):
                return False
            self._term = RelayLease.objects.values_list("term", flat=True).get(name=_OUTBOX)
        self._count_from(asked)
        log.info("This relay is the active one, term %d", self._term)
        return True

    def renew(self) -> None:
        """
        Go on holding the lease. One that ran out is still ours if nobody took it: the term says so.

        :raises LeaseLost: another relay holds it
        """
        asked = time.monotonic()
        if not self._ours().update(expires=_end()):
            self.forget()
            raise LeaseLost
        self._count_from(asked)

    def release(self) -> None:
        """Let another have it at once."""
        if self.held:
            self._ours().update(holder="", expires=None)
            self.forget()

    def forget(self) -> None:
        """Hold it no longer, whatever the database says."""
        self._term = 0
        self._send_until = 0.0

    def condition(self) -> Exists:
        """
        What each write of the relay is conditional on: nobody has taken over since.

        Part of the UPDATE itself, so that no lock is held while a client could be paused between two statements: a
        spare would wait for it as for a lease without an end. At READ COMMITTED an UPDATE that began before a take-over
        may end after it. It says what became of an event and is as true as before; a published one it leaves alone.
        """
        return Exists(self._ours())

    def _ours(self) -> QuerySet[RelayLease]:
        return RelayLease.objects.filter(name=_OUTBOX, term=self._term)

    def _count_from(self, asked: float) -> None:
        self._renew_at = asked + RENEW_SECONDS
        self._send_until = asked + LEASE_SECONDS - CAUTION_SECONDS


def _end() -> CombinedExpression:
    return DatabaseNow() + timedelta(seconds=LEASE_SECONDS)
