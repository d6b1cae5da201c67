"""System checks of the LTI platform."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiPlatformKey


@register(TAG)
def check_encryption_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The keys that encrypt the platform's private keys are Fernet keys."""
    try:
        platform_keys.encryption()
    except platform_keys.BadEncryptionKey as error:
        return [
            Error(
                str(error),
                hint="cryptography.fernet.Fernet.generate_key() makes one.",
                id="edx_exams.lti.E001",
            )
        ]
    return []


@register(Tags.database)
def check_platform_keys(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Every stored private key can be opened: `manage.py check --database default`."""
    locked: list[str] = []
    for alias in databases or ():
        try:
            rows = list(LtiPlatformKey.objects.using(alias).filter(retired_at=None).order_by("pk"))
            locked += [f"{row.kid} (tool {row.tool_id})" for row in rows if not platform_keys.can_open(row)]
        except (DatabaseError, platform_keys.BadEncryptionKey):
            continue  # not migrated yet, or told by the check above
    if not locked:
        return []
    source = "LTI_KEY_ENCRYPTION_KEYS" if settings.LTI_KEY_ENCRYPTION_KEYS else "SECRET_KEY"
    return [
        Error(
            f"No encryption key opens these platform keys: {', '.join(locked)}. Their tools cannot be launched.",
            hint=f"{source} has changed. Put the former one back behind the new one, and run rotate_lti_encryption.",
            id="edx_exams.lti.E002",
        )
    ]
