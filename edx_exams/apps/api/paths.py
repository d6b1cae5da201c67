# SPDX-License-Identifier: AGPL-3.0-only
"""Paths with placeholders, as the APIs' lists of them are written."""

from collections.abc import Mapping
from typing import Final

from django.urls import URLPattern, re_path
from rest_framework.views import APIView

#: An id in a path: as many digits as a number of 64 bits has.
ID_PATTERN: Final = "[0-9]{1,19}"


def endpoint(route: str, view: type[APIView], name: str, placeholders: Mapping[str, str]) -> URLPattern:
    """
    Make a path, anchored at both ends, with or without a slash at its end.

    :param placeholders: the patterns of what the route has in braces
    """
    for placeholder, pattern in placeholders.items():
        route = route.replace(placeholder, pattern)
    return re_path(rf"^{route}/?\Z", view.as_view(), name=name)
