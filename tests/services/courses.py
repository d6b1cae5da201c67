# SPDX-License-Identifier: AGPL-3.0-only
"""A course of its own for each round of a test, and the requests that people make in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final
from urllib.parse import quote

from tests.services.server import Answer, Call, Service
from tests.tokens import Person

#: Global staff; Studio's worker in production.
STAFF: Final = Person("staff", lms_user_id=1, administrator=True)

_numbers = count(1)


@dataclass(frozen=True)
class Exam:
    """An active exam as the API lists it."""

    id: int
    course_id: str
    content_id: str


@dataclass(frozen=True)
class Attempt:
    """A learner's attempt of an exam."""

    id: int
    exam: Exam
    learner: Person


def exam_body(content_id: str, **changes: Any) -> dict[str, Any]:
    """An exam as Studio sends it: timed, an hour, no due date; ``changes`` to any field."""
    return {
        "exam_name": f"Exam {content_id[-8:]}",
        "content_id": content_id,
        "time_limit_mins": 60,
        "due_date": None,
        "exam_type": "timed",
        "hide_after_due": False,
        "is_active": True,
        **changes,
    }


def create(learner: Person, exam: Exam, *, start: bool = False) -> Call:
    """The learner begins an exam, with the clock running from the start or not."""
    return Call("POST", "exams/attempt", learner, {"exam_id": exam.id, "start_clock": "true" if start else "false"})


def act(person: Person, attempt: Attempt, action: str) -> Call:
    """Somebody moves an attempt: ``start``, ``submit``, ``verify``, …"""
    return Call("PUT", f"exams/attempt/{attempt.id}", person, {"action": action})


def reset(person: Person, attempt: Attempt) -> Call:
    """Somebody deletes an attempt."""
    return Call("DELETE", f"exams/attempt/{attempt.id}", person)


def latest(learner: Person, exam: Exam | None = None) -> Call:
    """The learner's client asks for the running attempt, or for the latest of one exam."""
    query = f"?content_id={quote(exam.content_id, safe='')}" if exam else ""
    return Call("GET", f"exams/attempt/latest{query}", learner)


def look(learner: Person, exam: Exam) -> Call:
    """The learner's client asks for an exam and the learner's attempt of it."""
    return Call("GET", f"student/exam/attempt/course_id/{exam.course_id}/content_id/{exam.content_id}", learner)


class Course:
    """
    A course that nobody else uses, with learners whom no other course knows.

    Whatever is done to set the stage goes through the API, one request after another, and must succeed.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.run = f"r{next(_numbers)}"
        self.id = f"course-v1:Test+Exams+{self.run}"
        self.answers: list[Answer] = []

    def at_once(self, calls: Sequence[Call]) -> list[Answer]:
        """The simultaneous requests that a round is about; its answers are remembered."""
        answers = self.service.at_once(calls)
        self.answers += answers
        return answers

    def content_id(self, block: str = "exam") -> str:
        """The usage key of a sequence of this course."""
        return f"block-v1:Test+Exams+{self.run}+type@sequential+block@{block}"

    def learner(self) -> Person:
        """A learner of this course whom the service has seen before."""
        learner = self.newcomer()
        self.service.expect(Call("GET", "providers", learner), 200)
        return learner

    def newcomer(self) -> Person:
        """A learner of this course whom the service has never seen."""
        number = 1000 + next(_numbers)
        return Person(f"learner-{number}", lms_user_id=number, full_name=f"Learner {number}")

    def patch_exams(self, *bodies: Mapping[str, Any]) -> Call:
        """Studio says what exams this course has."""
        return Call("PATCH", f"exams/course_id/{self.id}", STAFF, list(bodies))

    def patch_config(self, provider: str | None) -> Call:
        """Studio says who proctors this course's exams."""
        return Call("PATCH", f"configs/course_id/{self.id}", STAFF, {"provider": provider, "escalation_email": None})

    def allow(self, learner: Person, exam: Exam, minutes: int) -> Call:
        """The course team gives a learner extra time."""
        grant = {"username": learner.username, "exam_id": exam.id, "extra_time_mins": minutes}
        return Call("POST", f"exams/course_id/{self.id}/allowances", STAFF, [grant])

    def exams(self, *bodies: Mapping[str, Any]) -> list[Exam]:
        """Push exams to this course; they come back in the same order."""
        self.service.expect(self.patch_exams(*bodies), 200)
        listed = {exam["content_id"]: exam["id"] for exam in self.service.get(f"exams/course_id/{self.id}", STAFF).json}
        return [Exam(listed[body["content_id"]], self.id, body["content_id"]) for body in bodies]

    def exam(self, block: str = "exam", **changes: Any) -> Exam:
        """Push one exam to this course."""
        return self.exams(exam_body(self.content_id(block), **changes))[0]

    def attempt(self, exam: Exam, learner: Person, *actions: str) -> Attempt:
        """An attempt that the learner has moved through the given actions."""
        answer = self.service.expect(create(learner, exam), 200)
        attempt = Attempt(answer.json["exam_attempt_id"], exam, learner)
        for action in actions:
            self.service.expect(act(learner, attempt, action), 200)
        return attempt

    def running_attempt(self, **exam: Any) -> Attempt:
        """An attempt, by a learner of its own, whose clock runs."""
        return self.attempt(self.exam(**exam), self.learner(), "start")
