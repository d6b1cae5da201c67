# SPDX-License-Identifier: AGPL-3.0-only
"""The OpenAPI document, as the service serves it."""

from functools import lru_cache
from typing import Any, override

from django.http import HttpResponse
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class OpenAPIDocument(SpectacularAPIView):
    """The document in YAML or JSON, made once a process: that takes a tenth of a second, and anybody may ask."""

    @override
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer: Any = request.accepted_renderer
        name = f'inline; filename="special-exams.{renderer.format}"'
        kind: Any = type(renderer)
        content = _rendered(kind)
        return HttpResponse(content, content_type=renderer.media_type, headers={"Content-Disposition": name})


@lru_cache(maxsize=8)
def _rendered(renderer: type[BaseRenderer]) -> bytes:
    document = SchemaGenerator().get_schema(request=None, public=True)
    content: Any = renderer().render(document, renderer_context={})
    return bytes(content)
