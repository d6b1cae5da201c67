# SPDX-License-Identifier: AGPL-3.0-only
"""
Paths of version 1, below `/api/v1/`.

Course and content ids hold slashes and plus signs; patterns are anchored at both ends; a trailing slash is optional.
"""

from functools import partial
from typing import Final

from django.urls import re_path

from edx_exams.apps.api.errors import not_found
from edx_exams.apps.api.paths import ID_PATTERN, endpoint
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
    "{exam}": f"(?P<exam_id>{ID_PATTERN})",
    "{attempt}": f"(?P<attempt_id>{ID_PATTERN})",
    "{allowance}": f"(?P<allowance_id>{ID_PATTERN})",
}
_endpoint: Final = partial(endpoint, placeholders=_PLACEHOLDERS)

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
