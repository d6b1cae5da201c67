# SPDX-License-Identifier: AGPL-3.0-only
"""Headers of every page of the sandbox LMS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from sandbox.environment import this_sandbox
from sandbox.lms.people import BY_USERNAME

type GetResponse = Callable[[HttpRequest], HttpResponse]

SESSION_KEY: Final = "username"
_OPEN_TO_ALL: Final = ("/static/", "/favicon.ico", "/login", "/oauth2/", "/csrf/", "/health/", "/support/", "/api/")


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Scripts and styles come from files of ours only; data from us and the exam service."""
    policy = f"default-src 'self'; connect-src 'self' {this_sandbox().exams_url}; base-uri 'none'; object-src 'none'"

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        return response

    return middleware


def sign_in_required(get_response: GetResponse) -> GetResponse:
    """Put the signed-in person on the request; send everybody else to the sign-in page and back afterwards."""

    def middleware(request: HttpRequest) -> HttpResponse:
        person = BY_USERNAME.get(request.session.get(SESSION_KEY, ""))
        request.person = person  # type: ignore[attr-defined]  # read through views.person_of
        if person is None and not request.path.startswith(_OPEN_TO_ALL):
            query = "" if request.path == "/" else "?" + urlencode({"next": request.get_full_path()})
            return redirect(reverse("sign-in") + query)
        return get_response(request)

    return middleware
