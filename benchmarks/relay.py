# SPDX-License-Identifier: AGPL-3.0-only
"""
The speed at which a backlog leaves the outbox: ``python -m benchmarks.relay [--courses 500] [--events 20]``.

MariaDB and a Kafka broker (librdkafka's mock cluster) with a schema registry, all on this machine and in their own
threads or processes; one relay in this process. Prints events per second, SQL statements per event, and how much memory
the relay took.
"""

import argparse
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import django

from benchmarks.database import migrated_mariadb
from tests.mockbus import MockBus
from tests.services.databases import SETTINGS_MODULE

_MEGABYTE: Final = 1024  # ru_maxrss is in kilobytes


class Statements:
    """Counts SQL statements by their first word."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        """As Django's `execute_wrapper` wants it."""
        self.counts[sql.partition(" ")[0]] += 1
        return run(sql, *arguments)


def measure(courses: int, events: int, bus: MockBus) -> None:
    """Fill the outbox and empty it."""
    from django.conf import settings
    from django.db import connection

    from edx_exams.apps.events.models import OutboxEvent, OutboxState
    from edx_exams.apps.events.publishers.kafka import KafkaPublisher
    from edx_exams.apps.events.relay import Relay
    from tests.events.owed import unsaved

    for name, value in bus.settings.items():
        setattr(settings, name, value)
    OutboxEvent.objects.bulk_create(unsaved(courses, events), batch_size=500)
    owed = courses * events
    publisher = KafkaPublisher()
    statements = Statements()
    memory = _peak_memory()
    began = time.perf_counter()
    with connection.execute_wrapper(statements):
        Relay(publisher).run_once()
    seconds = time.perf_counter() - began
    publisher.close()
    published = OutboxEvent.objects.filter(state=OutboxState.published).count()
    sys.stdout.write(
        f"{courses} courses x {events} events: {published:,} of {owed:,} published in {seconds:.1f} s, "
        f"{owed / seconds:,.0f} events/s, {statements.counts.total() / owed:.2f} statements/event "
        f"{dict(statements.counts)}, peak memory {memory} MB before and {_peak_memory()} MB after\n"
    )
    OutboxEvent.objects.all().delete()


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // _MEGABYTE


def main() -> None:
    """Start what is needed, measure, and end it again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay", description=__doc__)
    parser.add_argument("--courses", type=int, nargs="+", default=[500, 1], help="one measurement for each number")
    parser.add_argument("--events", type=int, nargs="+", default=[20, 1000], help="events of each course")
    given = parser.parse_args()
    with MockBus() as bus, migrated_mariadb() as (database, _):
        os.environ.update(database.process_environment)
        django.setup()
        for courses, events in zip(given.courses, given.events, strict=True):
            measure(courses, events, bus)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS_MODULE)
    main()
