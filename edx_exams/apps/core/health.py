# SPDX-License-Identifier: AGPL-3.0-only
"""Details of `/health/` beside the database: the apps that know more register it here."""

from collections.abc import Callable, Mapping
from typing import Any, Final

_details: Final[dict[str, Callable[[], Any]]] = {}


def register_detail(name: str, detail: Callable[[], Any]) -> None:
    """
    Add a detail to `/health/`. It informs: whether the service is healthy does not depend on it.

    :param name: under which it appears
    :param detail: asks the database one or two statements, and returns what JSON can hold
    """
    _details[name] = detail


def details() -> Mapping[str, Any]:
    """All details, by name. Asks the database."""
    return {name: detail() for name, detail in _details.items()}
