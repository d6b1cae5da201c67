# SPDX-License-Identifier: AGPL-3.0-only
"""
The plans of the statements that are made most: ``python -m benchmarks.explain [--attempts 200000]``.

A MariaDB with a platform's years in it writes down what a request asks of it; then it is asked how it goes about each
of these statements. Prints as CSV: request, table, how it is read, by which index, rows as estimated, remarks.
"""

import argparse
import csv
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import django
from django.db.backends.base.base import BaseDatabaseWrapper

from benchmarks import seed
from tests.services.courses import STAFF, Attempt, Exam, act, create, latest, look
from tests.services.databases import Database, on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.server import Call, Service
from tests.tokens import Person

#: Rows that may be read or sorted without an index: no more than a page has, whatever the size of the platform.
FEW: Final = 1_000
_LITERALS: Final = re.compile(r"'(?:[^'\\]|\\.)*'|\b\d+(?:\.\d+)?\b")
_EXPLAINABLE: Final = ("SELECT", "UPDATE", "DELETE")


class Step(NamedTuple):
    """A row of the plan of a statement: one table that it reads."""

    statement: str
    table: str
    kind: str
    key: str | None
    rows: int
    remarks: str

    @property
    def grows(self) -> bool:
        """True if it reads a table without an index, or sorts, for more rows than a page has."""
        unaided = self.key is None or self.kind == "ALL" or "filesort" in self.remarks
        return unaided and self.rows > FEW


def made_by(connection: BaseDatabaseWrapper, request: Callable[[], Any]) -> list[str]:
    """Return the statements that a request makes, each text once."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE mysql.general_log")
        cursor.execute("SET GLOBAL log_output = 'TABLE', GLOBAL general_log = 1")
        request()
        cursor.execute("SET GLOBAL general_log = 0")
        cursor.execute("SELECT argument FROM mysql.general_log WHERE command_type IN ('Query', 'Execute')")
        said = [row[0].decode() if isinstance(row[0], bytes) else row[0] for row in cursor.fetchall()]
    by_text = {
        _LITERALS.sub("?", sql): sql for sql in said if sql.startswith(_EXPLAINABLE) and "general_log" not in sql
    }
    return list(by_text.values())


def rows_read(connection: BaseDatabaseWrapper, request: Callable[[], Any]) -> int:
    """Count the rows, of tables and indexes, that the database reads for a request."""

    def count() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read_%%'", [])
            return sum(int(number) for _, number in cursor.fetchall())

    before = count()
    request()
    return count() - before


def plan(connection: BaseDatabaseWrapper, statement: str) -> Iterator[Step]:
    """Ask how the database goes about a statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}".replace("%", "%%"), [])
        for _, _, table, kind, _, key, _, _, rows, remarks in cursor.fetchall():
            if table is not None:
                text = _LITERALS.sub("?", statement)
                yield Step(text, table, kind or "", key, int(str(rows or 0).split()[0]), remarks or "")


def hot_requests(service: Service, database: Database) -> Mapping[str, Callable[[], Any]]:
    """List the requests that are made most, in the seeded course."""
    listed = service.expect(Call("GET", f"exams/course_id/{seed.COURSE}", STAFF), 200).json
    first, second = (Exam(exam["id"], seed.COURSE, exam["content_id"]) for exam in listed[:2])
    learner, idle = Person("person1", 100_001), Person("person1999", 101_999)
    attempt = Attempt(service.expect(create(learner, second), 200).json["exam_attempt_id"], second, learner)
    newcomer = Person("person2", 100_002)

    def call(wanted: Call) -> Callable[[], Any]:
        return lambda: service.expect(wanted, 200)

    team = f"instructor_view/course_id/{seed.COURSE}/attempts"
    return {
        "PUT exams/attempt, start": call(act(learner, attempt, "start")),
        "GET exams/attempt/latest, running": call(latest(learner, second)),
        "GET exams/attempt/latest, none": call(latest(idle, second)),
        "GET student/exam/attempt, running": call(look(learner, second)),
        "GET student/exam/attempt, none": call(look(idle, second)),
        "GET access_tokens": call(Call("GET", f"access_tokens/exam_id/{second.id}", learner)),
        "PUT exams/attempt, submit": call(act(learner, attempt, "submit")),
        "POST exams/attempt, started": call(create(newcomer, second, start=True)),
        "GET exams of a course": call(Call("GET", f"exams/course_id/{seed.COURSE}", STAFF)),
        "PATCH exams, nothing new": call(Call("PATCH", f"exams/course_id/{seed.COURSE}", STAFF, listed)),
        "GET attempts of an exam": call(Call("GET", f"{team}?exam_id={first.id}", STAFF)),
        "GET attempts of an exam, later page": call(Call("GET", f"{team}?exam_id={first.id}&offset=5000", STAFF)),
        "GET allowances": call(Call("GET", f"exams/course_id/{seed.COURSE}/allowances", STAFF)),
        "GET /health/": call(Call("GET", "/health/")),
        "submit_timed_out_attempts": lambda: database.manage("submit_timed_out_attempts"),
    }


def main() -> None:
    """Fill a database, make the requests, and print the plans."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--attempts", type=int, default=200_000)
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        server = MariaDB(Path(directory) / "mariadb")
        server.start()
        stack.callback(server.stop)
        server.create_database("plans")
        database = on_mariadb(server, "plans")
        database.migrate()
        connection = stack.enter_context(database.connected())
        seed.fill(connection, seed.Size(attempts=given.attempts, large_exam=min(20_000, given.attempts)))
        service = Service(database, Path(directory) / "service.log", workers=1)
        service.start()
        stack.callback(service.stop)
        table = csv.writer(sys.stdout)
        table.writerow(["request", "table", "read by", "index", "rows, estimated", "remarks"])
        for name, request in hot_requests(service, database).items():
            steps = {
                (step.table, step.kind, step.key, step.rows, step.remarks): step
                for statement in made_by(connection, request)
                for step in plan(connection, statement)
            }
            for step in steps.values():
                table.writerow([name, step.table, step.kind, step.key or "", step.rows, step.remarks])


if __name__ == "__main__":
    main()
