"""Reading request bodies: JSON, of bounded size, and nothing that could break further in."""

import json
from collections.abc import Mapping
from typing import IO, Any, Never, override

from django.conf import settings
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser


class BodyTooLarge(APIException):
    """The request's body is larger than we read."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self) -> None:
        super().__init__(f"The body must not be larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE:,} bytes.")


class BoundedJSONParser(BaseParser):
    """
    UTF-8 JSON as RFC 8259 has it.

    Refuses what Python's parser lets through or breaks on: NaN and Infinity, nesting without end, numbers of thousands
    of digits, and halves of surrogate pairs, which no database takes.
    """

    media_type = "application/json"

    @override
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """
        The body's value.

        :raises BodyTooLarge: it is larger than `DATA_UPLOAD_MAX_MEMORY_SIZE`
        :raises ParseError: it is not such JSON
        """
        body = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise BodyTooLarge
        try:
            text = body.decode("utf-8")
            value = json.loads(text, parse_constant=_refuse_constant)
            if "\\ud" in text.lower():
                json.dumps(value, ensure_ascii=False).encode("utf-8")
        except RecursionError:
            message = "The body is nested too deeply."
            raise ParseError(message) from None
        except UnicodeError:
            message = "The body is no valid UTF-8 text."
            raise ParseError(message) from None
        except ValueError as error:
            message = f"The body is no JSON: {error}."
            raise ParseError(message) from None
        return value


def _refuse_constant(name: str) -> Never:
    message = f"{name} is no JSON number"
    raise ValueError(message)
