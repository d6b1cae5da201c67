"""The answers to errors that no view shapes: JSON below `/api/`, a page elsewhere."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt  # a path that does not exist changes nothing
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404."""
    if _is_api(request) or exception is None:
        return JsonResponse({"detail": "There is nothing at this path."}, status=404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400 where Django itself refuses a request."""
    return JsonResponse({"detail": "The request is malformed."}, status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403 where Django itself refuses a request."""
    if _is_api(request):
        return JsonResponse({"detail": "You may not do this."}, status=403)
    return defaults.permission_denied(request, exception or Http404())


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """Answer 500: a mistake of ours."""
    if _is_api(request):
        return JsonResponse({"detail": "Something went wrong here. It has been logged."}, status=500)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
