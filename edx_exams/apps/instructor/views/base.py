# SPDX-License-Identifier: AGPL-3.0-only
"""The base of the views of this API."""

from typing import Any, Final, override

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.module_loading import import_string
from drf_spectacular.openapi import AutoSchema
from rest_framework.request import Request
from rest_framework.response import Response

from edx_exams.apps.api.permissions import IsAuthenticated, IsCourseStaff
from edx_exams.apps.api.schema import refusal_of_shape
from edx_exams.apps.api.views import ExamsAPIView, or_404
from edx_exams.apps.core import opaque_keys
from edx_exams.apps.core.api import get_course_exam_by_id
from edx_exams.apps.core.models import Exam
from edx_exams.apps.instructor.authentication import InstructorAuthentication
from edx_exams.apps.instructor.serializers import DashboardRefusalSerializer

#: Statuses of refusals that every operation has, and of those that a body may get.
_REFUSALS: Final = (400, 401, 403, 404, 502, 503, 504, 508)
_REFUSALS_OF_BODIES: Final = (413, 415)


class ForwardedResponse(Exception):
    """The answer of another service for a course whose exams are there."""

    def __init__(self, response: HttpResponseBase) -> None:
        super().__init__()
        self.response = response


class DashboardSchema(AutoSchema):
    """OpenAPI description of these views: the ways to authenticate are the API's, described with it."""

    @override
    def get_auth(self) -> list[dict[str, Any]]:
        return []

    @override
    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            schema = self.resolve_serializer(DashboardRefusalSerializer, "response").ref
            for status in (*_REFUSALS, *(() if self.method == "GET" else _REFUSALS_OF_BODIES)):
                operation["responses"][str(status)] = refusal_of_shape(status, schema, "detail", "error")
        return operation


class InstructorAPIView(ExamsAPIView):
    """
    A view of a course that this service has, for staff of the course.

    A call about any other course is passed on for whoever is authenticated: its permissions are the other service's.
    """

    schema = DashboardSchema()
    authentication_classes = (InstructorAuthentication,)
    permission_classes = (IsCourseStaff,)

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # First of all, for which methods and paths there are is the other service's to say too.
        if IsAuthenticated().has_permission(request, self):
            self._pass_on(request)
        super().initial(request, *args, **kwargs)

    def _pass_on(self, request: Request) -> None:
        """
        Let another service answer a call about a course of its own.

        :raises ForwardedResponse: it has answered
        :raises NotFound: the course id is not one
        """
        course_id = self.kwargs["course_id"]
        course_key = opaque_keys.course_key(course_id)
        or_404(course_key, f"course {course_id}")
        if settings.INSTRUCTOR_API_FORWARDER:
            forward = import_string(settings.INSTRUCTOR_API_FORWARDER)
            response = forward(request, str(course_key))
            if response is not None:
                raise ForwardedResponse(response)

    @override
    def handle_exception(self, exc: Exception) -> Response:
        """Shape a refusal: the dashboard shows `detail` in one place, and `error` in another."""
        if isinstance(exc, ForwardedResponse):
            return exc.response  # type: ignore[return-value]  # DRF passes on any response of Django's
        response = super().handle_exception(exc)
        if isinstance(response.data, dict) and "detail" in response.data:
            response.data["error"] = response.data["detail"]
        return response

    def exam_of_course(self, course_id: str, exam_id: str) -> Exam:
        """
        Return the course's exam, active or not.

        :raises NotFound: the course has none of this id
        """
        return or_404(get_course_exam_by_id(course_id, int(exam_id)), f"exam {exam_id} in {course_id}")
