# SPDX-License-Identifier: AGPL-3.0-only
"""System checks of the LTI platform."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004  (the framework's name)
from django.db import DatabaseError

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.core.setting_rules import ANY_TEXT, FLAG, HOST, URL, Rule, list_of, violations, whole_number
from edx_exams.apps.lti import addresses, platform_keys
from edx_exams.apps.lti.models import LtiPlatformKey

RULES: Final[Mapping[str, Rule]] = {
    "LTI_API_BASE": URL.or_none(),
    "LTI_BASE": URL.or_none(),
    "LTI_BROWSER_EXTENSION_URL": URL,
    "LTI_KEY_ENCRYPTION_KEYS": list_of(ANY_TEXT),
    "LTI_TOOL_URL_ALLOWED_HOSTS": list_of(HOST),
    "LTI_REQUIRE_JTI": FLAG,
    "LTI_MAX_PAUSE_MINUTES": whole_number(1, 525_600),
    "LTI_PAUSE_EXTENDS_DUE_DATE": FLAG,
}


@register(TAG)
def check_values(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings are of the type and within the bounds that the platform relies on."""
    return list(violations(RULES, id="edx_exams.lti.E010"))


@register(TAG)
def check_base(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of an address at which browsers would not keep the launch cookie, or tools would not find the service."""
    base = urlsplit(str(addresses.issuer()))
    if not settings.REFUSE_PLACEHOLDER_SECRETS:
        return []
    faults = []
    if base.scheme == "http":
        faults.append("is not https: launches fail in most browsers")
    if base.path.strip("/"):
        faults.append("has a path, which the addresses that tools are told do not have")
    hint = "It is LTI_API_BASE; without it LTI_BASE, then LMS_ROOT_URL."
    return [
        Warning(f"The address of the LTI platform {fault}.", hint=hint, id="edx_exams.lti.W001") for fault in faults
    ]


@register(TAG)
def check_encryption_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The keys that encrypt the platform's private keys are Fernet keys."""
    are_texts = RULES["LTI_KEY_ENCRYPTION_KEYS"].accepts(settings.LTI_KEY_ENCRYPTION_KEYS)
    if not (are_texts and isinstance(settings.SECRET_KEY, str)):
        return []  # told by `check_values` and core's `check_secrets`
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
    source, place = "SECRET_KEY", "into SECRET_KEY_FALLBACKS"
    if settings.LTI_KEY_ENCRYPTION_KEYS:
        source, place = "LTI_KEY_ENCRYPTION_KEYS", "behind the new one"
    return [
        Error(
            f"No encryption key opens these platform keys: {', '.join(locked)}. Their tools cannot be launched.",
            hint=f"{source} has changed. Put the former one back, {place}, and run rotate_lti_encryption.",
            id="edx_exams.lti.E002",
        )
    ]
