# SPDX-License-Identifier: AGPL-3.0-only
"""
Views of the API for courses that may still be in the legacy service.

Each is the API's own view, with its authentication and permissions; it answers itself for a course of ours, and passes
on what the legacy service answers for any other.
"""

import json
from typing import Any, override

from django.conf import settings
from rest_framework.exceptions import ParseError, PermissionDenied, ValidationError
from rest_framework.response import Response

from edx_exams.apps.api.v1.views import exams
from edx_exams.apps.api.views import AuthenticatedRequest
from edx_exams.apps.core.api import get_course_exam_configuration_by_course_id, is_course_staff
from edx_exams.apps.core.exam_types import get_exam_type
from edx_exams.apps.router.client import LegacyResponse, legacy_client
from edx_exams.apps.router.schema import CourseExamsSchema, ForwardedSchema, described_as


def is_ours(course_id: str) -> bool:
    """Tell whether the course's exams are here: it has a provider, or nothing is legacy. One statement at most."""
    if not settings.LEGACY_EXAMS_ENABLED:
        return True
    configuration = get_course_exam_configuration_by_course_id(course_id)
    return configuration is not None and configuration.provider is not None


class CourseExams(exams.CourseExams):
    """The active exams of a course, wherever they are."""

    schema = CourseExamsSchema()

    @described_as(exams.CourseExams.get)
    @override
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        if is_ours(course_id):
            return super().get(request, course_id)
        return Response([], status=404)  # the legacy service has no list to give

    @described_as(exams.CourseExams.patch)
    @override
    def patch(self, request: AuthenticatedRequest, course_id: str) -> Response:
        if is_ours(course_id):
            return super().patch(request, course_id)
        path = "proctored_exam/exam_registration/course_id/{}"
        body, seconds = _registration(request.data), settings.LEGACY_WRITE_TIMEOUT
        return _proxy_response(legacy_client().ask("PATCH", path, course_id, body=body, read_timeout=seconds))


class LearnersExam(exams.LearnersExam):
    """An exam as the learner who asks meets it, wherever it is. One that is in progress here stays here."""

    schema = ForwardedSchema()

    @override
    def answer_not_in_progress(self, request: AuthenticatedRequest, course_id: str, content_id: str) -> Response:
        if is_ours(course_id):
            return super().answer_not_in_progress(request, course_id, content_id)
        if request.user.lms_user_id is None:
            return Response({"exam": {}})
        query: dict[str, str | int] = {"content_id": content_id, "user_id": request.user.lms_user_id}
        answer = legacy_client().ask("GET", "proctored_exam/attempt/course_id/{}", course_id, query=query, retry=True)
        if isinstance(answer.data, dict):
            answer.data.pop("active_attempt", None)
        return _proxy_response(answer)


class ProviderSettings(exams.ProviderSettings):
    """Contacts for a learner for whom proctoring does not work, wherever the exam is."""

    schema = ForwardedSchema()

    @described_as(exams.ProviderSettings.get)
    @override
    def get(self, request: AuthenticatedRequest, course_id: str, exam_id: str) -> Response:
        if is_ours(course_id):
            return super().get(request, course_id, exam_id)
        return _proxy_response(legacy_client().ask("GET", "proctored_exam/settings/exam_id/{}/", exam_id, retry=True))


class Onboarding(exams.Onboarding):
    """Onboarding exams, which the legacy service alone has."""

    schema = ForwardedSchema()

    @described_as(exams.Onboarding.get)
    @override
    def get(self, request: AuthenticatedRequest, course_id: str) -> Response:
        if is_ours(course_id):
            return super().get(request, course_id)
        # We ask as one who may read anyone's, so whether the caller may is for us to say.
        username = request.query_params.get("username") or request.user.username
        if username != request.user.username and not is_course_staff(request.user, course_id):
            message = "Only staff of this course may ask about others."
            raise PermissionDenied(message)
        query = {"is_learning_mfe": "true", "course_id": course_id, "username": username}
        return _proxy_response(legacy_client().ask("GET", "user_onboarding/status", query=query, retry=True))


def _proxy_response(answer: LegacyResponse) -> Response:
    return Response(answer.data, status=answer.status)


def _registration(exam_list: Any) -> bytes:
    """
    A course's list of exams as the legacy service takes it, in which two flags say what the type is.

    :raises ValidationError: it is not a list
    :raises ParseError: it holds a number that JSON cannot
    """
    if not isinstance(exam_list, list):
        message = "The body must be a list of exams."
        raise ValidationError({"non_field_errors": [message]})
    try:
        return json.dumps([_with_flags(item) for item in exam_list], allow_nan=False).encode()
    except ValueError:
        message = "A number in the body is out of bounds."
        raise ParseError(message) from None


def _with_flags(item: Any) -> Any:
    name = item.get("exam_type") if isinstance(item, dict) else None
    exam_type = get_exam_type(name) if isinstance(name, str) else None
    if exam_type is None:
        return item
    return {**item, "is_proctored": exam_type.is_proctored, "is_practice_exam": exam_type.is_practice}
