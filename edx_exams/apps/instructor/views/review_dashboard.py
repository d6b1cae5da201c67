# SPDX-License-Identifier: AGPL-3.0-only
"""The address behind the dashboard's button for reviews, where the proxy routes it here."""

from django.conf import settings
from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema

from edx_exams.apps.api.views import AuthenticatedRequest, or_404
from edx_exams.apps.core.api import get_course_exams
from edx_exams.apps.instructor.views.base import InstructorAPIView


class ReviewDashboard(InstructorAPIView):
    """The proctoring tool's page for instructors."""

    @extend_schema(exclude=True)
    def get(self, request: AuthenticatedRequest, course_id: str, exam_id: str | None = None) -> HttpResponseBase:
        """Go on to the launch of the exam's tool; without an exam, to that of the course's newest exam with a tool."""
        or_404(settings.INSTRUCTOR_API_REVIEW_DASHBOARD or None, "review dashboard here")
        if exam_id is not None:
            exam = self.exam_of_course(course_id, exam_id)
        else:
            proctored = get_course_exams(course_id).filter(provider__isnull=False).order_by("-created", "-pk")
            exam = or_404(proctored.first(), f"proctored exam in {course_id}")
        return HttpResponseRedirect(f"{settings.ROOT_URL.rstrip('/')}/lti/exam/{exam.pk}/instructor_tool")
