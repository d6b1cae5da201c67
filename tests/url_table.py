# SPDX-License-Identifier: AGPL-3.0-only
"""Every path that the service answers, read from its URL configuration: for tests that a new path cannot escape."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.contrib.admindocs.views import simplify_regex
from django.urls import URLResolver, get_resolver

#: Values for the parameters of paths; any other is the number 1.
EXAMPLES: Final[Mapping[str, str]] = {
    "course_id": "course-v1:Acme+BIO101+2026",
    "content_id": "block-v1:Acme+BIO101+2026+type@sequential+block@midterm",
    "config_id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff",
    "backend": "edx-oauth2",
    "app_label": "core",
    "url": "anything",
    "name": "admin",
}


def paths() -> list[str]:
    """A path for each pattern, in the order of the configuration."""
    return list(dict.fromkeys(_walk(get_resolver().url_patterns, "")))


def _walk(patterns: list[Any], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + re.sub(r"<\w+:(\w+)>", r"<\1>", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            yield re.sub(r"<(\w+)>", lambda match: EXAMPLES.get(match[1], "1"), simplify_regex(route))
