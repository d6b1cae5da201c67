# SPDX-License-Identifier: AGPL-3.0-only
"""
The lease: one relay at a time sends, and a standby one takes over when it dies.

Expiry is judged by the database's clock alone, so the clocks of the relays' hosts don't matter. The holder measures its
lease by its own monotonic clock too, and stops sending a margin before the database would let another begin.
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
from django.utils import timezone

from edx_exams.apps.core.database_clock import DatabaseNow
from edx_exams.apps.events.models import RelayLease

log = logging.getLogger(__name__)

#: Seconds after its last renewal at which a lease is free for another.
LEASE_SECONDS: Final = 6.0
#: Seconds after which the holder renews it.
RENEW_SECONDS: Final = 2.0
#: Seconds between two tries of a standby relay. A dead holder is replaced after at most this and `LEASE_SECONDS`.
STANDBY_SECONDS: Final = 1.0
#: Seconds before the lease's end from which the holder sends nothing more.
SAFETY_MARGIN: Final = 1.0

#: Name of the relay's lease.
OUTBOX: Final = "outbox"


class LeaseLost(Exception):
    """Another relay has taken over the lease, and sends what is pending."""


class Lease:
    """
    The right to send what is pending. Its `term` is the fencing token: every write of the relay is conditional on it.

    :param name: of the lease: the outbox, or the topic and group of a consumer
    """

    def __init__(self, name: str = OUTBOX) -> None:
        self._name = name
        self._holder = f"{socket.gethostname()}:{os.getpid()}"
        #: 0 while the lease is not held; the first term is 1.
        self._term = 0
        self._renew_at = 0.0
        self._send_until = 0.0

    @property
    def held(self) -> bool:
        """True if this relay had the lease when it last asked."""
        return self._term != 0

    @property
    def may_send(self) -> bool:
        """True while no other relay can have begun to send. May be read from any thread."""
        return time.monotonic() < self._send_until

    @property
    def renewal_due_in(self) -> float:
        """Seconds until the lease is to be renewed; 0 if it should have been."""
        return max(0.0, self._renew_at - time.monotonic())

    def acquire(self) -> bool:
        """Take the lease if nobody has it. Returns True if this relay holds it now."""
        asked = time.monotonic()
        RelayLease.objects.get_or_create(name=self._name)
        with transaction.atomic():
            free = RelayLease.objects.filter(Q(expires=None) | Q(expires__lt=DatabaseNow()), name=self._name)
            if not free.update(term=F("term") + 1, holder=self._holder, expires=_end()):
                return False
            self._term = RelayLease.objects.values_list("term", flat=True).get(name=self._name)
        self._count_from(asked)
        log.info("This process is the active one: it has the lease %s, term %d", self._name, self._term)
        return True

    def renew(self) -> None:
        """
        Extend the lease. An expired one is renewed if no other relay took it, as its term shows.

        :raises LeaseLost: another relay holds it
        """
        asked = time.monotonic()
        if not self._ours().update(expires=_end()):
            self.forget()
            raise LeaseLost
        self._count_from(asked)

    def release(self) -> None:
        """Give the lease up, so that another relay can take it at once."""
        if self.held:
            self._ours().update(holder="", expires=None)
            self.forget()

    def forget(self) -> None:
        """Stop holding the lease, without asking the database."""
        self._term = 0
        self._send_until = 0.0

    def condition(self) -> Exists:
        """
        Return the condition of each write of the relay: no other relay has taken over.

        It is part of the UPDATE, so that no lock is held between two statements, where a paused client would block the
        standby for ever. At READ COMMITTED an UPDATE that began before a take-over may end after it. That is harmless:
        the result that it records is still true, and published events are not changed.
        """
        return Exists(self._ours())

    def _ours(self) -> QuerySet[RelayLease]:
        return RelayLease.objects.filter(name=self._name, term=self._term)

    def _count_from(self, asked: float) -> None:
        self._renew_at = asked + RENEW_SECONDS
        self._send_until = asked + LEASE_SECONDS - SAFETY_MARGIN


def _end() -> CombinedExpression:
    return DatabaseNow() + timedelta(seconds=LEASE_SECONDS)


def lease_seconds(name: str = OUTBOX) -> float:
    """Return for how many seconds a relay still holds the lease, by this host's clock; 0 if none does."""
    expires = RelayLease.objects.filter(name=name).values_list("expires", flat=True).first()
    return max(0.0, (expires - timezone.now()).total_seconds()) if expires else 0.0
