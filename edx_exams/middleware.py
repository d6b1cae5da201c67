# SPDX-License-Identifier: AGPL-3.0-only
"""
Middleware for all requests, and the other libraries' middleware for those that need it.

A request of the JSON API brings its JWT and needs no session, no messages and no locale; each of those costs time in a
poll that every learner makes. So what serves browsers stands in `MIDDLEWARE` by its name here, and lets the API's
requests pass.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, override

from django.conf import settings
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware import csrf, locale
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext

from edx_exams.apps.api.errors import json_refusal
from edx_exams.apps.core.unstorable_text import UnstorableText
from edx_exams.handler import UNREADABLE

log = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_API: Final = "/api/"
_LTI: Final = "/lti/"
#: Paths whose answers are JSON for programs, which have no session.
_WITHOUT_PAGES: Final = (_API, "/health", "/live", "/ready", "/heartbeat")
#: Of any table: 8 bytes, signed.
_LARGEST_ID: Final = 2**63 - 1
#: Methods whose requests have no body that anybody reads.
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class NoStore:
    """
    Keeps the answers of the API and of LTI out of every cache: they are about one person, now.

    An answer that says itself how it may be kept, as a public key set does, is left alone.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        response = self.get_response(request)
        if request.path_info.startswith((_API, _LTI)):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class RefuseUnstorableText:
    """Answers a text that the database cannot store with a page that says so, where no view has its own answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn this one exception of a view into its answer."""
        if not isinstance(exception, UnstorableText):
            return None
        log.warning("Refused: a value of the request cannot be stored")
        return render(request, "400.html", {"exception": str(exception)}, status=400)


class RefuseUnknownSelection:
    """Refuses an action of the admin on rows whose ids cannot be any: Django's own answer is a server error."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """Refuse the request, or let the view have it."""
        model_admin = getattr(view, "model_admin", None)  # of the admin's own views
        if request.method != "POST" or model_admin is None:
            return None
        key = model_admin.opts.pk
        if all(_can_be_id(key, value) for value in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            return None
        message = gettext("An entry that was chosen does not exist.")
        return render(request, "400.html", {"exception": message}, status=400)


def _can_be_id(key: "models.Field[Any, Any]", value: str) -> bool:
    try:
        return 0 <= key.to_python(value) <= _LARGEST_ID if isinstance(key, models.IntegerField) else "\0" not in value
    except ValidationError:
        return False


class RequestLimits:
    """
    Refuses bodies that are too large or cannot be read, before anything parses them.

    Nothing of a body is written to disk: see also `FILE_UPLOAD_HANDLERS`. A view for browsers may have a function
    `refuse` (request, status, detail) that answers with a page; all others answer with JSON.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
        """Refuse the request, or let the view have it."""
        if (refusal := self._refusal(request)) is None:
            return None
        refuse = getattr(view, "refuse", None)
        status, detail = refusal
        return refuse(request, status, detail) if refuse else json_refusal(request, detail, status)

    def _refusal(self, request: HttpRequest) -> tuple[int, str] | None:
        if request.method in _BODILESS:
            return None
        if reason := request.META.get(UNREADABLE):
            return 400, reason
        if _content_length(request) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return 413, f"The body must not be larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes."
        # The API and LTI read no such forms: their parsers refuse them unread, where they read a body at all.
        if (request.content_type or "").startswith("multipart/") and not request.path_info.startswith((_API, _LTI)):
            return self._multipart_refusal(request)
        return None

    @staticmethod
    def _multipart_refusal(request: HttpRequest) -> tuple[int, str] | None:
        """Parse a multipart form here, where one that cannot be parsed is a refusal and not an error."""
        try:
            request.POST  # noqa: B018  (parses the body)
        except Exception as error:  # noqa: BLE001  (headers of parts name codecs, too, which fail in their own ways)
            log.warning("A form was refused: %s", type(error).__name__)
            return 400, "The form is malformed."
        return None


def _content_length(request: HttpRequest) -> int:
    """Return the body's length, 0 where it is not known: then Django reads nothing either."""
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return 0


class _ForPages:
    """Lets requests that need no page's middleware pass by the next base class: the JSON API's, and probes."""

    def __call__(self, request: HttpRequest) -> Any:
        """Answer the request."""
        if request.path_info.startswith(_WITHOUT_PAGES):
            return self.get_response(request)  # type: ignore[attr-defined]
        return super().__call__(request)  # type: ignore[misc]  # the next base class has it


class SessionMiddleware(_ForPages, sessions.SessionMiddleware):
    """Django's sessions, for pages."""


class LocaleMiddleware(_ForPages, locale.LocaleMiddleware):
    """The language that a browser asks for, for pages; the thread's next request begins without it."""

    @override
    def process_response(self, request: HttpRequest, response: Any) -> Any:
        response = super().process_response(request, response)
        translation.deactivate()
        return response


class CsrfViewMiddleware(_ForPages, csrf.CsrfViewMiddleware):
    """CSRF protection for pages. The API's authentication asks for a CSRF token where a JWT came by cookie."""

    @override
    def process_view(self, request: HttpRequest, *args: Any) -> Any:
        return None if request.path_info.startswith(_WITHOUT_PAGES) else super().process_view(request, *args)


class AuthenticationMiddleware(_ForPages, auth.AuthenticationMiddleware):
    """The session's person, for pages."""


class MessageMiddleware(_ForPages, messages.MessageMiddleware):
    """Django's messages, for pages."""
