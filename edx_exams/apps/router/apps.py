"""The router app."""

import logging
from typing import override

from django.apps import AppConfig


class RouterConfig(AppConfig):
    """
    Courses whose exams are still in edx-proctoring, the older exam system within the LMS.

    To be deleted in one piece with it; nobody imports it.
    """

    name = "edx_exams.apps.router"
    label = "router"

    @override
    def ready(self) -> None:
        """Register the checks, and silence what would log addresses: their queries name people."""
        from edx_exams.apps.router import checks  # noqa: F401, PLC0415  (registers itself)

        logging.getLogger("urllib3.connection").setLevel(logging.ERROR)
