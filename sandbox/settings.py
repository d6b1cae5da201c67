# SPDX-License-Identifier: AGPL-3.0-only
"""Settings of the exam service in the sandbox: the local ones, with the sandbox LMS as its platform, and its tool."""

from edx_exams.settings.local import *  # noqa: F403
from edx_exams.settings.local import (
    CORS_ORIGIN_WHITELIST,
    CSRF_TRUSTED_ORIGINS,
    JWT_AUTH,
    LOGGING,
    TOKEN_SIGNING,
)
from sandbox import keys
from sandbox.environment import SSO_KEY, SSO_SECRET, WORKER_KEY, WORKER_SECRET, this_sandbox

_place = this_sandbox()

# The sandbox LMS signs with a key of its own; the service knows only the public half, as it would in production.
JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"] = keys.public_keys(_place.keys, keys.LMS)
TOKEN_SIGNING["JWT_PRIVATE_SIGNING_JWK"] = keys.private_key(_place.keys, keys.EXAMS)

# Where the pages are that call the service.
_pages = dict.fromkeys([_place.lms_url, _place.learning_origin])
CORS_ORIGIN_WHITELIST = [*CORS_ORIGIN_WHITELIST, *_pages]
CSRF_TRUSTED_ORIGINS = [*CSRF_TRUSTED_ORIGINS, *_pages]

ROOT_URL = _place.exams_url
LMS_ROOT_URL = _place.lms_url
LEARNING_MICROFRONTEND_URL = _place.learning_url
EXAMS_DASHBOARD_MFE_URL = f"{_place.lms_url}/dashboard"

# A course without a provider here is the older exam system's, which the sandbox LMS stands in for.
LEGACY_EXAMS_ENABLED = True
BACKEND_SERVICE_EDX_OAUTH2_KEY = WORKER_KEY
BACKEND_SERVICE_EDX_OAUTH2_SECRET = WORKER_SECRET

# Who is global staff on the platform signs on to the admin there.
SOCIAL_AUTH_EDX_OAUTH2_KEY = SSO_KEY
SOCIAL_AUTH_EDX_OAUTH2_SECRET = SSO_SECRET
SOCIAL_AUTH_EDX_OAUTH2_ISSUER = _place.lms_url
SOCIAL_AUTH_EDX_OAUTH2_URL_ROOT = _place.lms_url
SOCIAL_AUTH_EDX_OAUTH2_PUBLIC_URL_ROOT = _place.lms_url
SOCIAL_AUTH_EDX_OAUTH2_LOGOUT_URL = f"{_place.lms_url}/logout"

# Proctoring: this service is the platform, and its tool's keys are fetched from this computer.
PLATFORM_NAME = "Sandbox Campus"
LTI_API_BASE = _place.exams_url
LTI_TOOL_URL_ALLOWED_HOSTS = ["localhost"]

# Each event as a line on the terminal, in place of a bus.
EVENT_BUS_RELAY_PRODUCER = "log"

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = _place.var / "mail"

# The terminal belongs to the sandbox's own words and the events: of all else only what went wrong is logged, and once.
# A refusal is shown to whoever asked; a paused exam's page is refused the content every other second.
LOGGING["loggers"] |= {
    "django": {"level": "INFO"},
    "django.request": {"level": "ERROR"},
    "django.server": {"level": "ERROR"},
    "edx_exams": {"level": "WARNING"},
}
