# SPDX-License-Identifier: AGPL-3.0-only
"""System checks of the router."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.core.checks import CheckMessage, register

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.core.setting_rules import DOTTED_NAME, FLAG, URL, Rule, seconds, violations

#: Every wait for the legacy service has an end, or a slow LMS would stop the workers of this service.
_WAIT: Final = seconds(0.1, 300)

RULES: Final[Mapping[str, Rule]] = {
    "LEGACY_EXAMS_ENABLED": FLAG,
    "LEGACY_INTERNAL_URL": URL.or_none(),
    "ACTIVE_ATTEMPT_ELSEWHERE": DOTTED_NAME.or_none(),
    "LEGACY_CONNECT_TIMEOUT": _WAIT,
    "LEGACY_READ_TIMEOUT": _WAIT,
    "LEGACY_WRITE_TIMEOUT": _WAIT,
    "LEGACY_PAUSE_AFTER_FAILURE": seconds(0.1, 3600),
}


@register(TAG)
def check_values(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings are of the type and within the bounds that the router relies on."""
    return list(violations(RULES, id="edx_exams.router.E001"))
