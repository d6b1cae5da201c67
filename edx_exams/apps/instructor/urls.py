# SPDX-License-Identifier: AGPL-3.0-only
"""
Paths of the instructor dashboard's API, below `/api/instructor/v2/`.

Patterns are anchored at both ends; a trailing slash is optional. The site's proxy routes them here from the LMS's host.
"""

from functools import partial
from typing import Final

from django.urls import re_path

from edx_exams.apps.api.errors import not_found
from edx_exams.apps.api.paths import ID_PATTERN, endpoint
from edx_exams.apps.instructor.views import allowances, attempts, exams, proctoring_settings
from edx_exams.apps.instructor.views.unknown import UnknownPath

_COURSE: Final = r"courses/(?P<course_id>.+?)"
_PLACEHOLDERS: Final = {
    "{course}": _COURSE,
    "{exam}": f"(?P<exam_id>{ID_PATTERN})",
    "{username}": r"(?P<username>[^/]+)",
}
_endpoint: Final = partial(endpoint, placeholders=_PLACEHOLDERS)

app_name = "instructor"
urlpatterns = [
    _endpoint("{course}/special_exams", exams.CourseExams, "exams"),
    _endpoint("{course}/special_exams/attempts", attempts.CourseAttempts, "course-attempts"),
    _endpoint("{course}/special_exams/allowances", allowances.CourseAllowances, "allowances"),
    _endpoint("{course}/special_exams/{exam}", exams.CourseExam, "exam"),
    _endpoint("{course}/special_exams/{exam}/attempts", attempts.ExamAttempts, "exam-attempts"),
    _endpoint("{course}/special_exams/{exam}/reset/{username}", attempts.ResetAttempts, "reset"),
    _endpoint("{course}/special_exams/{exam}/allowance", allowances.ExamAllowance, "allowance"),
    _endpoint("{course}/proctoring_settings", proctoring_settings.ProctoringSettings, "proctoring-settings"),
    # What else the proxy routes here: the LMS may know it, of a course of its own.
    re_path(rf"^{_COURSE}/(?:special_exams|proctoring_settings).*\Z", UnknownPath.as_view(), name="unknown"),
    re_path(r"", not_found),
]
