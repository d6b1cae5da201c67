# SPDX-License-Identifier: AGPL-3.0-only
"""The instructor app."""

from typing import override

from django.apps import AppConfig


class InstructorConfig(AppConfig):
    """
    The API of the platform's instructor dashboard, for courses whose exams are here.

    Thin: it speaks the dashboard's shapes, and asks core. It must not grow rules of its own.
    """

    name = "edx_exams.apps.instructor"
    label = "instructor"

    @override
    def ready(self) -> None:
        """Register the checks."""
        from edx_exams.apps.instructor import checks  # noqa: F401, PLC0415  (registers itself)
