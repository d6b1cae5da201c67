# SPDX-License-Identifier: AGPL-3.0-only
"""Faults that a client of Kafka reports while it works, beside the errors of single messages."""

import logging
import time
from typing import Final

from confluent_kafka import KafkaError

from edx_exams.apps.events.fault_log import FaultLog
from edx_exams.apps.events.faults import Fault, kafka_fault

#: Seconds for which a fault explains a time-out.
_EXPLAINS_SECONDS: Final = 60.0


class KafkaFaults:
    """
    Logs each fault once a minute, and remembers the last one: a message that fails then says only that it timed out.

    :param logger: receives the lines
    """

    def __init__(self, logger: logging.Logger) -> None:
        self._log = FaultLog(logger)
        #: The last fault, and when it was reported (monotonic seconds).
        self._last: tuple[Fault, float] | None = None

    @property
    def recent(self) -> Fault | None:
        """The last fault, for a minute."""
        if self._last is None or time.monotonic() - self._last[1] > _EXPLAINS_SECONDS:
            return None
        return self._last[0]

    def note(self, error: KafkaError) -> None:
        """Log and remember the fault behind an error, if it is a known one. Serves as the client's `error_cb`."""
        fault = kafka_fault(error)
        if fault is None:
            return
        # The client reports a broker that refuses it as down as well. That line would mislead the operator.
        if fault is Fault.KAFKA_UNREACHABLE and self.recent not in (None, fault):
            return
        self._last = fault, time.monotonic()
        self._log.report(fault)

    def note_fatal(self) -> None:
        """Log that the client cannot go on and is replaced."""
        self._log.report("Kafka's client reported a fatal error; connecting again")
