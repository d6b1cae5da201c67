# SPDX-License-Identifier: AGPL-3.0-only
"""The course team's list of attempts: pages, search, CSV."""

import csv
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.pagination import LimitOffsetPagination

from edx_exams.apps.api.permissions import IsCourseStaff
from edx_exams.apps.api.schema import refusals
from edx_exams.apps.api.v1 import serializers
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView, or_404
from edx_exams.apps.core.api import Selection, attempt_page, csv_rows, get_course_exam_by_id, select_attempts


class CourseAttempts(ExamsAPIView):
    """The attempts of a course."""

    permission_classes = (IsCourseStaff,)

    @extend_schema(
        operation_id="list_attempts",
        parameters=[serializers.AttemptsQuerySerializer],
        responses={
            (200, "application/json"): serializers.InstructorAttemptsSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            **refusals(400, 404),
        },
    )
    def get(self, request: AuthenticatedRequest, course_id: str) -> HttpResponseBase:
        """List the attempts of an exam, or of all exams of the course: newest first, in pages, or as CSV."""
        wanted = self.validated(serializers.AttemptsQuerySerializer, request.query_params.dict())
        exam_id, exam = wanted.get("exam_id"), None
        if exam_id is not None:
            exam = or_404(get_course_exam_by_id(course_id, exam_id), f"exam {exam_id} in {course_id}")
        selection = Selection(course_id, exam, wanted["search"], wanted["status"], wanted["ordering"])
        if wanted["format"] == "csv":
            return _as_csv(csv_rows(select_attempts(selection)))
        pages = LimitOffsetPagination()
        pages.request, pages.limit, pages.offset = request, wanted["limit"], wanted["offset"]
        with_incidents = wanted["include"] == "incidents"
        page = attempt_page(selection, offset=pages.offset, limit=pages.limit, with_incidents=with_incidents)
        pages.count = page.total
        return pages.get_paginated_response(page.rows)


#: Tells Excel that the text is UTF-8.
_BOM: Final = "\ufeff"


class _Line:
    """A file for `csv.writer` that hands out each line instead of keeping it."""

    def write(self, line: str) -> str:
        return line


def _as_csv(rows: Iterator[list[Any]]) -> StreamingHttpResponse:
    writer = csv.writer(_Line())
    lines = (writer.writerow(row) for row in rows)
    response = StreamingHttpResponse(chain([_BOM], lines), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="attempts.csv"'
    return response
