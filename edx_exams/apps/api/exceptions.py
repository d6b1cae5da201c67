# SPDX-License-Identifier: AGPL-3.0-only
"""One shape for every refusal: `{"detail": "<words that help>"}`, with `errors` where fields are wrong."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, DataError, InterfaceError
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from edx_exams.apps.api.parsers import BodyTooLarge
from edx_exams.apps.core.exceptions import DatabaseBusy, ExamBaseException
from edx_exams.apps.core.outages import log_database_error
from edx_exams.apps.core.unstorable_text import UnstorableText

log = logging.getLogger(__name__)


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into the answer that its request gets; None for one that is our own mistake."""
    if isinstance(error, UnstorableText):
        return _refusal(status.HTTP_400_BAD_REQUEST, str(error))
    if isinstance(error, DataError):
        return _refusal(status.HTTP_400_BAD_REQUEST, "A value cannot be stored: it is too long or out of bounds.")
    if isinstance(error, (DatabaseError, InterfaceError)):
        log_database_error(log, error)
        return _refusal(
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The database is unavailable. Nothing has changed; please try again.",
        )
    if isinstance(error, ExamBaseException):
        return _refusal(error.http_status, str(error), field=error.field)
    if isinstance(error, RequestDataTooBig):
        error = BodyTooLarge()
    elif isinstance(error, (BadRequest, SuspiciousOperation)):
        return _refusal(status.HTTP_400_BAD_REQUEST, "The request is malformed.")

    response = drf_exception_handler(error, context)
    if response is not None and isinstance(error, ValidationError):
        response.data = {"detail": _first_message(error.detail), "errors": error.detail}
    return response


def _refusal(http_status: int, detail: str, *, field: str | None = None) -> Response:
    data: dict[str, Any] = {"detail": detail}
    if field:
        data["errors"] = {field: [detail]}
    headers = {"Retry-After": str(DatabaseBusy.retry_after)} if http_status == 503 else None
    return Response(data, status=http_status, headers=headers)


def _first_message(errors: Any, place: str = "") -> str:
    """The first of a serializer's errors in words: where, and what. Items of a list are counted from 1 for people."""
    if isinstance(errors, Mapping):
        name, nested = next(iter(errors.items()))
        here = f"item {name + 1}" if isinstance(name, int) else name.replace("non_field_errors", "")
        return _first_message(nested, " ".join(filter(None, [place, here])))
    if isinstance(errors, Sequence) and not isinstance(errors, str):
        return _first_message(errors[0], place)
    return f"{place}: {errors}" if place else str(errors)
