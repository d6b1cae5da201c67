# SPDX-License-Identifier: AGPL-3.0-only
"""The router app."""

import logging
from collections.abc import Mapping
from typing import Final, override

from django.apps import AppConfig

#: Loggers that would tell addresses, whose queries name people, and the levels from which they tell none.
_TELL_ADDRESSES: Final[Mapping[str, int]] = {
    "urllib3.connection": logging.ERROR,
    "urllib3.connectionpool": logging.INFO,
}


class RouterConfig(AppConfig):
    """
    Courses whose exams are still in edx-proctoring, the older exam system within the LMS.

    To be deleted in one piece with it; nobody imports it.
    """

    name = "edx_exams.apps.router"
    label = "router"

    @override
    def ready(self) -> None:
        """Register the checks, and silence what would log addresses."""
        from edx_exams.apps.router import checks  # noqa: F401, PLC0415  (registers itself)

        for name, level in _TELL_ADDRESSES.items():
            logging.getLogger(name).setLevel(level)
