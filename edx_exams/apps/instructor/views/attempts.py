# SPDX-License-Identifier: AGPL-3.0-only
"""Attempts of a course, and their reset."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.views import AuthenticatedRequest
from edx_exams.apps.core.api import Selection, reset_attempts_of, select_attempts
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.instructor import serializers
from edx_exams.apps.instructor.lists import search_attempts
from edx_exams.apps.instructor.pagination import page_of
from edx_exams.apps.instructor.rows import ATTEMPT_COLUMNS, attempt_rows
from edx_exams.apps.instructor.views.base import InstructorAPIView


class _Attempts(InstructorAPIView):
    """A list of attempts in pages."""

    def page(self, request: AuthenticatedRequest, attempts: QuerySet[ExamAttempt]) -> Response:
        """Answer with the page that the query asks for."""
        query = self.validated(serializers.ListQuerySerializer, request.query_params.dict())
        found = search_attempts(attempts, search=query["search"], ordering=query["ordering"])
        return page_of(found.values_list(*ATTEMPT_COLUMNS), attempt_rows, request, self)


class CourseAttempts(_Attempts):
    """The attempts of a course, of retired instances of its exams too."""

    @extend_schema(
        operation_id="instructor_list_course_attempts",
        parameters=[serializers.ListQuerySerializer],
        responses=serializers.AttemptsPageSerializer,
    )
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """List the attempts of the course, newest first."""
        return self.page(request, select_attempts(Selection(course_id)))


class ExamAttempts(_Attempts):
    """The attempts of an exam: of this row, not of its other instances."""

    @extend_schema(
        operation_id="instructor_list_exam_attempts",
        parameters=[serializers.ListQuerySerializer],
        responses=serializers.AttemptsPageSerializer,
    )
    def get(self, request: AuthenticatedRequest, course_id: str, exam_id: str) -> Response:
        """List the attempts of the exam, newest first."""
        return self.page(request, select_attempts(Selection(course_id, self.exam_of_course(course_id, exam_id))))


class ResetAttempts(InstructorAPIView):
    """A learner's attempts of an exam, to be reset."""

    @extend_schema(
        operation_id="instructor_reset_attempts",
        request=None,
        responses=serializers.ResetSerializer,
    )
    def post(self, request: AuthenticatedRequest, course_id: str, exam_id: str, username: str) -> Response:
        """Reset the learner's attempts of the exam, so that the learner can begin again."""
        exam = self.exam_of_course(course_id, exam_id)
        reset_attempts_of(username, exam, requesting_user=request.user)
        message = _("The exam attempt of {username} was reset.").format(username=username)
        return Response({"success": True, "message": message})
