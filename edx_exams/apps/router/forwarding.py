# SPDX-License-Identifier: AGPL-3.0-only
"""
The hook of the instructor dashboard's API: calls about courses that are not ours go to the LMS, as they came.

The site's proxy has routed them here from the LMS's host. They go to the LMS's internal address, never by way of the
proxy again, with the caller's own credentials: what the caller may do there is the LMS's to say.
"""

import logging
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import quote

import requests
import urllib3.exceptions
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException, NotFound
from rest_framework.request import Request
from urllib3.util import Timeout

from edx_exams.apps.router.exceptions import LegacyServiceFailed, Unreachable, UnusableResponse
from edx_exams.apps.router.transport import DeadlineAdapter
from edx_exams.apps.router.views import is_ours

log = logging.getLogger(__name__)

_API: Final = "/api/instructor/v2/courses/"
#: The page behind the dashboard's button for reviews, whose answer is a redirect.
_REVIEWS: Final = "/api/edx_proctoring/v1/instructor/"
#: Marks what we have forwarded; a request with it that comes back has gone in a circle.
_LOOP_HEADER: Final = "X-Edx-Exams-Forwarded"
#: The caller's headers that go along; all others stay here, hop-by-hop headers and X-Forwarded-* among them.
_HEADERS: Final = (
    "Accept",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Origin",
    "Referer",
    "USE-JWT-COOKIE",
    "X-CSRFToken",
)
_CHUNK: Final = 65_536


class ForwardingLoop(APIException):
    """The proxy sends what we forward back to us."""

    status_code = 508
    default_detail = "The platform's proxy sends this request in a circle. Its operator must set LEGACY_INTERNAL_URL."


def forward(request: Request, course_id: str) -> HttpResponse | None:
    """
    Let the LMS answer a call about a course that is not ours.

    :param course_id: a course key, as text
    :returns: the LMS's answer; None for a course of ours
    :raises ForwardingLoop: the call has been forwarded before
    :raises NotFound: the path is not one that could be passed on
    :raises LegacyServiceFailed: the LMS gave no answer that could be passed on
    """
    if is_ours(course_id):
        return None
    if _LOOP_HEADER in request.headers:
        raise ForwardingLoop
    asked: HttpRequest = request._request  # noqa: SLF001  (DRF's public surface does without the underscore)
    headers = {name: request.headers[name] for name in _HEADERS if request.headers.get(name)}
    headers |= {"Host": request.get_host(), "X-Forwarded-Proto": request.scheme or "http", _LOOP_HEADER: "1"}
    prefix = _REVIEWS if asked.path_info.startswith(_REVIEWS) else _API
    url = _url(asked, prefix, request.parser_context["kwargs"]["course_id"], course_id)
    try:
        return _exchange(request.method or "GET", url, asked.body, headers, may_redirect=prefix == _REVIEWS)
    except LegacyServiceFailed as failure:
        # Neither path nor text of the error: they quote whom it is about.
        log.warning("The LMS failed to answer a call of the instructor dashboard: %s", type(failure).__name__)
        raise


def _exchange(method: str, url: str, body: bytes, headers: dict[str, str], *, may_redirect: bool) -> HttpResponse:
    """
    Make the request, and return its answer.

    :raises LegacyServiceFailed: none that could be passed on
    """
    try:
        with _session().request(
            method,
            url,
            data=body,
            headers=headers,
            timeout=_timeout(),  # type: ignore[arg-type]  # requests passes it on to urllib3, whose it is
            allow_redirects=False,
            stream=True,
        ) as response:
            return _passed_back(response, may_redirect=may_redirect)
    except (urllib3.exceptions.TimeoutError, requests.Timeout):
        raise Unreachable from None
    except (urllib3.exceptions.HTTPError, requests.exceptions.ChunkedEncodingError):  # the answer began
        raise UnusableResponse from None
    except requests.RequestException:
        raise Unreachable from None


def _url(asked: HttpRequest, prefix: str, sent: str, course_id: str) -> str:
    """
    Build the address anew from its parts: nothing of the caller's spelling of the path goes on.

    :param sent: the course id as it stands in the path
    :raises NotFound: a part of it means another level of the path, so that another address would be asked
    """
    rest = asked.path_info.removeprefix(f"{prefix}{sent}")
    if {".", ".."} & set(f"{course_id}{rest}".split("/")):
        message = "There is nothing at this path."
        raise NotFound(message)
    root = settings.LEGACY_INTERNAL_URL or settings.LMS_ROOT_URL
    query = asked.META.get("QUERY_STRING", "")
    return (
        f"{root.rstrip('/')}{prefix}{quote(course_id, safe=':+')}{quote(rest, safe='/')}{'?' if query else ''}{query}"
    )


def _passed_back(response: requests.Response, *, may_redirect: bool) -> HttpResponse:
    """
    Return status, content type and body; cookies stay with the LMS. No redirect is followed.

    :param may_redirect: a redirect is the answer, for the browser to follow
    :raises UnusableResponse: it is another redirect, or larger than what we read of a request
    """
    location = response.headers.get("Location") if may_redirect and response.is_redirect else None
    if location is not None:
        return HttpResponse(status=response.status_code, headers={"Location": location})
    if not (200 <= response.status_code < 300 or 400 <= response.status_code < 600):
        raise UnusableResponse
    body = b""
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise UnusableResponse
    content_type = response.headers.get("Content-Type", "application/octet-stream")
    return HttpResponse(body, status=response.status_code, content_type=content_type)


def _timeout() -> Timeout:
    connect, read = settings.LEGACY_CONNECT_TIMEOUT, settings.LEGACY_READ_TIMEOUT
    return Timeout(total=connect + read, connect=connect, read=read)


@lru_cache(maxsize=1)
def _session() -> requests.Session:
    """The process's connections to the LMS; no cookie and no environment's proxy or password is used."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    for scheme in ("http://", "https://"):
        session.mount(scheme, DeadlineAdapter())
    return session
