# SPDX-License-Identifier: AGPL-3.0-only
"""The headers of pages that a proctoring tool frames, opens and posts to."""

from collections.abc import Callable
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_exempt

_MARK: Final = "is_tool_page"
_MUST_NOT_BE_FRAMED: Final = "must_not_be_framed"
_REFERRER: Final = "strict-origin-when-cross-origin"
#: Under these a window that a tool opened loses its opener, and a frame or resource is refused.
_STRICTER: Final = ("Cross-Origin-Opener-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Resource-Policy")


def mark_as_tool_page[Response: HttpResponse](response: Response) -> Response:
    """Have the middleware below give this response a tool page's headers."""
    setattr(response, _MARK, True)
    # Django's own exemption sets it by decorator only.
    response.xframe_options_exempt = not getattr(response, _MUST_NOT_BE_FRAMED, False)
    return response


def forbid_framing[Response: HttpResponse](response: Response) -> Response:
    """Keep this tool page out of frames: a button on it must not be clicked unseen."""
    setattr(response, _MUST_NOT_BE_FRAMED, True)
    return response


def tool_page(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """
    Decorate a view whose every answer may be framed, and knows who refers to whom.

    Proctored exams run framed, under a vendor's extension, and come back to us by posts from the vendor's origin.
    """

    def wrapped(*args: Any, **kwargs: Any) -> HttpResponse:
        return mark_as_tool_page(view(*args, **kwargs))

    return xframe_options_exempt(wrapped)


class ToolPageHeadersMiddleware:
    """
    Gives such responses their headers. Stands outside `SecurityMiddleware`, whose stricter ones all others keep.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request."""
        response = self.get_response(request)
        if getattr(response, _MARK, False):
            response["Referrer-Policy"] = _REFERRER
            for name in _STRICTER:
                if name in response:
                    del response[name]
            if "X-Frame-Options" in response and not getattr(response, _MUST_NOT_BE_FRAMED, False):
                del response["X-Frame-Options"]
        return response
