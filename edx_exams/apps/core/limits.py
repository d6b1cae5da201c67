# SPDX-License-Identifier: AGPL-3.0-only
"""Bounds of columns and checks of text, each once: the values that every database can hold."""

from functools import cache
from typing import Any, Final, TypeGuard

from django.db import models

#: Largest number that an integer column holds on every database.
MAX_INTEGER: Final = 2**31 - 1
#: Minutes of a time limit, of an allowance, of what a tool grants: a year.
MAX_MINUTES: Final = 525_600
#: Characters of a course id, a usage key, a resource id: of every column that identifies something by text.
MAX_IDENTIFIER_LENGTH: Final = 255


def is_storable_text(value: object, max_length: int, *, allow_empty: bool = False) -> TypeGuard[str]:
    """
    Return True for text that a column of `max_length` characters holds.

    JSON can carry NUL and unpaired surrogates, which no database stores.
    """
    if not isinstance(value, str) or (not value and not allow_empty) or len(value) > max_length:
        return False
    return "\0" not in value and not has_surrogates(value)


def has_surrogates(text: str) -> bool:
    """Return True for text with an unpaired surrogate: it cannot be encoded as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_storable(value: object, field: "models.Field[Any, Any]") -> bool:
    """Return True for a value of the field's own type that its column holds: nothing is converted, no `1` is `True`."""
    if isinstance(field, models.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, models.IntegerField):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER
    return is_storable_text(value, field.max_length or 0, allow_empty=True)


@cache
def concrete_field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    """Return a model's field of its own, by a name that is known at run time alone."""
    return next(field for field in model._meta.concrete_fields if field.name == name)


def has_outer_blanks(text: str) -> bool:
    """Return True for text that begins or ends with white space: MySQL takes `a` and `a ` for the same identifier."""
    return text != text.strip()
