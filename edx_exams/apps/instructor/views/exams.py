# SPDX-License-Identifier: AGPL-3.0-only
"""Special exams of a course."""

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.views import AuthenticatedRequest
from edx_exams.apps.core.api import get_course_exams
from edx_exams.apps.instructor import serializers
from edx_exams.apps.instructor.lists import exams_of_type
from edx_exams.apps.instructor.rows import exam_row
from edx_exams.apps.instructor.views.base import InstructorAPIView


class CourseExams(InstructorAPIView):
    """The active exams of a course."""

    @extend_schema(
        operation_id="instructor_list_exams",
        parameters=[serializers.ExamsQuerySerializer],
        responses=serializers.DashboardExamSerializer(many=True),
    )
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """List the course's active exams, all or those of a type. Onboarding exams count as practice."""
        exams = exams_of_type(get_course_exams(course_id), request.query_params.get("exam_type"))
        return Response([exam_row(exam) for exam in exams])


class CourseExam(InstructorAPIView):
    """An exam of a course."""

    @extend_schema(
        operation_id="instructor_get_exam",
        responses=serializers.DashboardExamSerializer,
    )
    def get(self, request: AuthenticatedRequest, course_id: str, exam_id: str) -> Response:
        """Show the exam, active or not."""
        return Response(exam_row(self.exam_of_course(course_id, exam_id)))
