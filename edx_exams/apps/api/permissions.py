"""Permissions that views declare."""

from typing import override

from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from edx_exams.apps.core.api import is_course_staff
from edx_exams.apps.core.models import User


class IsCourseStaff(IsAuthenticated):
    """Global staff, and the team of the course that the path names."""

    message = "Only staff of this course may do this."

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return isinstance(user, User) and is_course_staff(user, view.kwargs["course_id"])


class IsCourseStaffOrReadOnly(IsCourseStaff):
    """Anyone may look; course staff may change."""

    @override
    def has_permission(self, request: Request, view: APIView) -> bool:
        if request.method in SAFE_METHODS:
            return IsAuthenticated.has_permission(self, request, view)
        return super().has_permission(request, view)
