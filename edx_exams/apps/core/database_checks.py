# SPDX-License-Identifier: AGPL-3.0-only
"""System checks of the database itself. Django runs them with `migrate`, and with `check --database default`."""

from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.core import checks
from django.db import connections

from edx_exams.apps.core.collations import tables_short_of_utf8mb4

#: Names of tables that are listed; a whole database of them would fill the terminal.
_LISTED: Final = 5


@checks.register(checks.Tags.database)
def check_character_sets(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001  (Django passes them)
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ARG001
) -> list[checks.CheckMessage]:
    """Warn of tables that cannot hold every character: a learner's name is stored without its emoji there."""
    messages: list[checks.CheckMessage] = []
    for alias in databases or ():
        if tables := tables_short_of_utf8mb4(connections[alias]):
            names = ", ".join(tables[:_LISTED]) + (", …" if len(tables) > _LISTED else "")
            messages.append(
                checks.Warning(
                    f"{len(tables)} tables of the database {alias!r} cannot hold emoji and rare characters: {names}.",
                    hint="Run `manage.py convert_to_utf8mb4 --dry-run`, and without --dry-run when nobody is at work.",
                    id="edx_exams.W050",
                )
            )
    return messages
