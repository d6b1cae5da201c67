# SPDX-License-Identifier: AGPL-3.0-only
"""The front page."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from edx_exams.apps.api.methods import allow_methods

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="8" fill="#0a5a8a"/>'
    '<path d="M9 16.5l5 5 9-11" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round"/></svg>'
)
ICON_DAYS: Final = 30


@allow_methods("GET", "HEAD")
def favicon(request: HttpRequest) -> HttpResponse:
    """Return the icon that browsers ask for by themselves; no static file, so it needs no set-up."""
    cached = f"public, max-age={ICON_DAYS * 24 * 60 * 60}"
    return HttpResponse(ICON, content_type="image/svg+xml", headers={"Cache-Control": cached})


@allow_methods("GET", "HEAD")
def home(request: HttpRequest) -> HttpResponse:
    """Say which service this is, and where to go from here."""
    return render(request, "home.html")
