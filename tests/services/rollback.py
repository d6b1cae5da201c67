# SPDX-License-Identifier: AGPL-3.0-only
"""Middleware that does all that a request asks for, events included, and takes it back."""

from collections.abc import Callable
from typing import Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse

HEADER: Final = "X-Roll-Back"

GetResponse = Callable[[HttpRequest], HttpResponse]


class RollBack:
    """Middleware: a request with the header is carried out in a transaction that is then rolled back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if HEADER not in request.headers:
            return self.get_response(request)
        with transaction.atomic():
            status = self.get_response(request).status_code
            transaction.set_rollback(True)
        return HttpResponse(f"was {status}", status=503, headers={"Retry-After": "0"})
