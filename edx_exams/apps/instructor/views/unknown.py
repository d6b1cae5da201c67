# SPDX-License-Identifier: AGPL-3.0-only
"""Paths below the dashboard's that are not ours."""

from typing import override

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from edx_exams.apps.instructor.views.base import InstructorAPIView


@extend_schema(exclude=True)
class UnknownPath(InstructorAPIView):
    """A path that the LMS may know: passed on for a course of its own, and not found in one of ours."""

    @override
    def require_method(self, request: Request) -> None:
        """
        Refuse every method alike.

        :raises NotFound: always
        """
        message = "There is nothing at this path."
        raise NotFound(message)
