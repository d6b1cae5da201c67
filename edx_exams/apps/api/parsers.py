# SPDX-License-Identifier: AGPL-3.0-only
"""Reading request bodies: JSON, of bounded size, and nothing that could break further in."""

import json
from collections.abc import Mapping
from typing import IO, Any, Never, override

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

from edx_exams.apps.core.limits import has_surrogates


class BodyTooLarge(APIException):
    """The request's body is larger than we read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self) -> None:
        super().__init__(f"The body must not be larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes.")


class BoundedJSONParser(BaseParser):
    """
    Reads UTF-8 JSON as RFC 8259 defines it.

    Refuses what Python's parser lets through or breaks on: NaN and Infinity, deep nesting, numbers of thousands of
    digits, and unpaired surrogates, which no database stores.
    """

    media_type = "application/json"

    @override
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """
        Return the body's value.

        :raises BodyTooLarge: it is larger than `DATA_UPLOAD_MAX_MEMORY_SIZE`
        :raises ParseError: it is not such JSON
        """
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLarge
        try:
            text = body.decode("utf-8")
            value = json.loads(text, parse_constant=refuse_constant)
            if "\\ud" in text.lower() and has_surrogates(json.dumps(value, ensure_ascii=False)):
                message = "The body holds half of a character (an unpaired surrogate)."
                raise ParseError(message)
        except RecursionError:
            message = "The body is nested too deeply."
            raise ParseError(message) from None
        except UnicodeError:
            message = "The body is not valid UTF-8 text."
            raise ParseError(message) from None
        except ValueError as error:
            message = f"The body is not valid JSON: {error}."
            raise ParseError(message) from None
        return value


def refuse_constant(name: str) -> Never:
    """
    Refuse the numbers that Python's parser takes and JSON (RFC 8259, section 6) does not have, such as NaN.

    :raises ValueError: always
    """
    message = f"{name} is not a valid JSON number"
    raise ValueError(message)
