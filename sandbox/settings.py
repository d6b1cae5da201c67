"""Settings of the exam service in the sandbox: the local ones, with the sandbox LMS as its platform."""

from edx_exams.settings.local import *  # noqa: F403
from edx_exams.settings.local import (
    CORS_ORIGIN_WHITELIST,
    CSRF_TRUSTED_ORIGINS,
    JWT_AUTH,
    LOGGING,
    TOKEN_SIGNING,
)
from sandbox import keys
from sandbox.environment import this_sandbox

_place = this_sandbox()

# The sandbox LMS signs with a key of its own; the service knows only the public half, as it would in production.
JWT_AUTH["JWT_PUBLIC_SIGNING_JWK_SET"] = keys.public_keys(_place.keys, keys.LMS)
TOKEN_SIGNING["JWT_PRIVATE_SIGNING_JWK"] = keys.private_key(_place.keys, keys.EXAMS)

CORS_ORIGIN_WHITELIST = [*CORS_ORIGIN_WHITELIST, _place.lms_url]
CSRF_TRUSTED_ORIGINS = [*CSRF_TRUSTED_ORIGINS, _place.lms_url]

ROOT_URL = _place.exams_url
LMS_ROOT_URL = _place.lms_url
LEARNING_MICROFRONTEND_URL = f"{_place.lms_url}/learning"
EXAMS_DASHBOARD_MFE_URL = f"{_place.lms_url}/dashboard"

# Every course here is ours; there is no older service to ask.
LEGACY_EXAMS_ENABLED = False

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = _place.var / "mail"

# The terminal belongs to the sandbox's own words: of the many requests only those that failed are logged, and once.
LOGGING["loggers"] |= {"django": {"level": "INFO"}, "django.server": {"level": "ERROR"}}
