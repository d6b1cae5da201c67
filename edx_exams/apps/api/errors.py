# SPDX-License-Identifier: AGPL-3.0-only
"""The answers to errors that no view shapes: JSON below `/api/`, a page elsewhere."""

from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

#: Whose callers, the instructor dashboard, look for the reason in `error` too.
_WITH_ERROR: Final = "/api/instructor/"


def json_refusal(request: HttpRequest, detail: str, status: int) -> JsonResponse:
    """Refuse a request that no view sees, in the shape that its callers read."""
    names = ("detail", "error") if request.path_info.startswith(_WITH_ERROR) else ("detail",)
    return JsonResponse(dict.fromkeys(names, detail), status=status)


@csrf_exempt  # a path that does not exist changes nothing
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    if _is_api(request) or exception is None:
        return json_refusal(request, "There is nothing at this path.", 404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400 where Django itself refuses a request."""
    return json_refusal(request, "The request is malformed.", 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403 where Django itself refuses a request."""
    if _is_api(request):
        return json_refusal(request, "You may not do this.", 403)
    return defaults.permission_denied(request, exception or Http404())


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """Answer 500: a mistake of ours."""
    if _is_api(request):
        return json_refusal(request, "Something went wrong here. It has been logged.", 500)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
