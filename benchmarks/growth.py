# SPDX-License-Identifier: AGPL-3.0-only
"""
Growth over the years of a platform: ``python -m benchmarks.growth [--attempts 2000 20000 200000]``.

For each size a database of its own on one MariaDB, whose largest exam has all attempts (200,000 at most), and the
service under gunicorn with two workers. Each request is made by itself, one after the other; the table has the medians,
and what the workers' CPU was for. A download also says by how much its worker grew.
"""

import argparse
import csv
import http.client
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import django

from benchmarks import seed
from benchmarks.throughput import RUNNING, STAFF, Subject, authorization, prepare, quoted, service
from tests.services.databases import ROOT
from tests.services.mariadb import MariaDB
from tests.services.ports import HOST
from tests.tokens import Person

_LARGEST_EXAM: Final = 200_000
_MEGABYTE: Final = 2**20
_PUSHED: Final = 500
#: A course with a provider is ours, whatever the older system says.
_OURS: Final = {"provider": "bench", "escalation_email": None}


class Cost(NamedTuple):
    """Milliseconds of a request: median, slowest, and CPU of the workers."""

    median: float
    slowest: float
    cpu: float


class Caller:
    """Makes requests of a service, one after the other, over one connection."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._connection = http.client.HTTPConnection(HOST, subject.server.port, timeout=600)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def call(self, method: str, path: str, person: Person, body: Any = None, status: int = 200) -> bytes:
        """
        Make a request.

        :raises RuntimeError: it was answered otherwise
        """
        headers = {**authorization(person), "Content-Type": "application/json"}
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != status:
            raise RuntimeError(f"{method} {path} was answered {response.status}: {content[:500]!r}")
        return content

    def cost(self, times: int, request: Callable[[], Any]) -> Cost:
        """Measure a request, made once before."""
        request()
        taken = []
        cpu = self._subject.server.cpu_seconds()
        for _ in range(times):
            began = time.perf_counter()
            request()
            taken.append((time.perf_counter() - began) * 1000)
        cpu = (self._subject.server.cpu_seconds() - cpu) * 1000 / times
        return Cost(statistics.median(taken), max(taken), cpu)


def requests_of(caller: Caller, newcomers: Iterator[int]) -> dict[str, tuple[int, Callable[[], Any]]]:
    """List what is measured, with how often."""
    exams = json.loads(caller.call("GET", f"/api/v1/exams/course_id/{seed.COURSE}", STAFF))
    first, content = exams[0]["id"], exams[1]["content_id"]
    attempts = f"/api/v1/instructor_view/course_id/{seed.COURSE}/attempts"

    def get(path: str, person: Person = STAFF) -> Callable[[], Any]:
        return lambda: caller.call("GET", path, person)

    def flow() -> None:
        number = next(newcomers)
        learner = Person(f"newcomer{number}", 9_000_000 + number)
        made = json.loads(caller.call("POST", "/api/v1/exams/attempt", learner, {"exam_id": exams[2]["id"]}))
        for action in ("start", "submit"):
            caller.call("PUT", f"/api/v1/exams/attempt/{made['exam_attempt_id']}", learner, {"action": action})

    pushed = [
        {
            **exams[0],
            "exam_name": f"Pushed {number}",
            "content_id": f"block-v1:Push+C+2026+type@sequential+block@p{number}",
        }
        for number in range(_PUSHED)
    ]
    path = f"/api/v1/student/exam/attempt/course_id/{seed.COURSE}/content_id/{content}"
    push = "/api/v1/exams/course_id/course-v1:Push+C+2026"
    caller.call("PATCH", "/api/v1/configs/course_id/course-v1:Push+C+2026", STAFF, _OURS, status=204)
    turns = itertools.count()

    def change_all() -> None:
        turn = next(turns)
        caller.call("PATCH", push, STAFF, [{**exam, "time_limit_mins": 60 + turn} for exam in pushed])

    return {
        "latest, running": (60, get(f"/api/v1/exams/attempt/latest?content_id={quoted(content)}", RUNNING)),
        "student/exam/attempt, running": (60, get(path, RUNNING)),
        "access token": (60, get(f"/api/v1/access_tokens/exam_id/{first + 1}", RUNNING)),
        "exams GET of 100": (30, get(f"/api/v1/exams/course_id/{seed.COURSE}")),
        "create, start, submit": (30, flow),
        "largest exam: first page of 100": (10, get(f"{attempts}?exam_id={first}")),
        "largest exam: page at its middle": (5, get(f"{attempts}?exam_id={first}&offset={middle(caller, first)}")),
        "largest exam: search": (3, get(f"{attempts}?exam_id={first}&search=person199")),
        "largest exam: by username": (3, get(f"{attempts}?exam_id={first}&ordering=username")),
        "course: first page of 100": (3, get(attempts)),
        "PATCH of 500, nothing new": (3, lambda: caller.call("PATCH", push, STAFF, pushed)),
        "PATCH of 500, all changed": (3, change_all),
    }


def middle(caller: Caller, exam: int) -> int:
    """Return the half of the number of an exam's attempts."""
    page = caller.call("GET", f"/api/v1/instructor_view/course_id/{seed.COURSE}/attempts?exam_id={exam}", STAFF)
    return int(json.loads(page)["count"]) // 2


