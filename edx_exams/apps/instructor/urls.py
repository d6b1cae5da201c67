"""
Paths of the instructor dashboard's API, below `/api/instructor/v2/`.

Patterns are anchored at both ends; a trailing slash is optional. The site's proxy routes them here from the LMS's host.
"""

from typing import Final

from django.urls import URLPattern, re_path
from rest_framework.views import APIView

from edx_exams.apps.api.errors import not_found
from edx_exams.apps.instructor.views import allowances, attempts, exams, proctoring_settings

_PLACEHOLDERS: Final = {
    "{exam}": r"(?P<exam_id>[0-9]{1,19})",
    "{username}": r"(?P<username>[^/]+)",
}


def _endpoint(route: str, view: type[APIView], name: str) -> URLPattern:
    """Make a path of a course, with or without a slash at its end."""
    for placeholder, pattern in _PLACEHOLDERS.items():
        route = route.replace(placeholder, pattern)
    return re_path(rf"^courses/(?P<course_id>.+?)/{route}/?\Z", view.as_view(), name=name)


app_name = "instructor"
urlpatterns = [
    _endpoint("special_exams", exams.CourseExams, "exams"),
    _endpoint("special_exams/attempts", attempts.CourseAttempts, "course-attempts"),
    _endpoint("special_exams/allowances", allowances.CourseAllowances, "allowances"),
    _endpoint("special_exams/{exam}", exams.CourseExam, "exam"),
    _endpoint("special_exams/{exam}/attempts", attempts.ExamAttempts, "exam-attempts"),
    _endpoint("special_exams/{exam}/reset/{username}", attempts.ResetAttempts, "reset"),
    _endpoint("special_exams/{exam}/allowance", allowances.ExamAllowance, "allowance"),
    _endpoint("proctoring_settings", proctoring_settings.ProctoringSettings, "proctoring-settings"),
    re_path(r"", not_found),
]
