# SPDX-License-Identifier: AGPL-3.0-only
"""The methods that a plain view has."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt


def allow_methods(*methods: str) -> Callable[[Callable[[HttpRequest], HttpResponse]], Callable[..., HttpResponse]]:
    """Decorate a view that has these methods: any other is 405 in JSON, before anybody asks for a CSRF token."""

    def decorate(view: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def respond(request: HttpRequest) -> HttpResponse:
            if request.method in methods:
                return view(request)
            detail = f"The method {request.method} is not allowed here. Allowed: {', '.join(methods)}."
            return JsonResponse({"detail": detail}, status=405, headers={"Allow": ", ".join(methods)})

        return respond

    return decorate
