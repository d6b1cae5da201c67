"""
Paths of version 1, below `/api/v1/`.

Course and content ids hold slashes and plus signs; patterns are anchored at both ends; a trailing slash is optional.
"""

from typing import Final

from django.urls import URLPattern, re_path
from rest_framework.views import APIView

from edx_exams.apps.api.errors import not_found
from edx_exams.apps.api.v1.views import allowances, attempts, configurations, course_attempts, exams, retirement

#: `course-v1:Org+Num+Run`, `Org/Num/Run`, or an external key of letters, digits, `-`, `_` and `:`.
_COURSE: Final = r"(?P<course_id>(?:[^/+]+\+[^/+]+\+[^/]+|[^/+]+/[^/+]+/[^/]+|[A-Za-z0-9_:-]+))"
#: The same where nothing follows: a path below `/allowances/` is none of an old-style course that would be called so.
_COURSE_ALONE: Final = _COURSE.replace("(?:", "(?![^/]+/allowances/)(?:", 1)
_CONTENT: Final = r"(?P<content_id>.+?)"
_PLACEHOLDERS: Final = {
    "{course}": _COURSE,
    "{course alone}": _COURSE_ALONE,
    "{content}": _CONTENT,
    "{exam}": r"(?P<exam_id>[0-9]{1,19})",
    "{attempt}": r"(?P<attempt_id>[0-9]{1,19})",
    "{allowance}": r"(?P<allowance_id>[0-9]{1,19})",
}


def _endpoint(route: str, view: type[APIView], name: str) -> URLPattern:
    """A path with placeholders, anchored, with or without a slash at its end."""
    for placeholder, pattern in _PLACEHOLDERS.items():
        route = route.replace(placeholder, pattern)
    return re_path(rf"^{route}/?\Z", view.as_view(), name=name)


app_name = "v1"
urlpatterns = [
    _endpoint("exams/course_id/{course}/allowances", allowances.CourseAllowances, "allowances"),
    _endpoint("exams/course_id/{course}/allowances/{allowance}", allowances.CourseAllowance, "allowance"),
    _endpoint("exams/course_id/{course alone}", exams.CourseExams, "exams"),
    _endpoint("configs/course_id/{course}", configurations.CourseConfiguration, "configuration"),
    _endpoint("providers?", configurations.Providers, "providers"),
    _endpoint("access_tokens/exam_id/{exam}", attempts.AccessToken, "access-token"),
    _endpoint("exams/attempt", attempts.Attempts, "attempts"),
    _endpoint("exams/attempt/latest", attempts.LatestAttempt, "latest-attempt"),
    _endpoint("exams/attempt/{attempt}", attempts.Attempt, "attempt"),
    _endpoint("instructor_view/course_id/{course}/attempts", course_attempts.CourseAttempts, "course-attempts"),
    _endpoint("student/exam/attempt/course_id/{course}/content_id/{content}", exams.LearnersExam, "learners-exam"),
    _endpoint("exam/provider_settings/course_id/{course}/exam_id/{exam}", exams.ProviderSettings, "provider-settings"),
    _endpoint("student/course_id/{course}/onboarding", exams.Onboarding, "onboarding"),
    _endpoint("users/retire", retirement.Retirement, "retirement"),
    # The last word, so that what does not exist is answered in JSON in debug mode too.
    re_path(r"", not_found),
]
