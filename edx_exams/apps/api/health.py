# SPDX-License-Identifier: AGPL-3.0-only
"""`/health/`: tells load balancers and operators that the service works."""

from collections.abc import Mapping
from typing import Any, Final

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, JsonResponse

from edx_exams.apps.api.methods import allow_methods
from edx_exams.apps.core import health as health_details

_OK: Final = "OK"
_UNAVAILABLE: Final = "UNAVAILABLE"


@allow_methods("GET", "HEAD")
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200, or 503 where the database does not answer the details' questions. What they say decides nothing."""
    database = _OK
    details: Mapping[str, Any] = {}
    try:
        details = health_details.details()
    except (DatabaseError, InterfaceError):
        database = _UNAVAILABLE
    return JsonResponse(
        {"overall_status": database, "detailed_status": {"database_status": database, **details}},
        status=200 if database == _OK else 503,
    )
