"""The dashboard's pages."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from edx_rest_framework_extensions.paginators import DefaultPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView


def page_of(
    rows: QuerySet[Any] | Sequence[Any], serializer: type[BaseSerializer[Any]], request: Request, view: APIView
) -> Response:
    """
    Answer with one page of a list: a statement for its count, and what a slice of it costs.

    :raises NotFound: there is no such page
    """
    pages = DefaultPagination()
    page = pages.paginate_queryset(rows, request, view=view)
    response: Response = pages.get_paginated_response(serializer(page, many=True).data)
    return response
