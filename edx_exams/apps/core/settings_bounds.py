# SPDX-License-Identifier: AGPL-3.0-only
"""Types and bounds of the settings that core and the service as a whole read."""

from collections.abc import Mapping
from typing import Final

from django.conf import global_settings

from edx_exams.apps.core.setting_rules import (
    ANY_TEXT,
    DOTTED_NAME,
    FLAG,
    MAPPING,
    ORIGIN,
    TEXT,
    URL,
    Rule,
    like,
    list_of,
    one_of,
    seconds,
    whole_number,
)

_HEADER: Final = Rule(
    lambda value: (
        value is None
        or (isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(part, str) for part in value))
    ),
    "a list of a header's name as Django has it and its value: [HTTP_X_FORWARDED_PROTO, https]",
)

#: Django's own settings that may be None, though their default is a number.
_MAY_BE_NONE: Final = frozenset(
    {"CSRF_COOKIE_AGE", "DATA_UPLOAD_MAX_MEMORY_SIZE", "DATA_UPLOAD_MAX_NUMBER_FIELDS", "DATA_UPLOAD_MAX_NUMBER_FILES"}
)

#: Of each setting of Django whose default tells its type: `SESSION_COOKIE_AGE: "two weeks"` fails at a log-in only.
_LIKE_DJANGOS_DEFAULTS: Final[Mapping[str, Rule]] = {
    name: rule.or_none() if name in _MAY_BE_NONE else rule
    for name in dir(global_settings)
    if name.isupper() and (rule := like(getattr(global_settings, name))) is not None
}

RULES: Final[Mapping[str, Rule]] = {
    **_LIKE_DJANGOS_DEFAULTS,
    "DEBUG": FLAG,
    "ALLOWED_HOSTS": list_of(ANY_TEXT),
    "CORS_ORIGIN_WHITELIST": list_of(ORIGIN),
    "CORS_ALLOW_CREDENTIALS": FLAG,
    "CORS_ALLOW_HEADERS": list_of(ANY_TEXT),
    "CSRF_TRUSTED_ORIGINS": list_of(ORIGIN),
    "SECURE_PROXY_SSL_HEADER": _HEADER,
    "SESSION_COOKIE_SECURE": FLAG,
    "DATABASES": MAPPING,
    "CACHES": MAPPING,
    "LOCK_WAIT_TIMEOUT": whole_number(1, 50),
    "DATA_UPLOAD_MAX_MEMORY_SIZE": whole_number(10_000, 100_000_000),
    "PLATFORM_NAME": TEXT,
    "DEFAULT_FROM_EMAIL": TEXT,
    "EMAIL_BACKEND": DOTTED_NAME,
    "EMAIL_TIMEOUT": seconds(1, 300).or_none(),
    "PROCTORED_START_REQUIRES_TOOL": FLAG,
    "PROCTORING_TOOL_OF_EXAM": DOTTED_NAME.or_none(),
    "SWEEP_BATCH_SIZE": whole_number(1, 10_000),
    "ENABLE_AUTO_AUTH": FLAG,
    "EXTRA_SCOPE": list_of(ANY_TEXT),
    "JWT_AUTH.JWT_LEEWAY": seconds(0, 600).or_absent(),
    "JWT_AUTH.JWT_ALGORITHM": one_of("HS256", "RS256", "RS512").or_absent(),
    "JWT_AUTH.JWT_VERIFY_EXPIRATION": FLAG.or_absent(),
    "JWT_AUTH.JWT_AUTH_HEADER_PREFIX": TEXT.or_absent(),
    "EDX_DRF_EXTENSIONS.ENABLE_SET_REQUEST_USER_FOR_JWT_COOKIE": Rule(
        lambda value: value is False, "False: in a browser a session may be another person's than the JWT's"
    ).or_absent(),
    "TOKEN_SIGNING.JWT_ISSUER": TEXT,
    "TOKEN_SIGNING.JWT_SUPPORTED_VERSION": TEXT,
    "TOKEN_SIGNING.JWT_SIGNING_ALGORITHM": one_of("RS256", "RS384", "RS512"),
    "LOG_REQUESTS": FLAG,
    "METRICS_ENABLED": FLAG,
    "LOGGING_FORMAT": one_of("openedx", "json"),
    "OPENEDX_TELEMETRY": list_of(TEXT),
}

#: Where the platform is, and who signs its tokens. What base leaves as a placeholder is a warning only.
ADDRESSES: Final[Mapping[str, Rule]] = {
    "LMS_ROOT_URL": URL,
    "ROOT_URL": URL,
    "LEARNING_MICROFRONTEND_URL": URL,
    "EXAMS_DASHBOARD_MFE_URL": URL,
    "SOCIAL_AUTH_EDX_OAUTH2_ISSUER": TEXT,
    "SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT": URL,
    "SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL": URL,
    "SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT": URL,
    "JWT_AUTH.JWT_ISSUER": TEXT,
}
