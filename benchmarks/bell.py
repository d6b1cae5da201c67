# SPDX-License-Identifier: AGPL-3.0-only
"""
The bell, and everybody at once again: ``python -m benchmarks.bell [--learners 500]``.

All learners start an exam within a minute, ask for their time every ten seconds and for access to its content each
minute, and submit within a minute. The second time the database goes away for half a minute while they go on asking,
then the service does. Counts refusals, errors and waits for row locks; measures latency, CPU and statements, by which a
larger machine is reckoned; and looks afterwards whether each learner has one attempt, and each submission is kept.
"""

import argparse
import asyncio
import csv
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import django
from django.db.backends.base.base import BaseDatabaseWrapper

from benchmarks import seed
from benchmarks.servers import Gunicorn
from benchmarks.throughput import STAFF, authorization
from tests.services.databases import Database, on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.ports import HOST
from tests.tokens import Person

_FIRST: Final = 9_000_000
_scatter: Final = random.Random(1)  # noqa: S311  (no secret)
_COUNTERS: Final = ("Questions", "Innodb_row_lock_waits", "Innodb_row_lock_time", "Innodb_deadlocks")


class Times(NamedTuple):
    """Seconds of an exam's phases."""

    start: float
    sit: float
    submit: float
    poll: float
    token: float


class Learner(NamedTuple):
    """A learner's headers, as bytes of a request."""

    number: int
    headers: str


