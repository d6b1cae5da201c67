"""Pages that people meet on their way to a proctoring tool and back: none of them has a header but what it needs."""

import secrets
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from edx_exams.apps.lti.middleware import mark_as_tool_page, tool_page
from edx_exams.apps.lti.views.failures import RETRY_AFTER


def page(request: HttpRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """
    A page that runs no script but its own and loads nothing.

    Its policy names neither `form-action` nor `frame-ancestors`: such a page is framed by vendors, and posts to them.
    """
    nonce = secrets.token_urlsafe(16)
    response = render(request, f"lti/{template}.html", {**context, "csp_nonce": nonce}, status=status)
    response["Content-Security-Policy"] = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'"
    )
    response["Cache-Control"] = "no-store"
    return mark_as_tool_page(response)


def form_post(request: HttpRequest, url: str, fields: Mapping[str, str]) -> HttpResponse:
    """A form that sends itself, or is sent by its button: OAuth 2.0 Form Post Response Mode."""
    return page(request, "form_post", {"url": url, "fields": fields})


def refusal(request: HttpRequest, detail: str, *, status: int = 400) -> HttpResponse:
    """A refusal in plain words."""
    return page(request, "refusal", {"detail": detail}, status=status)


def no_cookies(request: HttpRequest, url: str, fields: Mapping[str, str]) -> HttpResponse:
    """
    What to do where the browser keeps our session cookie from us, as it may inside a frame of somebody else's.

    :param url: where to send the same fields from a window of its own, in which the cookie comes along
    """
    return page(request, "no_cookies", {"url": url, "fields": fields}, status=400)


def away(request: HttpRequest) -> HttpResponse:
    """What a learner reads where we cannot work for the moment."""
    response = refusal(request, _("We cannot do this right now. Nothing has changed; please try again."), status=503)
    response["Retry-After"] = RETRY_AFTER
    return response


@tool_page
@require_safe
def browser_lock(request: HttpRequest) -> HttpResponse:
    """What a learner sees whose browser lacks the proctoring extension, which injects itself into this page: no CSP."""
    return render(request, "lti/browser_lock.html")
