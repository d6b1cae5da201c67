# SPDX-License-Identifier: AGPL-3.0-only
"""Addresses of the instructor dashboard's API."""

from collections.abc import Mapping
from typing import Final

from tests.factories import COURSE_ID

COURSE: Final = f"/api/instructor/v2/courses/{COURSE_ID}"
EXAMS: Final = f"{COURSE}/special_exams"
ATTEMPTS: Final = f"{EXAMS}/attempts"
ALLOWANCES: Final = f"{EXAMS}/allowances"
SETTINGS: Final = f"{COURSE}/proctoring_settings"

BASE: Final = "/api/instructor/v2/courses/{course_id}"
#: The documented paths below it, by the names that their views have.
PATHS: Final[Mapping[str, str]] = {
    "exams": "/special_exams",
    "exam": "/special_exams/{exam_id}",
    "course-attempts": "/special_exams/attempts",
    "exam-attempts": "/special_exams/{exam_id}/attempts",
    "reset": "/special_exams/{exam_id}/reset/{username}",
    "allowances": "/special_exams/allowances",
    "allowance": "/special_exams/{exam_id}/allowance",
    "proctoring-settings": "/proctoring_settings",
}
