"""Signing in with the platform: the step that edx-auth-backends' `/login/` leads to."""

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from social_core.actions import do_auth
from social_django.utils import psa


@never_cache
@require_http_methods(["GET", "POST"])
@psa("social:complete")  # type: ignore[no-untyped-call, untyped-decorator]
def begin(request: HttpRequest, backend: str) -> HttpResponse:
    """
    Send a browser to the platform, which sends it back to `/complete/`.

    social_django's own view takes POST alone, while `/login/` is a link, and redirects. The step ends a session that
    there is, so no other site may make a browser take it unnoticed: only a top-level navigation does.

    :raises PermissionDenied: it is requested as an image, a frame or a script
    """
    if request.headers.get("Sec-Fetch-Dest", "document") != "document":
        message = "Signing in must be a top-level navigation."
        raise PermissionDenied(message)
    prepared: Any = request  # by `psa`
    return cast(HttpResponse, do_auth(prepared.backend, user=prepared.user))
