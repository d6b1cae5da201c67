# SPDX-License-Identifier: AGPL-3.0-only
"""
Requests a second of each endpoint, as a ratio to the floor: ``python -m benchmarks.throughput`` (``make benchmark``).

A MariaDB with a platform's years in it, the service and the floor (one DRF view with JWT authentication and one indexed
query) under gunicorn with two workers each, four connections of wrk. Floor and endpoint take turns, five rounds; the
medians are printed as a table, and written as CSV. Ratios travel between machines, requests a second do not.

``--against DIRECTORY`` measures another checkout of the service too, on a database of its own, in turn with this one.
"""

import argparse
import csv
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import django

from benchmarks import seed, wrk
from benchmarks.older_system import older_system
from benchmarks.servers import Gunicorn
from tests.services.databases import ROOT, Database, on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.ports import HOST, free_port
from tests.tokens import Person

CONNECTIONS: Final = 4
TOKEN_SECONDS: Final = 6 * 3600
#: Learners of one turn, who take an exam one after the other.
LEARNERS: Final = 2_000

RUNNING: Final = Person("person1", 100_001)
IDLE: Final = Person("person19999", 119_999)
STAFF: Final = Person("bench-staff", 5, administrator=True)


class Endpoint(NamedTuple):
    """A request that is measured."""

    name: str
    method: str
    path: str
    person: Person | None
    body: Any = None


class Sample(NamedTuple):
    """One turn: what wrk saw, and what it cost the server."""

    measured: wrk.Measured
    cpu_ms: float
    statements: float


class Subject:
    """
    A server with its database: the service of this checkout or of another one.

    :param database: migrated and filled
    """

    def __init__(self, server: Gunicorn, database: Database) -> None:
        self.server = server
        self._database = database

    def drive(self, script: Path, *, seconds: int, path: str = "", threads: int = 1) -> Sample:
        """Load the server for some seconds."""
        cpu, statements = self.server.cpu_seconds(), self._statements()
        measured = wrk.run(
            f"{self.server.url}{path}", script, seconds=seconds, connections=CONNECTIONS, threads=threads
        )
        requests = max(measured.requests, 1)
        return Sample(
            measured,
            (self.server.cpu_seconds() - cpu) * 1000 / requests,
            (self._statements() - statements) / requests,
        )

    def _statements(self) -> int:
        with self._database.connected() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
            return int(cursor.fetchone()[1])


def endpoints(first_exam: int, exams: list[dict[str, Any]]) -> list[Endpoint]:
    """List what is measured, on the seeded course."""
    course, content = seed.COURSE, exams[1]["content_id"]
    return [
        Endpoint("health", "GET", "/health/", None),
        Endpoint("latest, running", "GET", f"/api/v1/exams/attempt/latest?content_id={quoted(content)}", RUNNING),
        Endpoint("latest, none", "GET", "/api/v1/exams/attempt/latest", IDLE),
        Endpoint(
            "student/exam/attempt, running",
            "GET",
            f"/api/v1/student/exam/attempt/course_id/{course}/content_id/{content}",
            RUNNING,
        ),
        Endpoint("access token", "GET", f"/api/v1/access_tokens/exam_id/{first_exam + 1}", RUNNING),
        Endpoint("exams GET of 100", "GET", f"/api/v1/exams/course_id/{course}", STAFF),
        Endpoint(
            "instructors' page of 100",
            "GET",
            f"/api/v1/instructor_view/course_id/{course}/attempts?exam_id={first_exam}&limit=100",
            STAFF,
        ),
        Endpoint("allowances of 200", "GET", f"/api/v1/exams/course_id/{course}/allowances", STAFF),
        Endpoint("PATCH of 100", "PATCH", f"/api/v1/exams/course_id/{course}", STAFF, exams),
    ]


def quoted(content_id: str) -> str:
    """Quote what a query would read as a blank."""
    return content_id.replace("+", "%2B")