class Hall:
    """Learners who take one exam, over a connection each, and what they were answered."""

    def __init__(self, port: int, exam: int) -> None:
        self.port, self._exam = port, exam
        self.milliseconds: list[float] = []
        self.answers: Counter[str] = Counter()
        self.requests: list[tuple[float, int]] = []

    async def ask(self, learner: Learner, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        """Make a request; status 0 if nobody answered."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{learner.headers}Connection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        began = time.perf_counter()
        status, answer = 0, b""
        try:
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                writer.write(head.encode() + content)
                raw = await reader.read()
                writer.close()
            head_of_answer, _, answer = raw.partition(b"\r\n\r\n")
            status = int(head_of_answer.split(b" ", 2)[1]) if head_of_answer else 0
        except (OSError, TimeoutError, IndexError, ValueError):
            pass
        self.milliseconds.append((time.perf_counter() - began) * 1000)
        self.answers[str(status)] += 1
        self.requests.append((time.monotonic(), status))
        return status, answer

    async def persist(self, learner: Learner, method: str, path: str, body: Any, until: frozenset[int]) -> bytes:
        """Make a request again, after two seconds, until it is answered with one of these statuses."""
        while True:
            status, answer = await self.ask(learner, method, path, body)
            if status in until:
                return answer
            await asyncio.sleep(2 * _scatter.uniform(0.5, 1.5))

    async def take(self, learner: Learner, times: Times) -> None:
        """Start, ask for the time and for access, submit."""
        done = frozenset({200})
        await asyncio.sleep(_scatter.uniform(0, times.start))
        # 400: it was made by a request whose answer did not arrive.
        made = await self.persist(
            learner,
            "POST",
            "/api/v1/exams/attempt",
            {"exam_id": self._exam, "start_clock": True},
            frozenset({200, 400}),
        )
        ends = time.monotonic() + times.sit + _scatter.uniform(0, times.submit)
        next_token = time.monotonic()
        attempt = json.loads(made).get("exam_attempt_id")
        while time.monotonic() < ends:
            _, answer = await self.ask(learner, "GET", "/api/v1/exams/attempt/latest")
            if not attempt and answer.startswith(b"{"):
                attempt = json.loads(answer).get("attempt_id")
            if time.monotonic() >= next_token:
                await self.ask(learner, "GET", f"/api/v1/access_tokens/exam_id/{self._exam}")
                next_token += times.token
            await asyncio.sleep(times.poll)
        while not attempt:
            answer = await self.persist(learner, "GET", "/api/v1/exams/attempt/latest", None, done)
            attempt = json.loads(answer).get("attempt_id")
        await self.persist(learner, "PUT", f"/api/v1/exams/attempt/{attempt}", {"action": "submit"}, done)


def counters(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """Read the server's counters."""
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN {_COUNTERS}")
        return {name: int(value) for name, value in cursor.fetchall()}


def verdict(connection: BaseDatabaseWrapper, exam: int, learners: int) -> str:
    """Compare what is stored with what the learners did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*), COUNT(DISTINCT user_id), SUM(status = 'submitted') FROM exams_examattempt"
            " JOIN core_user ON core_user.id = user_id WHERE exam_id = %s AND lms_user_id >= %s",
            [exam, _FIRST],
        )
        attempts, people, submitted = (int(number or 0) for number in cursor.fetchone())
        cursor.execute("SELECT COUNT(*) FROM events_outboxevent")
        events = int(cursor.fetchone()[0])
    lost, twice = learners - submitted, attempts - people
    return f"{attempts} attempts, {twice} duplicates, {lost} lost submissions, {events} events owed so far"


def learners_of(first: int, number: int) -> list[Learner]:
    """Make learners, each with a token."""
    people = (Person(f"bell{n}", _FIRST + n) for n in range(first, first + number))
    return [
        Learner(n, "".join(f"{name}: {value}\r\n" for name, value in authorization(person).items()))
        for n, person in enumerate(people)
    ]


async def _outages(server: MariaDB, gunicorn: Gunicorn, times: Times, away: float) -> dict[str, float]:
    """Take the database away, then the service, and say when each was back."""
    back = {}
    await asyncio.sleep(times.start + 5)
    await asyncio.to_thread(server.stop)
    await asyncio.sleep(away)
    await asyncio.to_thread(server.start)
    back["database"] = time.monotonic()
    await asyncio.sleep(20)
    await asyncio.to_thread(gunicorn.stop)
    await asyncio.sleep(away)
    await asyncio.to_thread(gunicorn.start)
    back["service"] = time.monotonic()
    return back


def recovered(hall: Hall, what: str, back: float) -> float:
    """Seconds from its return to the last request that its absence refused; the other's absence is told apart."""
    refused = {"database": lambda status: status >= 500, "service": lambda status: status == 0}[what]
    bad = [at for at, status in hall.requests if refused(status) and back <= at <= back + 60]
    return max(bad) - back if bad else 0.0


def play(directory: Path, learners: int, times: Times, away: float) -> list[list[Any]]:
    """Ring the bell, then do so again with both outages in the middle."""
    rows: list[list[Any]] = []
    with ExitStack() as stack:
        (directory / "mariadb").mkdir()
        server = MariaDB(directory / "mariadb")
        server.start()
        stack.callback(server.stop)
        server.create_database("bell")
        database: Database = on_mariadb(server, "bell")
        database.migrate()
        with database.connected() as connection:
            seed.fill(connection, seed.Size(attempts=20_000))
        environment = {**database.process_environment, "EXAMS_TEST_LMS": "http://127.0.0.1:9"}
        gunicorn = stack.enter_context(
            Gunicorn("edx_exams.wsgi:application", environment, directory / "service.log", backlog=2048)
        )
        for name, outage in (("bell", False), ("everybody comes back", True)):
            exam = _exam(gunicorn.port, len(rows) + 3)
            hall = Hall(gunicorn.port, exam)
            people = learners_of(len(rows) * learners, learners)
            with database.connected() as connection:
                before, cpu, began = counters(connection), gunicorn.cpu_seconds(), time.monotonic()
            outages = _outages(server, gunicorn, times, away) if outage else None
            back = asyncio.run(_run(hall, people, times, outages))
            seconds = time.monotonic() - began
            with database.connected() as connection:
                after = counters(connection)
                stored = verdict(connection, exam, learners)
            asked = len(hall.milliseconds)
            latency = statistics.quantiles(hall.milliseconds, n=100)
            bad = {status: number for status, number in sorted(hall.answers.items()) if status != "200"}
            cost = (gunicorn.cpu_seconds() - cpu) * 1000 / asked
            locks = "" if outage else after["Innodb_row_lock_waits"] - before["Innodb_row_lock_waits"]
            statements = "" if outage else f"{(after['Questions'] - before['Questions']) / asked:.1f}"
            recovery = ", ".join(f"{what} {recovered(hall, what, at):.0f} s" for what, at in back.items())
            rows.append([
                name, learners, asked, f"{asked / seconds:.0f}", f"{latency[49]:.0f}", f"{latency[98]:.0f}",
                "" if outage else f"{cost:.1f}", statements, locks,
                "none" if not bad else ", ".join(f"{number} x {status}" for status, number in bad.items()),
                recovery, stored,
            ])  # fmt: skip
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
    return rows


async def _run(
    hall: Hall, people: list[Learner], times: Times, outages: Coroutine[Any, Any, dict[str, float]] | None
) -> dict[str, float]:
    taking = asyncio.gather(*(hall.take(learner, times) for learner in people))
    back = await outages if outages else {}
    await taking
    return back


def _exam(port: int, number: int) -> int:
    hall = Hall(port, 0)
    staff = Learner(0, "".join(f"{name}: {value}\r\n" for name, value in authorization(STAFF).items()))
    _, answer = asyncio.run(hall.ask(staff, "GET", f"/api/v1/exams/course_id/{seed.COURSE}"))
    return int(json.loads(answer)[number]["id"])


def main() -> None:
    """Play, and print the table as CSV."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bell", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--learners", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60, help="in which all start, and in which all submit")
    parser.add_argument("--sit", type=float, default=60, help="seconds between")
    parser.add_argument("--away", type=float, default=30, help="seconds of each outage")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    times = Times(given.seconds, given.sit, given.seconds, poll=10, token=60)
    with tempfile.TemporaryDirectory() as directory:
        rows = play(Path(directory), given.learners, times, given.away)
    table = csv.writer(sys.stdout)
    table.writerow([
        "what", "learners", "requests", "requests/s", "p50 ms", "p99 ms", "CPU ms", "statements", "lock waits",
        "not 200", "recovered after", "stored",
    ])  # fmt: skip
    table.writerows(rows)


if __name__ == "__main__":
    main()
