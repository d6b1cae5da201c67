# SPDX-License-Identifier: AGPL-3.0-only
"""Authentication by the launch cookie, for what a tool's page loads from us in a person's browser."""

from typing import override

from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from edx_exams.apps.api.token_person import require_active
from edx_exams.apps.core.models import User
from edx_exams.apps.lti import launch_sessions


class LaunchCookieAuthentication(BaseAuthentication):
    """The person who launched a tool in this browser. Fit for reading only: it checks no CSRF token."""

    @override
    def authenticate(self, request: Request) -> tuple[User, None] | None:
        user = launch_sessions.current_user(request._request)  # noqa: SLF001  (REST framework offers no other way)
        if user is None:
            return None
        require_active(user)
        return user, None