def service(stack: ExitStack, server: MariaDB, name: str, checkout: Path, size: seed.Size) -> Subject:
    """Migrate and fill a database, and start the service of a checkout on it."""
    server.create_database(name)
    database = on_mariadb(server, name)
    environment = {**database.process_environment, "PYTHONPATH": str(checkout)}
    subprocess.run(
        [sys.executable, "manage.py", "migrate"], cwd=checkout, env=environment, check=True, capture_output=True
    )
    with database.connected() as connection:
        seed.fill(connection, size, lambda text: print(f"  {text}", file=sys.stderr))
    port = free_port()
    stack.enter_context(older_system(server.directory / f"{name}-older", port))
    environment["EXAMS_TEST_LMS"] = f"http://{HOST}:{port}"
    gunicorn = Gunicorn("edx_exams.wsgi:application", environment, server.directory / f"{name}.log", checkout=checkout)
    return Subject(stack.enter_context(gunicorn), database)


def prepare(subject: Subject, first_exam: int) -> None:
    """Let the running learner begin an exam that lasts for as long as the benchmark."""
    connection = http.client.HTTPConnection(HOST, subject.server.port)
    headers = {**authorization(RUNNING), "Content-Type": "application/json"}
    body = json.dumps({"exam_id": first_exam + 1, "start_clock": True})
    connection.request("POST", "/api/v1/exams/attempt", body, headers)
    response = connection.getresponse()
    if response.status != 200:
        raise RuntimeError(f"The exam was not started: {response.status} {response.read()[:500]!r}")


def authorization(person: Person | None) -> dict[str, str]:
    """Return the headers of a person, good for as long as a benchmark takes."""
    return person.authorization("RS512", exp=_expiry()) if person else {}


def _expiry() -> int:
    return int(time.time()) + TOKEN_SECONDS


