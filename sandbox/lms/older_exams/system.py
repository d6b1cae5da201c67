# SPDX-License-Identifier: AGPL-3.0-only
"""Exams and attempts of the older system, in memory: a new start knows nothing of the last one's."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sandbox.environment import this_sandbox
from sandbox.lms.courses import ROUTED_COURSE
from sandbox.lms.people import Person

# Ids of the two systems have nothing to do with each other; far apart they are easily told.
FIRST_ID: Final = 900_001

PATH: Final = "/api/edx_proctoring/v1/proctored_exam/"

SUPPORT: Final = {
    "provider_tech_support_email": "help@older-exams.example.com",
    "provider_tech_support_phone": "",
    "provider_tech_support_url": "",
    "provider_name": "The older exam system",
}


class Refused(Exception):
    """Something that is not possible; the text says why."""


@dataclass(kw_only=True)
class OlderExam:
    """An exam as the older system keeps it: kinds are two flags."""

    id: int
    course_id: str
    content_id: str
    exam_name: str
    time_limit_mins: int
    exam_type: str
    due_date: str | None = None
    hide_after_due: bool = False
    is_active: bool = True
    is_proctored: bool = False
    is_practice_exam: bool = False


@dataclass(kw_only=True)
class OlderAttempt:
    """
    A learner's attempt.

    :param started: None while the clock does not run yet
    """

    id: int
    exam: OlderExam
    user_id: int
    started: datetime | None = None
    ended: datetime | None = None
    is_about_to_submit: bool = False

    @property
    def seconds_left(self) -> float:
        """Seconds until the time is over, 0 without a running clock."""
        if self.started is None or self.ended is not None:
            return 0.0
        end = self.started + timedelta(minutes=self.exam.time_limit_mins)
        return max(0.0, (end - datetime.now(UTC)).total_seconds())

    @property
    def status(self) -> str:
        """In the words that both systems share."""
        if self.started is None:
            return "created"
        if self.ended is not None or self.seconds_left == 0:
            return "submitted"
        return "ready_to_submit" if self.is_about_to_submit else "started"

    @property
    def is_running(self) -> bool:
        """Check whether its clock runs."""
        return self.status in {"started", "ready_to_submit"}

    def as_json(self) -> dict[str, Any]:
        """As callers see it."""
        place = f"{this_sandbox().learning_url}/course/{self.exam.course_id}/{self.exam.content_id}"
        return {
            "attempt_id": self.id,
            "attempt_status": self.status,
            "in_timed_exam": True,
            "use_legacy_attempt_api": True,
            "exam_started_poll_url": f"{PATH}attempt/{self.id}",
            "course_id": self.exam.course_id,
            "exam_type": self.exam.exam_type,
            "exam_display_name": self.exam.exam_name,
            "exam_url_path": place,
            "time_remaining_seconds": self.seconds_left,
        }


@dataclass
class System:
    """All of it, behind one lock."""

    exams: dict[str, OlderExam] = field(default_factory=dict)
    attempts: list[OlderAttempt] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(FIRST_ID))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def register(self, course_id: str, items: Iterable[Mapping[str, Any]]) -> list[int]:
        """
        Make this the list of the course's exams.

        :returns: the exams' ids
        :raises Refused: an item lacks something
        """
        with self._lock:
            try:
                wanted = {item["content_id"]: self._exam(course_id, item) for item in items}
            except (KeyError, TypeError) as error:
                message = f"An exam has no {error}."
                raise Refused(message) from error
            for exam in self.exams.values():
                exam.is_active = exam.is_active and (exam.course_id != course_id or exam.content_id in wanted)
            self.exams |= wanted
            return [exam.id for exam in wanted.values()]

    def registered(self, course_id: str) -> list[dict[str, Any]]:
        """The course's active exams, as Studio would push them."""
        with self._lock:
            return [asdict(exam) for exam in self.exams.values() if exam.course_id == course_id and exam.is_active]

    def exam(self, content_id: str) -> OlderExam | None:
        """The active exam with this content."""
        exam = self.exams.get(content_id)
        return exam if exam and exam.is_active else None

    def attempt_of(self, content_id: str, user_id: int) -> OlderAttempt | None:
        """The learner's attempt of the exam with this content."""
        mine = (one for one in self.attempts if one.user_id == user_id and one.exam.content_id == content_id)
        return next(mine, None)

    def running_attempt(self, user_id: int) -> OlderAttempt | None:
        """The learner's attempt whose clock runs."""
        return next((one for one in self.attempts if one.user_id == user_id and one.is_running), None)

    def may_read(self, content_id: str, person: Person) -> bool:
        """Check whether this person may see the content: always what is no exam, an exam's while it is being sat."""
        if self.exam(content_id) is None:
            return True
        attempt = self.attempt_of(content_id, person.user_id)
        return attempt is not None and attempt.status == "started"

    def create(self, exam_id: int, person: Person, *, start: bool) -> OlderAttempt:
        """
        Make the learner's one attempt of an exam.

        :raises Refused: there is no such exam, or an attempt already
        """
        with self._lock:
            exam = next((exam for exam in self.exams.values() if exam.id == exam_id and exam.is_active), None)
            if exam is None:
                raise Refused("There is no such exam.")
            if self.attempt_of(exam.content_id, person.user_id):
                raise Refused("You have an attempt of this exam already.")
            started = datetime.now(UTC) if start else None
            attempt = OlderAttempt(id=next(self._ids), exam=exam, user_id=person.user_id, started=started)
            self.attempts.append(attempt)
            return attempt

    def own_attempt(self, attempt_id: int, person: Person) -> OlderAttempt:
        """
        An attempt of this person's.

        :raises Refused: there is none of this id, or it is somebody else's
        """
        mine = (one for one in self.attempts if one.id == attempt_id and one.user_id == person.user_id)
        if (attempt := next(mine, None)) is None:
            raise Refused("You have no such attempt.")
        return attempt

    def act(self, attempt_id: int, person: Person, action: str) -> OlderAttempt:
        """
        Do what the learner asks for with the attempt: start, stop, submit.

        :raises Refused: it is not theirs, it is over, or there is no such action
        """
        with self._lock:
            attempt = self.own_attempt(attempt_id, person)
            if attempt.status == "submitted":
                raise Refused("This attempt is over.")
            match action:
                case "start":
                    attempt.started = attempt.started or datetime.now(UTC)
                    attempt.is_about_to_submit = False
                case "stop":
                    attempt.is_about_to_submit = True
                case "submit":
                    attempt.ended = datetime.now(UTC)
                case _:
                    raise Refused("There is no such action.")
            return attempt

    def _exam(self, course_id: str, item: Mapping[str, Any]) -> OlderExam:
        known = self.exams.get(item["content_id"])
        return OlderExam(
            id=known.id if known else next(self._ids),
            course_id=course_id,
            content_id=item["content_id"],
            exam_name=item["exam_name"],
            time_limit_mins=item["time_limit_mins"],
            exam_type=item["exam_type"],
            due_date=item.get("due_date"),
            hide_after_due=bool(item.get("hide_after_due")),
            is_active=bool(item.get("is_active", True)),
            is_proctored=bool(item.get("is_proctored")),
            is_practice_exam=bool(item.get("is_practice_exam")),
        )


def _with_the_demo_exam() -> System:
    system = System()
    section = ROUTED_COURSE.sections[0]
    exam = {
        "content_id": section.content_id,
        "exam_name": section.title,
        "time_limit_mins": 15,
        "exam_type": "timed",
    }
    system.register(ROUTED_COURSE.id, [exam])
    return system


SYSTEM: Final = _with_the_demo_exam()
