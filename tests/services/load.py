# SPDX-License-Identifier: AGPL-3.0-only
"""Learners who take exams and staff who judge them, over the REST API: what goes on while things break."""

import http.client
import itertools
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Final, Self

from tests.services.courses import STAFF, Attempt, Course, Exam, act, create, latest, reset
from tests.services.rollback import HEADER
from tests.services.server import Answer, Call, Service
from tests.tokens import Person

#: Attempts that are begun in a second.
PACE: Final = 25
CLIENTS: Final = 5
#: Seconds after which a client asks again, whatever Retry-After says: what is broken is to be asked often.
RETRY_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 120.0

#: Global staff whose tokens carry no LMS user id, as workers' do.
WORKER: Final = Person("worker", administrator=True)

_numbers = itertools.count(1_000_000)


@dataclass(frozen=True)
class Sample:
    """
    One request.

    :param began: monotonic seconds
    :param status: 0 where the connection was cut, which is no answer
    """

    began: float
    seconds: float
    status: int


class Load:
    """
    The load on the service; a context manager, at whose end all that was begun has come to its end.

    In each course one thing happens after the other, so that the order of its events is one that can be told.

    :param late_every: so manieth learner's LMS user id is unknown until `introduce_all`
    :param rolled_back_every: so manieth submission is first made in vain
    """

    def __init__(
        self, service: Service, exams: Sequence[Exam], *, late_every: int = 0, rolled_back_every: int = 0
    ) -> None:
        self._service = service
        self._exams = exams
        self._late_every = late_every
        self._rolled_back_every = rolled_back_every
        self._ending = threading.Event()
        self._numbers = itertools.count(1)
        self._threads = [
            threading.Thread(target=self._work, args=[exams[place::CLIENTS]], name=f"client-{place}")
            for place in range(CLIENTS)
        ]
        self.attempts = 0
        self.samples: list[Sample] = []
        #: Learners whose LMS user id is, or was, unknown, with that id.
        self.late: list[Person] = []
        #: Answers that no client of a sound service gets.
        self.wrong: list[str] = []
        #: Submissions that were rolled back.
        self.rolled_back = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"

    def wait_for(self, attempts: int) -> None:
        """Wait until so many attempts have been through."""
        deadline = time.monotonic() + PATIENCE_SECONDS + attempts / PACE
        while self.attempts < attempts:
            assert time.monotonic() < deadline, f"only {self.attempts} of {attempts} attempts came through"
            assert not self.wrong, self.wrong[:3]
            time.sleep(0.05)

    def count(self, status: int) -> int:
        """Count the requests that got this answer; 0 for those that got none."""
        return sum(sample.status == status for sample in self.samples)

    def introduce_all(self) -> None:
        """Those whose LMS user id was unknown call with a token that has it."""
        for person in self.late:
            self._service.expect(Call("GET", "providers", person), 200)

    def _work(self, exams: Sequence[Exam]) -> None:
        pause = CLIENTS / PACE
        due = time.monotonic()
        for exam in itertools.cycle(exams):
            due = max(due + pause, time.monotonic())
            if self._ending.wait(due - time.monotonic()):
                return
            try:
                self._live_through(exam, next(self._numbers))
            except Exception as error:  # noqa: BLE001  (the test is told, and fails)
                self.wrong.append(repr(error))
                return
            self.attempts += 1

    def _live_through(self, exam: Exam, number: int) -> None:
        """An attempt from its beginning to its end, which differs from one to the next."""
        lms_user_id = next(_numbers)
        learner = Person(f"load-{lms_user_id}", lms_user_id=lms_user_id, full_name=f"Learner {lms_user_id}")
        if self._late_every and number % self._late_every == 0:
            self.late.append(learner)
            learner = replace(learner, lms_user_id=None)
        attempt = Attempt(self._begin(learner, exam), exam, learner)
        if number % 5 == 0:
            self._do(act(learner, attempt, "error"))
            return
        if self._rolled_back_every and number % self._rolled_back_every == 0:
            self._in_vain(act(learner, attempt, "submit"))
        self._do(act(learner, attempt, "submit"))
        if number % 3 == 0:
            self._do(act(STAFF, attempt, "verify"))
        if number % 3 == 1:
            self._do(act(STAFF, attempt, "reject"))
        if number % 4 == 0:
            self._do(reset(random.choice([STAFF, WORKER]), attempt))  # noqa: S311  (no secret)

    def _begin(self, learner: Person, exam: Exam) -> int:
        answer = self._do(create(learner, exam, start=True))
        if answer is not None:
            return int(answer["exam_attempt_id"])
        return int(self._do(latest(learner, exam))["attempt_id"])

    def _do(self, call: Call) -> Any:
        """
        Ask until it is done, as clients do.

        :returns: the body; None where an answer was lost and the next says that it had been done
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        in_doubt, answer = False, None
        while time.monotonic() < deadline:
            answer = self._ask(call)
            if answer is None or answer.status == 503:
                in_doubt = True
                time.sleep(RETRY_SECONDS)
            elif answer.status < 300:
                return answer.json if answer.content else {}
            elif in_doubt and answer.status in {400, 404}:
                return None
            else:
                break
        message = f"never done: {answer or call}"
        raise AssertionError(message)

    def _in_vain(self, call: Call) -> None:
        answer = self._service.call(replace(call, headers={HEADER: "yes"}))
        assert answer.content == b"was 200", answer
        self.rolled_back += 1

    def _ask(self, call: Call) -> Answer | None:
        began = time.monotonic()
        try:
            answer = self._service.call(call)
        except (OSError, http.client.HTTPException):
            answer = None
        self.samples.append(Sample(began, time.monotonic() - began, answer.status if answer else 0))
        if answer and answer.status >= 500 and (answer.status != 503 or "retry-after" not in answer.headers):
            self.wrong.append(str(answer))
        return answer


def exams_for_load(service: Service, courses: int) -> list[Exam]:
    """An exam in each of so many new courses."""
    return [Course(service).exam() for _ in range(courses)]


def latency(samples: Sequence[Sample], begin: float, end: float) -> tuple[float, float]:
    """Median and maximum, in seconds, of the answers to requests that began in between, cut connections left out."""
    seconds = [sample.seconds for sample in samples if begin <= sample.began < end and sample.status]
    return median(seconds), max(seconds)
