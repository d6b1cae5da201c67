# SPDX-License-Identifier: AGPL-3.0-only
"""The dashboard's pages."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db.models import QuerySet
from edx_rest_framework_extensions.paginators import DefaultPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


def page_of(
    rows: QuerySet[Any, Any] | Sequence[Any],
    shape: Callable[[Sequence[Any]], list[dict[str, Any]]],
    request: Request,
    view: APIView,
) -> Response:
    """
    Answer with one page of a list: a statement for its count, and what a slice of it costs.

    :param shape: makes a page's rows what they are in the answer
    :raises NotFound: there is no such page
    """
    pages = DefaultPagination()
    page = pages.paginate_queryset(rows, request, view=view)
    response: Response = pages.get_paginated_response(shape(page))
    return response
