# SPDX-License-Identifier: AGPL-3.0-only
"""
Requests of a browser that change something by GET: told apart from those that another page has it make.

The learning MFE follows plain links to begin a launch and to end an assessment. A link can be followed, framed,
fetched or shown as an image by any page; cookies of the same site go along. Fetch Metadata (W3C) and `Referer`
(RFC 9110, section 10.1.3) say which it was.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

#: The standard header (Fetch, section 3.7), and what browsers sent before it.
_PURPOSES: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_NAVIGATION_DESTINATIONS: Final = frozenset({"document", "iframe", "frame"})


class Verdict(Enum):
    """Answers to a request that would change something."""

    ACT = auto()
    #: Ask the person by a page with a button: nothing says where the link was.
    CONFIRM = auto()
    REFUSE = auto()


def is_prefetch(headers: Mapping[str, str]) -> bool:
    """Tell whether the browser fetches ahead: the person has not followed the link."""
    return any(
        word in headers.get(name, "").lower() for name in _PURPOSES for word in ("prefetch", "prerender", "preview")
    )


def is_navigation_of_this_site(headers: Mapping[str, str]) -> bool:
    """Tell whether, as far as the browser says, this is a page or frame being opened, and not by another site."""
    mode, destination = _fetch_metadata(headers, "Mode"), _fetch_metadata(headers, "Dest")
    return (
        mode in ("", "navigate")
        and (not destination or destination in _NAVIGATION_DESTINATIONS)
        and not is_from_another_site(headers)
    )


def is_from_another_site(headers: Mapping[str, str]) -> bool:
    """Tell whether the browser says that another site began this request."""
    return _fetch_metadata(headers, "Site") == "cross-site"


def judge(headers: Mapping[str, str], *, trusted_origins: frozenset[str], has_token_header: bool) -> Verdict:
    """
    Decide whether a GET may change something.

    :param trusted_origins: of the platform's pages
    :param has_token_header: the caller is known by `Authorization`, which no link makes a browser send
    """
    if not is_navigation_of_this_site(headers):
        return Verdict.REFUSE
    if has_token_header:
        return Verdict.ACT
    referer = headers.get("Referer", "")
    if referer:
        return Verdict.ACT if origin_of(referer) in trusted_origins else Verdict.REFUSE
    return Verdict.CONFIRM if _fetch_metadata(headers, "Dest") in ("", "document") else Verdict.REFUSE


def judge_request(request: HttpRequest) -> Verdict:
    """Decide whether this GET may change something."""
    return judge(
        request.headers, trusted_origins=_trusted_origins(request), has_token_header=_has_token_header(request)
    )


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, without the scheme's own port; empty where it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in ("http", "https") or not host:
        return ""
    host = f"[{host}]" if ":" in host else host
    is_default = port in (None, 443 if scheme == "https" else 80)
    return f"{scheme}://{host}" if is_default else f"{scheme}://{host}:{port}"


def _trusted_origins(request: HttpRequest) -> frozenset[str]:
    addresses = (
        settings.LEARNING_MICROFRONTEND_URL,
        settings.EXAMS_DASHBOARD_MFE_URL,
        settings.ROOT_URL,
        *settings.CORS_ORIGIN_WHITELIST,
        f"{request.scheme}://{request.get_host()}",
    )
    return frozenset(filter(None, (origin_of(address or "") for address in addresses)))


def _has_token_header(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == settings.JWT_AUTH["JWT_AUTH_HEADER_PREFIX"].lower() and bool(token.strip())


def _fetch_metadata(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"Sec-Fetch-{name}", "").strip().lower()
