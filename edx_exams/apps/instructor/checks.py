# SPDX-License-Identifier: AGPL-3.0-only
"""System checks of the instructor dashboard's API."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.core.checks import CheckMessage, register

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.core.setting_rules import DOTTED_NAME, FLAG, TEXT, Rule, violations

RULES: Final[Mapping[str, Rule]] = {
    "INSTRUCTOR_API_FORWARDER": DOTTED_NAME.or_none(),
    "INSTRUCTOR_API_CSRF_COOKIE": TEXT,
    "INSTRUCTOR_API_REVIEW_DASHBOARD": FLAG,
}


@register(TAG)
def check_values(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings are of the type that the dashboard's API relies on."""
    return list(violations(RULES, id="edx_exams.instructor.E001"))
