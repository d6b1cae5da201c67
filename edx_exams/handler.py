# SPDX-License-Identifier: AGPL-3.0-only
"""
The way from the WSGI server into Django, for what must be looked at before Django reads a request.

* By a charset in `Content-Type` Django decodes the query and the form, and every codec that Python knows will do:
  some cost seconds of CPU, some are not for text and end in an error before any middleware. Four of them are left.
* A chunked body has no length, and Django reads none without: it is read here, up to the bound, and given its length.

What is refused is only noted here; `middleware.RequestLimits` answers it, within CORS and logging.
"""

import re
from io import BytesIO
from typing import TYPE_CHECKING, Final, override

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http.response import HttpResponseBase

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

#: Where the environment notes why a request cannot be read; text for its sender.
UNREADABLE: Final = "edx_exams.unreadable"

#: By the names that are in use.
SUPPORTED_CHARSETS: Final = frozenset(
    {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "iso8859-1", "latin-1", "latin1", "windows-1252", "cp1252"}
)
#: A media type and its parameters: RFC 9110, section 8.3.1. The extended ones of RFC 2231 (`name*=…`) are not for it.
_NAME: Final = r"[!#$%&'+.^_`|~0-9A-Za-z-]+"
_CONTENT_TYPE: Final = re.compile(
    rf'[ \t]*{_NAME}/{_NAME}[ \t]*(?:;[ \t]*(?:{_NAME}=(?:{_NAME}|"[^"\\\r\n]*")[ \t]*)?)*'
)
_CHARSET: Final = re.compile(rf';[ \t]*charset=(?:"([^"]*)"|({_NAME}))', re.IGNORECASE)


class Handler(WSGIHandler):
    """Django's handler, behind the two checks."""

    @override
    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> HttpResponseBase:
        """Answer a request."""
        _check_content_type(environ)
        _read_chunks(environ)
        return super().__call__(environ, start_response)


def _check_content_type(environ: "WSGIEnvironment") -> None:
    """Leave of a content type that cannot be trusted its media type alone."""
    content_type = environ.get("CONTENT_TYPE", "")
    if ";" not in content_type:
        return
    if not _CONTENT_TYPE.fullmatch(content_type):
        environ[UNREADABLE] = "The Content-Type is malformed."
    elif any((quoted or bare).lower() not in SUPPORTED_CHARSETS for quoted, bare in _CHARSET.findall(content_type)):
        environ[UNREADABLE] = "The charset is not supported. Send UTF-8."
    if UNREADABLE in environ:
        environ["CONTENT_TYPE"] = content_type.partition(";")[0].strip()


def _read_chunks(environ: "WSGIEnvironment") -> None:
    """Read a chunked body, or as much of it as shows that it is too large."""
    if "chunked" not in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return
    if not environ.get("wsgi.input_terminated"):
        environ[UNREADABLE] = "The body needs a Content-Length."
        return
    try:
        body = environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    except Exception:  # noqa: BLE001  (each server has exceptions of its own for a body that breaks off)
        environ[UNREADABLE] = "The body is malformed or incomplete."
        body = b""
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
