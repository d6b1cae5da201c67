# SPDX-License-Identifier: AGPL-3.0-only
"""
The sweep of many at once: ``python -m benchmarks.sweep [--running 100000] [--over 10000] [--sweeps 1 2]``.

A MariaDB with learners who sit an exam each, some of whom have run out of time, and as many processes of
``manage.py submit_timed_out_attempts`` as the table has sweeps. Prints as CSV: sweeps, seconds from the start of the
first process to the end of the last, attempts that each submitted, attempts and events as they are stored, peak memory
of the larger process.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import django
from django.db.backends.base.base import BaseDatabaseWrapper

from benchmarks import seed
from benchmarks.database import migrated_mariadb
from tests.services.databases import ROOT, Database

_SUBMITTED: Final = re.compile(r"Timed out attempts submitted: ([\d,]+)")
_KILOBYTES: Final = 1024


def begin(connection: BaseDatabaseWrapper, over: int) -> None:
    """Let every learner be in the exam for ten minutes of sixty, and some for two hours."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_outboxevent")
        cursor.execute(
            "UPDATE exams_examattempt SET status = 'started', end_time = NULL,"
            " start_time = UTC_TIMESTAMP(6) - INTERVAL 10 MINUTE"
        )
        # Not the first ones, but some of all over the table.
        cursor.execute(
            "UPDATE exams_examattempt SET start_time = start_time - INTERVAL 2 HOUR ORDER BY CRC32(id) LIMIT %s", [over]
        )
        cursor.execute("ANALYZE TABLE exams_examattempt")


def sweep(database: Database, directory: Path, number: int) -> list[Any]:
    """Run sweeps at the same time, and return a line of the table."""
    began = time.perf_counter()
    logs = [directory / f"sweep-{number}-{one}.log" for one in range(number)]
    processes = []
    for log in logs:
        with log.open("wb") as file:
            command = [sys.executable, "manage.py", "submit_timed_out_attempts"]
            environment = database.process_environment
            processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file))
    peaks = []
    for process in processes:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        peaks.append(used.ru_maxrss / _KILOBYTES)
    seconds = time.perf_counter() - began
    said = [log.read_text() for log in logs]
    if any(process.returncode for process in processes):
        raise RuntimeError(f"A sweep failed: {said}")
    shares = [int(found[1].replace(",", "")) if (found := _SUBMITTED.search(text)) else 0 for text in said]
    with database.connected() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM exams_examattempt WHERE status = 'submitted'")
        submitted = cursor.fetchone()[0]
        cursor.execute("SELECT COUNT(DISTINCT event_id) FROM events_outboxevent")
        events = cursor.fetchone()[0]
    return [number, f"{seconds:.1f}", " and ".join(f"{share:,}" for share in shares), submitted, events,
            f"{max(peaks):.0f}"]  # fmt: skip


def main() -> None:
    """Measure, and print the table as CSV."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sweep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--running", type=int, default=100_000, help="attempts in progress")
    parser.add_argument("--over", type=int, default=10_000, help="of them, how many are out of time")
    parser.add_argument("--sweeps", type=int, nargs="+", default=[1, 2], help="at once; a line for each number")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    table = csv.writer(sys.stdout)
    table.writerow(["sweeps", "seconds", "each submitted", "attempts submitted", "events owed", "MB"])
    with migrated_mariadb() as (database, directory):
        with database.connected() as connection:
            seed.fill(connection, seed.Size(attempts=given.running, large_exam=given.running, people=given.running))
        for number in given.sweeps:
            with database.connected() as connection:
                begin(connection, given.over)
            table.writerow(sweep(database, directory, number))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
