# SPDX-License-Identifier: AGPL-3.0-only
"""Actions of a course team while learners sit exams, by the service's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import requests

from tests.e2e.sandbox import WORKER, RunningSandbox
from tests.mfe.learning_mfe import LearningInterface, Sequence

TIMEOUT_SECONDS: Final = 20


@dataclass(frozen=True, kw_only=True)
class Exam:
    """An exam as a course team wants it; its content is named by the sequence's block."""

    block: str
    exam_type: str
    minutes: int
    due: datetime | None = None
    hide_after_due: bool = False


@dataclass(kw_only=True)
class Campus:
    """The sandbox, the learning interface and the courses' sequences by block."""

    sandbox: RunningSandbox
    interface: LearningInterface
    sequences: Mapping[str, Sequence]

    def ask(self, method: str, path: str, json: Any = None) -> requests.Response:
        """Call the service's API as a worker of the platform, who may do all that course teams may."""
        response = requests.request(
            method,
            f"{self.sandbox.exams_url}/api/v1/{path}",
            json=json,
            headers=WORKER.authorization(),
            timeout=TIMEOUT_SECONDS,
        )
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response

    def set_exams(self, *exams: Exam) -> dict[str, int]:
        """
        Make these the exams of their course.

        :returns: their ids by block
        """
        (course_id,) = {self.sequences[exam.block].course_id for exam in exams}
        items = [
            {
                "exam_name": self.sequences[exam.block].title,
                "content_id": self.sequences[exam.block].content_id,
                "course_id": course_id,
                "time_limit_mins": exam.minutes,
                "due_date": exam.due.isoformat() if exam.due else None,
                "exam_type": exam.exam_type,
                "hide_after_due": exam.hide_after_due,
                "is_active": True,
            }
            for exam in exams
        ]
        course = quote(course_id)
        self.ask("PATCH", f"exams/course_id/{course}", items)
        ids = {item["content_id"]: item["id"] for item in self.ask("GET", f"exams/course_id/{course}").json()}
        return {exam.block: ids[self.sequences[exam.block].content_id] for exam in exams}

    def give_minutes(self, block: str, exam_id: int, username: str, minutes: int) -> None:
        """Give a learner extra time."""
        course = quote(self.sequences[block].course_id)
        grants = [{"username": username, "exam_id": exam_id, "extra_time_mins": minutes}]
        self.ask("POST", f"exams/course_id/{course}/allowances", grants)

    def attempts(self, exam_id: int, block: str) -> list[dict[str, Any]]:
        """An exam's attempts as the course team sees them, newest first."""
        course = quote(self.sequences[block].course_id)
        answer = self.ask("GET", f"instructor_view/course_id/{course}/attempts?exam_id={exam_id}").json()
        return list(answer["results"])

    def judge(self, attempt_id: int, verdict: str) -> None:
        """Verify or reject an attempt."""
        self.ask("PUT", f"exams/attempt/{attempt_id}", {"action": verdict})
