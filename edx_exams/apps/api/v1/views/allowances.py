# SPDX-License-Identifier: AGPL-3.0-only
"""Extra time of a course's learners."""

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.permissions import IsCourseStaff
from edx_exams.apps.api.schema import refusals
from edx_exams.apps.api.v1 import serializers
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView, or_404
from edx_exams.apps.core.api import allowance_rows, grant_extra_time, revoke_extra_time
from edx_exams.apps.core.data import ExtraTime


class CourseAllowances(ExamsAPIView):
    """Extra time of the learners of a course."""

    permission_classes = (IsCourseStaff,)

    @extend_schema(operation_id="list_allowances", responses=serializers.AllowanceSerializer(many=True))
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """List the allowances of the course's active exams."""
        return Response(allowance_rows(course_id))

    @extend_schema(
        operation_id="grant_allowances",
        request=serializers.ExtraTimeSerializer(many=True),
        responses={200: None},
        examples=[OpenApiExample("Extra time", value={"username": "ada", "exam_id": 12, "extra_time_mins": 7.5})],
    )
    def post(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """
        Give learners extra time, replacing what they had: all of them or none.

        A learner whose attempt is in progress gets the difference at once.
        """
        grants = self.validated(
            serializers.ExtraTimeSerializer, request.data, many=True, max_length=serializers.MAX_GRANTS
        )
        grant_extra_time(course_id, [ExtraTime(**grant) for grant in grants], granted_by=request.user)
        return Response()


class CourseAllowance(ExamsAPIView):
    """One learner's extra time."""

    permission_classes = (IsCourseStaff,)

    @extend_schema(operation_id="delete_allowance", request=None, responses={204: None, **refusals(404)})
    def delete(self, request: AuthenticatedRequest, course_id: str, allowance_id: str) -> Response:
        """Take the extra time back. An attempt in progress keeps what it got."""
        or_404(revoke_extra_time(course_id, int(allowance_id)) or None, f"allowance {allowance_id} in {course_id}")
        return Response(status=204)