def download(caller: Caller, subject: Subject) -> tuple[float, int, float]:
    """Download the largest exam: seconds, lines, and megabytes by which the workers grew, after one before."""
    exams = json.loads(caller.call("GET", f"/api/v1/exams/course_id/{seed.COURSE}", STAFF))
    path = f"/api/v1/instructor_view/course_id/{seed.COURSE}/attempts?exam_id={exams[0]['id']}&format=csv"
    before = sum(subject.server.resident_bytes())
    began = time.perf_counter()
    lines = caller.call("GET", path, STAFF).count(b"\r\n")
    return time.perf_counter() - began, lines, (sum(subject.server.resident_bytes()) - before) / _MEGABYTE


def measure(sizes: list[int]) -> dict[int, dict[str, Cost]]:
    """Fill a database of each size, and make the requests."""
    costs: dict[int, dict[str, Cost]] = {}
    for attempts in sizes:
        with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
            directory = Path(name) / "mariadb"
            directory.mkdir()
            server = MariaDB(directory, options=["--innodb-buffer-pool-size=1G"])
            server.start()
            stack.callback(server.stop)
            large = min(attempts, _LARGEST_EXAM)
            began = time.perf_counter()
            size = seed.Size(attempts=attempts, large_exam=large, people=max(20_000, large))
            subject = service(stack, server, "growth", ROOT, size)
            print(f"{attempts:,} attempts, made in {time.perf_counter() - began:.0f} s", flush=True)
            caller = stack.enter_context(closing(Caller(subject)))
            exams = json.loads(caller.call("GET", f"/api/v1/exams/course_id/{seed.COURSE}", STAFF))
            prepare(subject, exams[0]["id"])
            costs[attempts] = {}
            for what, (times, request) in requests_of(caller, itertools.count()).items():
                cost = costs[attempts][what] = caller.cost(times, request)
                print(f"  {what:<36}{cost.median:9.1f} ms {cost.slowest:9.1f} {cost.cpu:9.1f} CPU", flush=True)
            seconds, lines, grown = download(caller, subject)
            print(f"  CSV of {lines - 1:,}: {seconds:.1f} s, workers grew by {grown:.1f} MB", flush=True)
            costs[attempts]["largest exam: CSV"] = Cost(seconds * 1000, grown, 0)
    return costs


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--attempts", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    parser.add_argument("--csv", type=Path, help="file for the table")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "edx_exams.settings.test")
    django.setup()
    costs = measure(given.attempts)
    if given.csv:
        with given.csv.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["median, ms", *(f"{attempts:,}" for attempts in costs)])
            for what in next(iter(costs.values())):
                table.writerow([what, *(f"{sized[what].median:.0f}" for sized in costs.values())])


if __name__ == "__main__":
    main()
