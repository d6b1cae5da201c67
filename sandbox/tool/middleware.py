# SPDX-License-Identifier: AGPL-3.0-only
"""Headers of every page of the proctoring tool."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

type GetResponse = Callable[[HttpRequest], HttpResponse]


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Scripts and styles come from files of ours only. Forms may go elsewhere: one goes to the platform."""
    policy = "default-src 'self'; base-uri 'none'; object-src 'none'"

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        return response

    return middleware
