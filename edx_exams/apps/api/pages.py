"""What is served beside the API: health, the answers to errors, and a login for test environments."""

import secrets
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import login
from django.db import DatabaseError, InterfaceError, connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt

from edx_exams.apps.core import health as health_details
from edx_exams.apps.core.models import User

_OK: Final = "OK"
_UNAVAILABLE: Final = "UNAVAILABLE"


def _for_methods(*methods: str) -> Callable[[Callable[[HttpRequest], HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate a view that has these methods: any other is 405 in JSON, before anybody asks for a CSRF token."""

    def decorate(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def respond(request: HttpRequest) -> HttpResponse:
            if request.method in methods:
                return view(request)
            detail = f"There is no {request.method} here. There is: {', '.join(methods)}."
            return JsonResponse({"detail": detail}, status=405, headers={"Allow": ", ".join(methods)})

        return respond

    return decorate


@_for_methods("GET", "HEAD")
def health(request: HttpRequest) -> JsonResponse:
    """Whether the service works: 200, or 503 where the database does not answer. Details inform and decide nothing."""
    database = _OK
    details: Mapping[str, Any] = {}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchone()
        details = health_details.details()
    except (DatabaseError, InterfaceError):
        database = _UNAVAILABLE
    return JsonResponse(
        {"overall_status": database, "detailed_status": {"database_status": database, **details}},
        status=200 if database == _OK else 503,
    )


@_for_methods("GET")
def auto_auth(request: HttpRequest) -> HttpResponse:
    """Log in as a fresh superuser: for test environments, where `ENABLE_AUTO_AUTH` is set."""
    if not settings.ENABLE_AUTO_AUTH:
        raise Http404
    user = User.objects.create_superuser(f"{settings.AUTO_AUTH_USERNAME_PREFIX}{secrets.token_hex(10)}")
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect("/")


@_for_methods("GET", "HEAD")
def home(request: HttpRequest) -> HttpResponse:
    """What this is, and where to go from here."""
    return render(request, "home.html")


@csrf_exempt  # a path that is not there changes nothing
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: JSON below `/api/`, else a page."""
    if _is_api(request) or exception is None:
        return JsonResponse({"detail": "There is nothing at this path."}, status=404)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400, where Django itself refuses a request."""
    return JsonResponse({"detail": "The request is malformed."}, status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403, where Django itself refuses a request."""
    if _is_api(request):
        return JsonResponse({"detail": "You may not do this."}, status=403)
    return defaults.permission_denied(request, exception or Http404())


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """500: a mistake of ours."""
    if _is_api(request):
        return JsonResponse({"detail": "Something went wrong here. It has been logged."}, status=500)
    return defaults.server_error(request)


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
