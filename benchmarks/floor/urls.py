# SPDX-License-Identifier: AGPL-3.0-only
"""One view: verify the token, ask the database once by an index, answer JSON."""

import os
from typing import Any, Final

import jwt
from django.db import connection
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_KEY: Final = jwt.PyJWKSet.from_json(os.environ["EXAMS_TEST_JWK_SET"]).keys[0].key


class TokenAuthentication(BaseAuthentication):
    """The LMS's signature, verified at each request with a key that was parsed once."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        """Return the claims in place of a user."""
        token = request.META["HTTP_AUTHORIZATION"].removeprefix("JWT ")
        return jwt.decode(token, _KEY, algorithms=["RS512"], audience="lms-key"), token


class HasClaims(BasePermission):
    """Whoever has a valid token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Grant access to the bearer of a token."""
        return request.user is not None


class Floor(APIView):
    """A person, looked up by an index."""

    authentication_classes = (TokenAuthentication,)
    permission_classes = (HasClaims,)

    def get(self, request: Request) -> Response:
        """Show the caller's row."""
        claims: Any = request.user
        with connection.cursor() as cursor:
            cursor.execute("SELECT id, username FROM core_user WHERE lms_user_id = %s", [claims["user_id"]])
            pk, username = cursor.fetchone()
        return Response({"id": pk, "username": username})


urlpatterns = [path("floor", Floor.as_view())]
