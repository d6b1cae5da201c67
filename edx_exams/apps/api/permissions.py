# SPDX-License-Identifier: AGPL-3.0-only
"""Permissions that views declare."""

from typing import override

from edx_rest_framework_extensions.permissions import NotJwtRestrictedApplication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.permissions import IsAuthenticated as DRFIsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from edx_exams.apps.api.tokens import VerifiedToken
from edx_exams.apps.core.api import is_course_staff
from edx_exams.apps.core.models import User


class IsAuthenticated(NotJwtRestrictedApplication, DRFIsAuthenticated):
    """
    Anybody who is authenticated, but not by a token of a restricted application.

    edx-drf-extensions' middleware wants its class among those of every view with JWT authentication; that one decodes
    the token once more, while the request carries its claims already.
    """

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.auth, VerifiedToken) and request.auth.claims.get("is_restricted"):
            message = "Tokens of restricted applications are not accepted here."
            raise PermissionDenied(message)
        return DRFIsAuthenticated.has_permission(self, request, view)


class IsCourseStaff(IsAuthenticated):
    """Global staff, and the team of the course that the path names."""

    message = "Only staff of this course may do this."

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        if not super().has_permission(request, view):
            return False
        user = request.user
        return isinstance(user, User) and is_course_staff(user, view.kwargs["course_id"])


class IsCourseStaffOrReadOnly(IsCourseStaff):
    """Anyone may look; course staff may change."""

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return IsAuthenticated.has_permission(self, request, view)
        return super().has_permission(request, view)
