# SPDX-License-Identifier: AGPL-3.0-only
"""
The cost of an exam's requests: ``python -m benchmarks.requests [--rounds 100] [--exams 30] [--attempts 300]``.

The service under gunicorn with two workers, on a MariaDB of its own, both on this machine. Every round makes each
request once, one after another, so that whatever else the machine does at the time weighs on all of them alike. Prints
each request's median in milliseconds and as a multiple of the cheapest, ``/health/``: milliseconds are this machine's,
ratios travel.
"""

import argparse
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from benchmarks.database import migrated_mariadb
from tests.services.courses import STAFF, Attempt, Course, act, create, exam_body, latest, look
from tests.services.server import Answer, Call, Service

_WORKERS: Final = 2
_YARDSTICK: Final = "GET /health/"


class Scene:
    """A course with exams and with attempts of other learners, in which one more learner takes an exam each round."""

    def __init__(self, service: Service, exams: int, attempts: int) -> None:
        self._service = service
        self._course = Course(service)
        self._bodies = [exam_body(self._course.content_id(f"exam-{number}")) for number in range(exams)]
        self._exam, *_ = self._course.exams(*self._bodies)
        for _ in range(attempts):
            self._course.attempt(self._exam, self._course.learner(), "start", "submit")

    def play(self, timed: Callable[[str, Call], Answer]) -> None:
        """
        Make the requests of a new learner, and of the course team meanwhile.

        :param timed: makes the call, and notes under that name what it took
        """
        course, exam, learner = self._course, self._exam, self._course.learner()
        timed(_YARDSTICK, Call("GET", "/health/"))
        timed("GET exams/attempt/latest, none", latest(learner))
        timed("GET student/exam/attempt, none", look(learner, exam))
        begun = timed("POST exams/attempt, started", create(learner, exam, start=True))
        attempt = Attempt(begun.json["exam_attempt_id"], exam, learner)
        timed("GET exams/attempt/latest, running", latest(learner))
        timed("GET access_tokens", Call("GET", f"access_tokens/exam_id/{exam.id}", learner))
        timed("GET student/exam/attempt, running", look(learner, exam))
        timed("PUT exams/attempt, submit", act(learner, attempt, "submit"))
        timed("PUT exams/attempt, submit again", act(learner, attempt, "submit"))
        timed("GET exams of the course", Call("GET", f"exams/course_id/{course.id}", STAFF))
        timed("PATCH exams, nothing new", course.patch_exams(*self._bodies))
        timed("GET attempts to review, 100", Call("GET", f"instructor_view/course_id/{course.id}/attempts", STAFF))


def measure(service: Service, rounds: int, exams: int, attempts: int) -> None:
    """Play the rounds, and print the table."""
    scene = Scene(service, exams, attempts)
    seconds: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, call: Call) -> Answer:
        began = time.perf_counter()
        answer = service.expect(call, 200)
        seconds[name].append(time.perf_counter() - began)
        return answer

    for _ in range(rounds):
        scene.play(timed)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    sys.stdout.write(f"{rounds} rounds, {exams} exams, {attempts} attempts before the first\n")
    for name, median in medians.items():
        sys.stdout.write(f"{name:<36}{median * 1000:7.1f} ms {median / medians[_YARDSTICK]:6.1f} x\n")


def main() -> None:
    """Start what is needed, measure, and end it again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--exams", type=int, default=30)
    parser.add_argument("--attempts", type=int, default=300)
    given = parser.parse_args()
    with migrated_mariadb() as (database, directory):
        service = Service(database, directory / "service.log", _WORKERS)
        service.start()
        try:
            measure(service, given.rounds, given.exams, given.attempts)
        finally:
            service.stop()


if __name__ == "__main__":
    main()
