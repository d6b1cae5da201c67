# SPDX-License-Identifier: AGPL-3.0-only
"""The project's one app, which listens."""

import json
import os
from pathlib import Path
from typing import Any

from django.apps import AppConfig


class LMS(AppConfig):
    """Hears of exam attempts."""

    name = "tests.services.lms_project"

    def ready(self) -> None:
        """Listen to all that is said of them."""
        from openedx_events.learning import signals  # noqa: PLC0415  (needs the apps)

        for outcome in ("SUBMITTED", "VERIFIED", "REJECTED", "ERRORED", "RESET"):
            getattr(signals, f"EXAM_ATTEMPT_{outcome}").connect(_hear)


def _hear(signal: Any, metadata: Any, exam_attempt: Any, **_: Any) -> None:
    """Write down what came."""
    requested_by = exam_attempt.requesting_user
    heard = {
        "type": signal.event_type,
        "id": str(metadata.id),
        "learner": [exam_attempt.student_user.id, exam_attempt.student_user.pii.username],
        "course": str(exam_attempt.course_key),
        "content": str(exam_attempt.usage_key),
        "exam_type": exam_attempt.exam_type,
        "requested_by": requested_by and requested_by.id,
    }
    with Path(os.environ["LMS_HEARD"]).open("a") as file:
        file.write(json.dumps(heard) + "\n")
