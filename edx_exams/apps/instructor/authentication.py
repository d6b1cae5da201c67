# SPDX-License-Identifier: AGPL-3.0-only
"""Authentication behind the LMS's host: the LMS's CSRF cookie counts there, ours on our own host."""

from typing import override
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import InvalidTokenFormat, _check_token_format  # type: ignore[attr-defined]
from rest_framework.authentication import CSRFCheck
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from edx_exams.apps.api.authentication import JwtAuthentication


class LmsCookieCheck(CSRFCheck):
    """
    Django's CSRF check by the LMS's cookie: a double submit, for which no secret of the LMS is needed.

    Rules for Origin and Referer are Django's. The cookie is the LMS's: it is read, never set or rotated.
    """

    @override
    def _get_secret(self, request: HttpRequest) -> str | None:  # type: ignore[misc]  # Django's, unknown to its stubs
        secret = request.COOKIES.get(settings.INSTRUCTOR_API_CSRF_COOKIE)
        if secret is None:
            return None
        try:
            _check_token_format(secret)
        except InvalidTokenFormat:
            return None
        return secret


class InstructorAuthentication(JwtAuthentication):
    """The API's authentication; on the LMS's host, a browser shows the LMS's CSRF token."""

    @override
    def _enforce_csrf(self, request: Request) -> None:
        if not _is_behind_the_lms(request):
            super()._enforce_csrf(request)
            return
        asked: HttpRequest = request._request  # noqa: SLF001  (the check is Django's)
        # By the header alone: a form stays unread, for it may have to be passed on, or be one that cannot be read.
        asked._mark_post_parse_error()  # type: ignore[attr-defined]  # noqa: SLF001
        check = LmsCookieCheck(lambda _: None)  # type: ignore[arg-type]  # it answers no request
        check.process_request(asked)
        reason = check.process_view(asked, lambda _: None, (), {})  # type: ignore[arg-type, return-value]
        if reason:
            message = f"CSRF Failed: {reason}"
            raise AuthenticationFailed(message)


def _is_behind_the_lms(request: Request) -> bool:
    return request.get_host().lower() == urlsplit(settings.LMS_ROOT_URL).netloc.lower()
