# SPDX-License-Identifier: AGPL-3.0-only
"""Allowances of a course: listed, given to many at once, taken away. Each row of a request is judged by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.views import AuthenticatedRequest
from edx_exams.apps.core.api import AllowanceOutcome, give_allowances, take_allowances
from edx_exams.apps.instructor import serializers
from edx_exams.apps.instructor.lists import AllowanceRows
from edx_exams.apps.instructor.pagination import page_of
from edx_exams.apps.instructor.rows import allowance_rows
from edx_exams.apps.instructor.views.base import InstructorAPIView


class CourseAllowances(InstructorAPIView):
    """The allowances of a course."""

    @extend_schema(
        operation_id="instructor_list_allowances",
        parameters=[serializers.ListQuerySerializer],
        responses=serializers.AllowancesPageSerializer,
    )
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """List the allowances of the course's active exams. A review exception is a row of its own."""
        query = self.validated(serializers.ListQuerySerializer, request.query_params.dict())
        rows = AllowanceRows(course_id, search=query["search"], ordering=query["ordering"])
        return page_of(rows, allowance_rows, request, self)

    @extend_schema(
        operation_id="instructor_give_allowances",
        request=serializers.BulkGrantSerializer,
        responses=serializers.BulkResultsSerializer,
    )
    def post(self, request: AuthenticatedRequest, course_id: str) -> Response:
        """Give each of these people the allowance for each of these exams; each pair is judged by itself."""
        wanted = self.validated(serializers.BulkGrantSerializer, request.data)
        outcomes = _give(request, course_id, wanted["exam_ids"], wanted)
        results = [{**_result(outcome), "exam_id": outcome.exam_id} for outcome in outcomes]
        return Response(
            {
                "allowance_type": wanted["allowance_type"].value,
                "value": serializers.shown_value(wanted["value"]),
                "results": results,
            }
        )


class ExamAllowance(InstructorAPIView):
    """Allowances for one exam."""

    @extend_schema(
        operation_id="instructor_give_exam_allowance",
        request=serializers.GrantSerializer,
        responses=serializers.ExamResultsSerializer,
    )
    def post(self, request: AuthenticatedRequest, course_id: str, exam_id: str) -> Response:
        """Give each of these people the allowance; each is judged by itself."""
        exam = self.exam_of_course(course_id, exam_id)
        wanted = self.validated(serializers.GrantSerializer, request.data)
        return _results(wanted, _give(request, course_id, [exam.pk], wanted))

    @extend_schema(
        operation_id="instructor_take_exam_allowance",
        request=serializers.RevokeSerializer,
        responses={200: serializers.ExamResultsSerializer},
    )
    def delete(self, request: AuthenticatedRequest, course_id: str, exam_id: str) -> Response:
        """Take the allowance of this type away from each of these people. A running attempt keeps its time."""
        exam = self.exam_of_course(course_id, exam_id)
        wanted = self.validated(serializers.RevokeSerializer, request.data)
        outcomes = take_allowances(
            course_id,
            exam.pk,
            wanted["user_ids"],
            allowance_type=wanted["allowance_type"],
            revoked_by=request.user,
        )
        return _results(wanted, outcomes)


def _give(
    request: AuthenticatedRequest, course_id: str, exam_ids: Sequence[int], wanted: Mapping[str, Any]
) -> list[AllowanceOutcome]:
    return give_allowances(
        course_id,
        exam_ids,
        wanted["user_ids"],
        allowance_type=wanted["allowance_type"],
        value=wanted["value"],
        granted_by=request.user,
    )


def _results(wanted: Mapping[str, Any], outcomes: list[AllowanceOutcome]) -> Response:
    return Response(
        {"allowance_type": wanted["allowance_type"].value, "results": [_result(outcome) for outcome in outcomes]}
    )


def _result(outcome: AllowanceOutcome) -> dict[str, Any]:
    """Show what became of one row."""
    result: dict[str, Any] = {"identifier": outcome.identifier, "success": outcome.error is None}
    if outcome.error is not None:
        result["error"] = outcome.error
    if outcome.replaced is not None:
        result["replaced"] = outcome.replaced.value
    return result
