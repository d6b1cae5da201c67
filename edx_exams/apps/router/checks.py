"""System checks of the router."""

from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from edx_exams.apps.core.checks import TAG

_SECONDS: Final = ("LEGACY_CONNECT_TIMEOUT", "LEGACY_READ_TIMEOUT", "LEGACY_PAUSE_AFTER_FAILURE")


@register(TAG)
def check_times(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every wait for the legacy service has an end."""
    return [
        Error(
            f"{name} is {getattr(settings, name)!r}, which is not a valid number of seconds above 0.",
            hint="Without an end to waiting, a slow LMS would stop the workers of this service.",
            id="edx_exams.router.E001",
        )
        for name in _SECONDS
        if not _is_positive_number(getattr(settings, name))
    ]


def _is_positive_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < float("inf")
