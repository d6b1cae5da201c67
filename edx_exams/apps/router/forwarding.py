"""
The hook of the instructor dashboard's API: calls about courses that are not ours go to the LMS, as they came.

The site's proxy has routed them here from the LMS's host. They go to the LMS's internal address, never by way of the
proxy again, with the caller's own credentials: what the caller may do there is the LMS's to say.
"""

from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Final
from urllib.parse import quote

import requests
import urllib3.exceptions
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from urllib3.util import Timeout

from edx_exams.apps.router.exceptions import Unreachable, UnusableResponse
from edx_exams.apps.router.transport import DeadlineAdapter
from edx_exams.apps.router.views import is_ours

_PREFIX: Final = "/api/instructor/v2/courses/"
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
    :raises LegacyServiceFailed: the LMS gave no answer that could be passed on
    """
    if is_ours(course_id):
        return None
    if _LOOP_HEADER in request.headers:
        raise ForwardingLoop
    asked: HttpRequest = request._request  # noqa: SLF001  (DRF's public surface does without the underscore)
    headers = {name: request.headers[name] for name in _HEADERS if request.headers.get(name)}
    headers |= {"Host": request.get_host(), "X-Forwarded-Proto": request.scheme or "http", _LOOP_HEADER: "1"}
    try:
        with _session().request(
            request.method or "GET",
            _url(asked, request.parser_context["kwargs"]["course_id"], course_id),
            data=asked.body,
            headers=headers,
            timeout=_timeout(),  # type: ignore[arg-type]  # requests passes it on to urllib3, whose it is
            allow_redirects=False,
            stream=True,
        ) as response:
            return _passed_back(response)
    except (urllib3.exceptions.TimeoutError, requests.Timeout):
        raise Unreachable from None
    except (urllib3.exceptions.HTTPError, requests.exceptions.ChunkedEncodingError):  # the answer began
        raise UnusableResponse from None
    except requests.RequestException:
        raise Unreachable from None


def _url(asked: HttpRequest, sent: str, course_id: str) -> str:
    """
    Build the address anew from its parts: nothing of the caller's spelling of the path goes on.

    :param sent: the course id as it stands in the path
    """
    rest = asked.path_info.removeprefix(f"{_PREFIX}{sent}/")
    root = settings.LEGACY_INTERNAL_URL or settings.LMS_ROOT_URL
    query = asked.META.get("QUERY_STRING", "")
    return (
        f"{root.rstrip('/')}{_PREFIX}{quote(course_id, safe=':+')}/{quote(rest, safe='/')}{'?' if query else ''}{query}"
    )


def _passed_back(response: requests.Response) -> HttpResponse:
    """
    Return status, content type and body; cookies and redirects stay with the LMS.

    :raises UnusableResponse: it is a redirect, or larger than what we read of a request
    """
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
