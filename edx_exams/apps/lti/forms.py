# SPDX-License-Identifier: AGPL-3.0-only
"""Forms that are posted to us: `application/x-www-form-urlencoded`, in the charsets that tools use, and bounded."""

from collections.abc import Mapping
from typing import IO, Any, Final, override

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, QueryDict
from django.utils.http import parse_header_parameters
from rest_framework.parsers import BaseParser

FORM_TYPE: Final = "application/x-www-form-urlencoded"
#: Python's codecs by the names of charsets. Any other codec may be one that takes minutes, or is none for text.
_CODECS: Final[Mapping[str, str]] = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}


class UnsupportedForm(Exception):
    """The form is sent as multipart/form-data, of which nothing is read."""


def read_form(request: HttpRequest) -> QueryDict:
    """
    Read the form in a request's body; empty where the body is none.

    :raises UnsupportedForm: it is sent as multipart/form-data
    :raises BadRequest: its charset is not supported
    :raises RequestDataTooBig: the body is larger than `DATA_UPLOAD_MAX_MEMORY_SIZE`
    :raises TooManyFieldsSent: it has more fields than `DATA_UPLOAD_MAX_NUMBER_FIELDS`
    """
    media_type, parameters = parse_header_parameters(request.META.get("CONTENT_TYPE", ""))
    if media_type == "multipart/form-data":
        raise UnsupportedForm
    if media_type != FORM_TYPE:
        return QueryDict()
    return QueryDict(request.body, encoding=_codec(parameters))


def _codec(parameters: Mapping[str, str]) -> str:
    charset = parameters.get("charset", "utf-8").strip().lower()
    try:
        return _CODECS[charset]
    except KeyError:
        message = "The charset of the form is not supported."
        raise BadRequest(message) from None


class FormParser(BaseParser):
    """REST framework's parser of the same forms: for views that authenticate a token."""

    media_type = FORM_TYPE

    @override
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> QueryDict:
        """
        Return the form.

        :raises BadRequest: its charset is not supported
        :raises RequestDataTooBig: it is larger than `DATA_UPLOAD_MAX_MEMORY_SIZE`
        """
        _, parameters = parse_header_parameters(media_type or "")
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        return QueryDict(body, encoding=_codec(parameters))