@contextmanager
def stage(size: seed.Size, against: Path | None) -> Iterator[tuple[dict[str, Subject], Subject, Path]]:
    """Start database, services and floor; end them afterwards."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        server = MariaDB(directory / "mariadb")
        (directory / "mariadb").mkdir()
        server.start()
        stack.callback(server.stop)
        subjects = {"service": service(stack, server, "bench", ROOT, size)}
        if against:
            subjects["against"] = service(stack, server, "against", against, size)
        database = on_mariadb(server, "bench")
        environment = {**database.process_environment, "DJANGO_SETTINGS_MODULE": "benchmarks.floor.settings"}
        floor = Gunicorn("benchmarks.floor.wsgi:application", environment, directory / "floor.log", ready="/none")
        yield subjects, Subject(stack.enter_context(floor), database), directory


class Row(NamedTuple):
    """A line of the table: medians of all rounds."""

    endpoint: str
    subject: str
    rate: float
    ratio: float
    #: CPU time of the floor's workers for a request, by that of these; what else the machine does disturbs it least.
    cpu_ratio: float
    p50: float
    p99: float
    cpu_ms: float
    statements: float
    failures: int


def summary(name: str, subject: str, samples: list[Sample], floors: list[Sample]) -> Row:
    """Make a line of the turns of an endpoint and of the floor beside it."""
    turns = list(zip(samples, floors, strict=True))
    return Row(
        name,
        subject,
        statistics.median(sample.measured.rate for sample in samples),
        statistics.median(sample.measured.rate / floor.measured.rate for sample, floor in turns),
        statistics.median(floor.cpu_ms / sample.cpu_ms for sample, floor in turns),
        statistics.median(sample.measured.p50 for sample in samples),
        statistics.median(sample.measured.p99 for sample in samples),
        statistics.median(sample.cpu_ms for sample in samples),
        statistics.median(sample.statements for sample in samples),
        sum(sample.measured.failures for sample in samples),
    )


def measure(rounds: int, seconds: int, size: seed.Size, against: Path | None, only: str) -> list[Row]:
    """Let floor and endpoints take turns, and sum up."""
    with stage(size, against) as (subjects, floor, directory):
        bare = wrk.script_for_one(directory / "floor.lua", "GET", authorization(RUNNING))
        rows: list[Row] = []
        first_exam, exams = _listed_exams(subjects["service"])
        for subject in subjects.values():
            prepare(subject, first_exam)
        for number, endpoint in enumerate(endpoints(first_exam, exams)):
            if not re.search(only, endpoint.name):
                continue
            headers = {**authorization(endpoint.person), "Content-Type": "application/json"}
            script = wrk.script_for_one(directory / f"{number}.lua", endpoint.method, headers, endpoint.body)
            floors: list[Sample] = []
            samples: dict[str, list[Sample]] = defaultdict(list)
            for subject in subjects.values():  # warm: connections, caches, compiled statements
                subject.drive(script, seconds=1, path=endpoint.path)
            for _ in range(rounds):
                floors.append(floor.drive(bare, seconds=seconds, path="/floor"))
                for name, subject in subjects.items():
                    samples[name].append(subject.drive(script, seconds=seconds, path=endpoint.path))
            rows += [summary(endpoint.name, name, taken, floors) for name, taken in samples.items()]
            _say(rows[-len(subjects) :])
        if re.search(only, "create, start, submit"):
            rows += _flows(subjects, floor, directory, first_exam + 2, rounds=rounds, seconds=seconds)
        return rows


def _flows(
    subjects: dict[str, Subject], floor: Subject, directory: Path, exam: int, *, rounds: int, seconds: int
) -> list[Row]:
    """One learner after another creates, starts and submits; a flow counts as one."""
    bare = directory / "floor.lua"
    floors: list[Sample] = []
    samples: dict[str, list[Sample]] = defaultdict(list)
    for turn in range(rounds):
        people = directory / f"people-{turn}"
        first = 1 + LEARNERS * (turn + 1)
        learners = (Person(f"person{number}", 100_000 + number) for number in range(first, first + LEARNERS))
        people.write_text("\n".join(learner.token("RS512", exp=_expiry()) for learner in learners) + "\n")
        script = wrk.script_for_flow(directory / "flow.lua", people, exam, threads=CONNECTIONS)
        floors.append(floor.drive(bare, seconds=seconds, path="/floor"))
        for name, subject in subjects.items():
            taken = subject.drive(script, seconds=seconds, threads=CONNECTIONS)
            whole = taken.measured._replace(rate=taken.measured.rate / 3)
            samples[name].append(Sample(whole, taken.cpu_ms * 3, taken.statements * 3))
    rows = [summary("create, start, submit", name, taken, floors) for name, taken in samples.items()]
    _say(rows)
    return rows


def _listed_exams(subject: Subject) -> tuple[int, list[dict[str, Any]]]:
    """Read the seeded course's exams as the API lists them, and the first one's id."""
    connection = http.client.HTTPConnection(HOST, subject.server.port)
    connection.request("GET", f"/api/v1/exams/course_id/{seed.COURSE}", headers=authorization(STAFF))
    exams: list[dict[str, Any]] = json.loads(connection.getresponse().read())
    return exams[0]["id"], exams


def _say(rows: list[Row]) -> None:
    for row in rows:
        ratios = f"{row.rate:9.1f}/s {row.ratio:6.2f} of the floor, {row.cpu_ratio:5.2f} by CPU"
        latency = f"{row.p50:8.1f} ms {row.p99:8.1f} ms"
        cost = f"{row.cpu_ms:7.2f} ms CPU {row.statements:6.1f} statements {row.failures or ''}"
        print(f"{row.endpoint:<32}{row.subject:<9}{ratios} {latency} {cost}", flush=True)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each turn")
    parser.add_argument("--attempts", type=int, default=seed.Size().attempts)
    parser.add_argument("--against", type=Path, help="another checkout of the service")
    parser.add_argument("--only", default="", help="endpoints whose name matches this regular expression")
    parser.add_argument("--csv", type=Path, help="file for the table")
    given = parser.parse_args()
    wrk.require()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    size = seed.Size(attempts=given.attempts)
    rows = measure(given.rounds, given.seconds, size, given.against, given.only)
    if given.csv:
        with given.csv.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(
                ["request", "requests/s", "of the floor", "by CPU", "p50 ms", "p99 ms", "CPU ms", "statements"]
            )
            for row in rows:
                ratios = (f"{row.rate:.0f}", f"{row.ratio:.2f}", f"{row.cpu_ratio:.2f}")
                figures = (*ratios, f"{row.p50:.1f}", f"{row.p99:.1f}")
                table.writerow([row.endpoint, *figures, f"{row.cpu_ms:.2f}", f"{row.statements:.1f}"])


if __name__ == "__main__":
    main()
