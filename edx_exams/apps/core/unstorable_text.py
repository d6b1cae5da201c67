# SPDX-License-Identifier: AGPL-3.0-only
"""Characters that a database cannot keep: utf8mb3 has none beyond the basic plane, and nothing has half a surrogate."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from django.db import DataError, OperationalError, connections, router
from django.db.models import Model

#: Half of a surrogate pair, which JSON can carry and which is no character.
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
#: What takes four bytes: emoji, rare Chinese characters.
_FOUR_BYTES: Final = re.compile("[\U00010000-\U0010ffff]")
#: Errors of MySQL and MariaDB about a text that a column or a comparison cannot hold.
_MYSQL_UNSTORABLE: Final = frozenset({1267, 1270, 1271, 1300, 1366, 3854, 3988})


class UnstorableText(DataError):
    """A text holds a character that the database cannot store, or compare with what is stored."""

    def __init__(self) -> None:
        super().__init__(
            "A text holds a character that cannot be stored here, such as an emoji or a rare character. "
            "Please leave it out."
        )


def refuse_unstorable_text(
    execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Mapping[str, Any]
) -> Any:
    """
    Wrap the execution of each statement: such a text is bad input, wherever it comes in, and no outage.

    MySQL reports it as an operational error, the drivers as an error of encoding.

    :raises UnstorableText: a parameter is such a text
    """
    try:
        return execute(sql, parameters, many, context)
    except UnicodeEncodeError:
        raise UnstorableText from None  # its text quotes the parameter
    except OperationalError as error:
        if error.args and error.args[0] in _MYSQL_UNSTORABLE:
            raise UnstorableText from None
        raise


def without_surrogates(text: str) -> str:
    """The text without halves of surrogate pairs."""
    return _SURROGATES.sub("", text)


def storable(text: str, model: type[Model], field_name: str) -> str:
    """The text without the characters that this field's column cannot hold."""
    text = without_surrogates(text)
    if _FOUR_BYTES.search(text) and not _holds_four_bytes(router.db_for_write(model), model, field_name):
        return _FOUR_BYTES.sub("", text)
    return text


@lru_cache(maxsize=64)
def _holds_four_bytes(alias: str, model: type[Model], field_name: str) -> bool:
    """Look the column's character set up, once a process."""
    connection = connections[alias]
    if connection.vendor != "mysql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT character_set_name FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s AND column_name = %s",
            [model._meta.db_table, field_name],  # no column of text is named otherwise than its field
        )
        row = cursor.fetchone()
    return bool(row) and row[0] == "utf8mb4"
