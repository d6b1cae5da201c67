# SPDX-License-Identifier: AGPL-3.0-only
"""A learner's attempts, and the access to an exam's content that they give."""

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework.response import Response

from edx_exams.apps.api.schema import refusals
from edx_exams.apps.api.v1 import serializers
from edx_exams.apps.api.v1.learner_shapes import student_attempt
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView, PolledAPIView, or_404
from edx_exams.apps.core.api import (
    change_attempt,
    create_exam_attempt,
    get_attempt_to_change,
    get_exam_by_id,
    grant_access,
    latest_attempt,
    remove_attempt,
    running_attempt,
)
from edx_exams.apps.core.models import User


class AccessToken(ExamsAPIView):
    """The permission to see an exam's content."""

    @extend_schema(operation_id="get_access_token", responses={200: serializers.AccessTokenSerializer, **refusals(404)})
    def get(self, request: AuthenticatedRequest, exam_id: str) -> Response:
        """Sign an access token for the caller, if they may see the exam's content now."""
        exam = or_404(get_exam_by_id(int(exam_id)), f"exam {exam_id}")
        permission = grant_access(exam, request.user)
        return Response({"exam_access_token": permission.token, "exam_access_token_expiration": permission.expires_in})


class Attempts(ExamsAPIView):
    """Attempts of the caller."""

    @extend_schema(
        operation_id="create_attempt",
        request=serializers.CreateAttemptSerializer,
        responses=serializers.AttemptIdSerializer,
        examples=[OpenApiExample("Begin and start", value={"exam_id": 12, "start_clock": True}, request_only=True)],
    )
    def post(self, request: AuthenticatedRequest) -> Response:
        """Create the caller's attempt of an exam, and start its clock where asked to: both or neither."""
        wanted = self.validated(serializers.CreateAttemptSerializer, request.data)
        attempt_id = create_exam_attempt(wanted["exam_id"], request.user.pk, start_clock=wanted["start_clock"])
        return Response({"exam_attempt_id": attempt_id})


class Attempt(ExamsAPIView):
    """One attempt: its learner acts on it, course staff verify or reject it."""

    @extend_schema(
        operation_id="change_attempt",
        request=serializers.AttemptActionSerializer,
        responses=serializers.AttemptIdSerializer,
        examples=[OpenApiExample("Hand in", value={"action": "submit"}, request_only=True)],
    )
    def put(self, request: AuthenticatedRequest, attempt_id: str) -> Response:
        """
        Act on an attempt.

        An attempt whose time is over is submitted first. What was done already is answered with 200 and not done again.
        `reset_attempt` answers the id of the fresh attempt.
        """
        wanted = self.validated(serializers.AttemptActionSerializer, request.data)
        attempt = get_attempt_to_change(int(attempt_id))
        changed = change_attempt(attempt, wanted["action"], by=request.user, detail=wanted["detail"] or "")
        return Response({"exam_attempt_id": changed})

    @extend_schema(operation_id="reset_attempt", request=None, responses={204: None})
    def delete(self, request: AuthenticatedRequest, attempt_id: str) -> Response:
        """Delete an attempt so that its learner can begin again. Learners may for practice exams."""
        remove_attempt(get_attempt_to_change(int(attempt_id)), by=request.user)
        return Response(status=204)


class LatestAttempt(PolledAPIView):
    """The attempt that the caller is working on."""

    @extend_schema(
        operation_id="get_latest_attempt",
        parameters=[OpenApiParameter("content_id", str, description="The exam's usage key.")],
        responses=PolymorphicProxySerializer(
            "LatestAttempt", [serializers.StudentAttemptSerializer, serializers.EmptySerializer], None
        ),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """
        Show the caller's running attempt of the exam, else of whatever exam, else the latest attempt of the exam.

        An attempt whose time is over is submitted first. A learner without a running attempt here may have an active
        one in another exam system of the platform: that is shown then.
        """
        # A plus sign that was not percent-encoded reads as a blank in a query; no usage key holds a blank.
        content_id = request.query_params.get("content_id", "").replace(" ", "+")
        running, timed_out = running_attempt(request.user, content_id)
        if running:
            return Response(student_attempt(running))
        if elsewhere := _active_attempt_elsewhere(request.user):
            return Response(elsewhere)
        attempt = latest_attempt(request.user.pk, content_id, timed_out)
        return Response(student_attempt(attempt) if attempt else {})


def _active_attempt_elsewhere(user: User) -> dict[str, Any] | None:
    """Return the answer of the function that `ACTIVE_ATTEMPT_ELSEWHERE` names; None without one."""
    hook: str | None = getattr(settings, "ACTIVE_ATTEMPT_ELSEWHERE", None)
    return import_string(hook)(user) if hook else None
