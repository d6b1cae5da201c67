# SPDX-License-Identifier: AGPL-3.0-only
"""Numbers for Prometheus that core counts, and those that apps read from the database when they are asked for."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from prometheus_client import Counter

from edx_exams.apps.core import clock
from edx_exams.apps.core.models import ExamAttempt

#: Seconds for which an attempt may be over before the sweep is late.
SWEEP_IS_LATE_AFTER: Final = 60

_transitions: Final = Counter(
    "edx_exams_attempt_transitions", "Transitions of attempts, by the new status.", ["status"]
)
lock_waits: Final = Counter(
    "edx_exams_lock_waits", "Transactions that were run again after a deadlock or lock time-out."
)


class Gauge(NamedTuple):
    """A number that is read when it is asked for; `read` makes one statement at most, and gives None for unknown."""

    name: str
    help: str
    read: Callable[[], float | None]


_gauges: Final[dict[str, Gauge]] = {}


def register_gauge(name: str, help: str, read: Callable[[], float | None]) -> None:  # noqa: A002  (Prometheus' name)
    """Add a gauge to `/metrics`."""
    _gauges[name] = Gauge(name, help, read)


def gauges() -> Iterator[Gauge]:
    """Yield all registered gauges."""
    yield from _gauges.values()


def count_transition(status: str) -> None:
    """Count a transition once it is committed."""
    if settings.METRICS_ENABLED:
        transaction.on_commit(partial(_transitions.labels(str(status)).inc, 1))


def attempts_left_over() -> float:
    """Return how many attempts ought to have been submitted by the sweep a minute ago. One statement."""
    now = timezone.now() - timedelta(seconds=SWEEP_IS_LATE_AFTER)
    return ExamAttempt.objects.filter(clock.may_have_run_out(now)).exclude(start_time=None).count()
