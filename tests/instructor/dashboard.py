"""Addresses of the instructor dashboard's API."""

from typing import Final

from tests.factories import COURSE_ID

COURSE: Final = f"/api/instructor/v2/courses/{COURSE_ID}"
EXAMS: Final = f"{COURSE}/special_exams"
ATTEMPTS: Final = f"{EXAMS}/attempts"
ALLOWANCES: Final = f"{EXAMS}/allowances"
SETTINGS: Final = f"{COURSE}/proctoring_settings"
