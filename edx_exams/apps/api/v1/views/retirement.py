# SPDX-License-Identifier: AGPL-3.0-only
"""Retirement of a person, asked for by the platform's pipeline."""

from typing import Final, override

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_204_NO_CONTENT
from rest_framework.views import APIView

from edx_exams.apps.api.authentication import JwtAuthentication
from edx_exams.apps.api.permissions import IsAuthenticated
from edx_exams.apps.api.schema import refusals
from edx_exams.apps.api.tokens import VerifiedToken
from edx_exams.apps.api.views import AuthenticatedRequest, ExamsAPIView
from edx_exams.apps.core.limits import MAX_INTEGER
from edx_exams.apps.core.models import User
from edx_exams.apps.core.retirement import retire_user

#: Values of the claim `grant_type` in tokens that a service gets for itself. A person's is `password`.
_GRANTS_OF_SERVICES: Final = frozenset({None, "", "client-credentials", "client_credentials"})


class HeaderJwtAuthentication(JwtAuthentication):
    """Authentication by a token in the header alone: a browser's cookies count as none."""

    @override
    def authenticate(self, request: Request) -> tuple[User, VerifiedToken] | None:
        if "HTTP_AUTHORIZATION" not in request.META:
            return None
        return super().authenticate(request)


class IsRetirementWorker(IsAuthenticated):
    """
    The pipeline's service user alone.

    Where the LMS has no such user, anybody could register the name: a token that a person got by signing in is refused,
    unless the LMS says that they administer the platform.
    """

    message = "Only the platform's retirement pipeline may do this."

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view) or not isinstance(request.auth, VerifiedToken):
            return False
        claims = request.auth.claims
        is_service = claims.get("administrator") is True or claims.get("grant_type") in _GRANTS_OF_SERVICES
        return is_service and request.user.get_username() == settings.RETIREMENT_SERVICE_WORKER_USERNAME


class RetirementSerializer(serializers.Serializer[None]):
    """The person, and what stands in place of their names."""

    username = serializers.CharField(max_length=150, help_text="Theirs in the LMS until now.")
    retired_username = serializers.CharField(max_length=150)
    retired_email = serializers.EmailField(max_length=254)
    lms_user_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MAX_INTEGER,
        help_text="Where it is known.",
    )


class Retirement(ExamsAPIView):
    """Retirement of a person."""

    authentication_classes = (HeaderJwtAuthentication,)
    permission_classes = (IsRetirementWorker,)

    @extend_schema(
        operation_id="retire_user",
        auth=[{"jwtHeader": []}],  # type: ignore[list-item]  # as drf-spectacular writes it into the document
        request=RetirementSerializer,
        responses={204: None, **refusals(404)},
        examples=[
            OpenApiExample(
                "A person",
                value={
                    "username": "jane",
                    "retired_username": "retired__user_8f3a",
                    "retired_email": "retired__user_8f3a@retired.invalid",
                    "lms_user_id": 4711,
                },
            )
        ],
    )
    def post(self, request: AuthenticatedRequest) -> Response:
        """
        Replace everything that names a person, and switch their account off.

        Their attempts stay. Asked again, it answers the same.
        """
        retire_user(**self.validated(RetirementSerializer, request.data))
        return Response(status=HTTP_204_NO_CONTENT)
